import { gossipDefaults } from '../../actors/system-resources.ts'
import { rhythms } from '../../actors/work/work-item.ts'
import { limits } from '../../model/limits.ts'
import { seatsMax } from '../../model/seat-rows.ts'
import { suspicionTimes } from '../../model/suspicion.ts'
import { allUpShare } from './background-load.ts'
import { type ClusterPlan, shareOf, shareWanted } from './cluster-plan.ts'
import { peersOf, ringBytes } from './ring-load.ts'
import type { ServiceTimes } from './service-times.ts'

/** `costs`: it goes on, for more. `breaks`: something does not work any more. */
export type LimitEffect = 'costs' | 'breaks'

export interface ClusterLimit {
  readonly name: string
  readonly formula: string
  readonly effect: LimitEffect
  /** Passed where it is above 1. */
  readonly used: (plan: ClusterPlan, times: ServiceTimes) => number
}

/** `max_payload` of `bus/nats-config.ts`. */
const payloadBytesMax = 1_048_576
/** `routesMax` of `bus/nats-bus.ts`: beyond it a thread forgets all that it knows of others, and learns it again. */
const destinationsMax = 4096
/** An exchange under writes looks twice at each tree that differs, 0.3 s apart. */
const exchangeSeconds = 0.6
/** Joins and floors should not wait for more than a tenth of the time. */
const allUpWanted = 0.9
/** Of a host's memory, what its routes should not take. */
const memoryShare = 0.1

/** What is limited by the number of hosts, other than throughput. */
export const clusterLimits: readonly ClusterLimit[] = Object.freeze([
  {
    name: 'near connections',
    formula: `peers ≤ ${limits.nearHostsMax}`,
    effect: 'costs',
    used: plan => peersOf(plan) / limits.nearHostsMax
  },
  {
    name: 'even shares',
    formula: `P × N ÷ n ≥ ${shareWanted}`,
    effect: 'costs',
    used: plan => shareWanted / shareOf(plan)
  },
  {
    name: 'data on every host',
    formula: 'P × N ≥ n',
    effect: 'breaks',
    used: plan => plan.hosts / (plan.partitions * plan.replicas)
  },
  {
    name: 'seats of a zone',
    formula: `n ÷ zones ≤ ${seatsMax}`,
    effect: 'costs',
    used: plan => plan.hosts / plan.zones / seatsMax
  },
  {
    name: 'ring in half a gossip period',
    formula: `2 × t × P × n ≤ ${gossipDefaults.periodMs / 2} ms`,
    effect: 'costs',
    used: (plan, times) => ringMs(plan, times) / (gossipDefaults.periodMs / 2)
  },
  {
    name: 'ring before a suspicion ends',
    formula: `2 × t × P × n ≤ 4 × log10 n × ${gossipDefaults.periodMs} ms`,
    effect: 'breaks',
    used: (plan, times) => ringMs(plan, times) / suspicionTimes(plan.hosts, gossipDefaults.periodMs).minMs
  },
  {
    name: 'ring in one bus message',
    formula: `≤ ${limits.busMessageBytesMax.toLocaleString('en-US')} B`,
    effect: 'breaks',
    used: plan => ringBytes(plan).bus / limits.busMessageBytesMax
  },
  {
    name: 'ring in one answer to a client',
    formula: `≤ ${payloadBytesMax.toLocaleString('en-US')} B`,
    effect: 'breaks',
    used: plan => ringBytes(plan).json / payloadBytesMax
  },
  {
    name: 'rhythm of exchanges',
    formula: `peers ÷ 2 × ${exchangeSeconds} s ≤ ${limits.workersMax} × ${rhythms.exchange.periodMs / 1_000} s`,
    effect: 'costs',
    used: plan => (peersOf(plan) * exchangeSeconds * 1_000) / 2 / (limits.workersMax * rhythms.exchange.periodMs)
  },
  {
    name: 'all hosts up at once',
    formula: `(MTBF ÷ (MTBF + MTTR))^n ≥ ${allUpWanted}`,
    effect: 'costs',
    used: plan => Math.log(allUpShare(plan)) / Math.log(allUpWanted)
  },
  {
    name: 'memory of routes',
    formula: `(n − 1) × m ≤ memory ÷ ${1 / memoryShare}`,
    effect: 'costs',
    used: (plan, times) => ((plan.hosts - 1) * times.routeBytes) / (plan.memoryBytes * memoryShare)
  },
  {
    name: 'threads of a client',
    formula: `n × threads ≤ ${destinationsMax.toLocaleString('en-US')}`,
    effect: 'costs',
    used: plan => (plan.hosts * threadsOf(plan)) / destinationsMax
  },
  {
    name: 'hosts',
    formula: `n ≤ ${limits.hostsMax.toLocaleString('en-US')}`,
    effect: 'breaks',
    used: plan => plan.hosts / limits.hostsMax
  }
])

/** Data threads of a host where nothing else is said: a core is left to the others. */
export function threadsOf({ coresPerHost }: Pick<ClusterPlan, 'coresPerHost'>): number {
  return Math.max(1, Math.floor(coresPerHost) - 1)
}

/** CPU of the system thread when a host joins: the ring as it is, and as it will be. */
export function ringMs({ hosts, partitions }: ClusterPlan, { ringPair }: ServiceTimes): number {
  return (2 * ringPair * partitions * hosts) / 1_000
}

/**
 * The smallest cluster that passes the limit.
 * @param planFor the plan for a number of hosts
 * @returns undefined where none of up to 4,096 hosts does
 */
export function passedAt(limit: ClusterLimit, planFor: (hosts: number) => ClusterPlan, times: ServiceTimes): number | undefined {
  const isPassed = (hosts: number): boolean => limit.used(planFor(hosts), times) > 1
  let high = 2
  while (high <= limits.hostsMax && !isPassed(high)) high *= 2
  if (high > limits.hostsMax) return isPassed(limits.hostsMax + 1) ? limits.hostsMax + 1 : undefined
  let low = high / 2
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (isPassed(middle)) high = middle
    else low = middle
  }
  return high
}
