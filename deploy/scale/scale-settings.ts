import type { ScaleSettings } from '../../actors/scale/autoscaler-protocol.ts'
import type { HostSettings } from '../configuration-schema.ts'

const shrinkBelow = 0.7
const growLooks = 3
const shrinkLooks = 12
/** A host that was asked for may have to be bought first. */
const waitMs = 900_000
/** Whoever aborts what it submitted does not mean it for two minutes. */
const vetoMs = 900_000

/** @returns undefined where nobody scales the cluster */
export function scaleSettingsOf(host: HostSettings): ScaleSettings | undefined {
  if (host.autoscale === 'off') return undefined
  return {
    hostsMin: host.autoscaleHostsMin,
    hostsMax: host.autoscaleHostsMax,
    targets: {
      cpu: host.autoscaleCpu,
      requestsPerSecond: host.autoscaleRequests,
      p99Ms: host.autoscaleP99Ms,
      disk: host.autoscaleDisk
    },
    shrinkBelow,
    growLooks,
    shrinkLooks,
    cooldownMs: host.autoscaleCooldownMs,
    waitMs,
    vetoMs,
    periodMs: host.autoscalePeriodMs
  }
}
