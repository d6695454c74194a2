import { type BackgroundLoad, backgroundLoad, fixedUs } from './background-load.ts'
import { type ClusterLimit, clusterLimits, threadsOf } from './cluster-limits.ts'
import { checkedPlan, type ClusterPlan } from './cluster-plan.ts'
import { type RequestLoad, requestLoad } from './request-load.ts'
import { unevenness } from './ring-load.ts'
import type { ServiceTimes } from './service-times.ts'

/** What holds throughput: all cores of the hosts, the data threads, the cores that a nats-server may use, or the network. */
export type Bottleneck = 'cores' | 'data threads' | 'nats-server' | 'network'

export interface Prediction {
  readonly plan: ClusterPlan
  readonly put: RequestLoad
  readonly get: RequestLoad
  readonly background: BackgroundLoad
  /** Operations a second of the whole cluster, with the plan's share of gets. */
  readonly throughput: number
  /** The same of gets alone, and of puts alone. */
  readonly gets: number
  readonly puts: number
  readonly bottleneck: Bottleneck
  /** What each of them would allow. */
  readonly bounds: Readonly<Record<Bottleneck, number>>
  /** Of the hosts' CPU, whether anybody asks them or not. */
  readonly fixedShare: number
  /** The same while a host is away. */
  readonly fixedShareAway: number
  /** How much more the fullest host has to do than the average one. */
  readonly unevenness: number
  /** Those that the plan passes: what breaks before what costs, the furthest first. */
  readonly passed: readonly ClusterLimit[]
}

/** A quarter of the cores: `goSettings` in `bus/nats-server.ts`. */
const coresPerNatsCore = 4

/**
 * What a cluster of equal hosts does, from service times that were measured on a small one. The fullest host decides: of its CPU the
 * fixed part is taken off, and the rest is divided by what an operation takes.
 * @throws {RangeError} the plan is of no cluster
 */
export function predict(plan: ClusterPlan, times: ServiceTimes): Prediction {
  checkedPlan(plan)
  const put = requestLoad('put', plan, times)
  const get = requestLoad('get', plan, times)
  const background = backgroundLoad(plan, times, threadsOf(plan))
  const bounds = boundsAt(plan.readShare)
  const [bottleneck, throughput] = leastOf(bounds)
  const cpu = plan.coresPerHost * 1e6
  const fixed = fixedUs(background)
  return {
    plan,
    put,
    get,
    background,
    throughput,
    gets: leastOf(boundsAt(1))[1],
    puts: leastOf(boundsAt(0))[1],
    bottleneck,
    bounds,
    fixedShare: fixed / cpu,
    fixedShareAway: (fixed + background.us.away) / cpu,
    unevenness: unevenness(plan),
    passed: clusterLimits
      .filter(limit => limit.used(plan, times) > 1)
      .sort((a, b) => a.effect.localeCompare(b.effect) || b.used(plan, times) - a.used(plan, times))
  }

  function boundsAt(readShare: number): Record<Bottleneck, number> {
    const mix = (of: (load: RequestLoad) => number): number => readShare * of(get) + (1 - readShare) * of(put)
    const { hosts, utilisation, coresPerHost, networkBytes } = plan
    const natsCores = Math.max(1, Math.floor(coresPerHost / coresPerNatsCore))
    const whole = (perHost: number, perOperation: number): number =>
      (hosts * Math.max(0, perHost)) / perOperation / unevenness(plan)
    return {
      cores: whole(
        coresPerHost * 1e6 * utilisation - fixedUs(background),
        mix(load => load.hostsUs + load.natsUs)
      ),
      'data threads': whole(
        threadsOf(plan) * 1e6 * utilisation,
        readShare * times.get.dataThreadShare * get.hostsUs + (1 - readShare) * times.put.dataThreadShare * put.hostsUs
      ),
      'nats-server': whole(
        natsCores * 1e6 * utilisation - background.us.routes,
        mix(load => load.natsUs)
      ),
      network: whole(
        networkBytes * utilisation - background.bytes,
        mix(load => load.bytes)
      )
    }
  }
}

function leastOf(bounds: Readonly<Record<Bottleneck, number>>): [Bottleneck, number] {
  const entries = Object.entries(bounds) as [Bottleneck, number][]
  return entries.reduce((least, one) => (one[1] < least[1] ? one : least))
}
