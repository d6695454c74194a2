import { Type } from './setting-types.ts'
import { limits } from '../model/limits.ts'

/** Settings of the autoscaler, as those of `configuration-schema.ts`. */
export const autoscaleSettings = {
  autoscale: Type.Unsafe<'off' | 'event' | 'local' | 'kubernetes'>({
    key: 'autoscale.by',
    type: 'string',
    enum: ['off', 'event', 'local', 'kubernetes'],
    default: 'off',
    description:
      'Who starts hosts and takes them away as traffic wants it: `event` publishes what is wanted on `<cluster>.event.autoscaler`, `local` asks `carillon dev`, `kubernetes` scales a StatefulSet. The same on every host.'
  }),
  autoscaleHostsMin: Type.Integer({
    key: 'autoscale.hostsMin',
    default: 3,
    minimum: 1,
    maximum: limits.hostsMax,
    description: 'The autoscaler leaves at least so many hosts, and never fewer than any bucket has replicas.'
  }),
  autoscaleHostsMax: Type.Integer({
    key: 'autoscale.hostsMax',
    default: 9,
    minimum: 1,
    maximum: limits.hostsMax,
    description: 'The autoscaler asks for at most so many hosts.'
  }),
  autoscaleCpu: Type.Number({
    key: 'autoscale.cpu',
    default: 0.6,
    minimum: 0,
    maximum: 1,
    description: 'Share of its cores that a host should use at most, as a mean over all. 0: no target.'
  }),
  autoscaleRequests: Type.Integer({
    key: 'autoscale.requestsPerSecond',
    default: 0,
    minimum: 0,
    maximum: limits.requestsPerSecondMax,
    description: 'Requests a second that a host should have at most, as a mean over all. 0: no target.'
  }),
  autoscaleP99Ms: Type.Integer({
    key: 'autoscale.p99Ms',
    default: 0,
    minimum: 0,
    maximum: limits.requestTimeoutMsMax,
    description: 'Milliseconds in which 99 of 100 requests should be through on the slowest host. 0: no target.'
  }),
  autoscaleDisk: Type.Number({
    key: 'autoscale.disk',
    default: 0.7,
    minimum: 0,
    maximum: 1,
    description: 'Share of its disk that the fullest host should use at most. 0: no target.'
  }),
  autoscalePeriodMs: Type.Integer({
    key: 'autoscale.periodMs',
    default: 5_000,
    minimum: 500,
    maximum: 600_000,
    description:
      'Milliseconds from one look of the autoscaler to the next. It asks for a host after 3 looks in a row, and lets one go after 12.'
  }),
  autoscaleCooldownMs: Type.Integer({
    key: 'autoscale.cooldownMs',
    default: 120_000,
    minimum: 0,
    maximum: 86_400_000,
    description: 'Milliseconds that the autoscaler rests after a change of the hosts.'
  }),
  autoscaleStatefulSet: Type.String({
    key: 'autoscale.statefulSet',
    default: 'carillon',
    pattern: '^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$',
    allowed: 'the name of a StatefulSet: 1 to 253 of a-z 0-9 - .',
    description: 'With `kubernetes`: the StatefulSet of the hosts, in the namespace of this pod.'
  })
} as const
