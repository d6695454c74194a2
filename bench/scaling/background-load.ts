import { floorDefaults } from '../../actors/system-resources.ts'
import { rhythms } from '../../actors/work/work-item.ts'
import { type ClusterPlan, shareOf } from './cluster-plan.ts'
import { gossipLoad } from './gossip-load.ts'
import { peersOf, ringBytes } from './ring-load.ts'
import type { ServiceTimes } from './service-times.ts'

/** What a host does in a second though nobody asks it anything. */
export interface BackgroundLoad {
  /** Messages that it sends to other hosts. */
  readonly between: number
  /** Messages that pass between its own threads. */
  readonly within: number
  /** Bytes that it sends to other hosts, without what NATS adds. */
  readonly bytes: number
  /** Connections of its nats-server to other servers. */
  readonly routes: number
  /** Exchanges that it takes part in; it leads half of them. */
  readonly exchanges: number
  readonly handoffs: number
  /** µs of CPU, by what it is for. */
  readonly us: Readonly<Record<BackgroundWork, number>>
}

/** `away`: more than `clients`, while a host is away: then clients ask for the ring once a second. */
export type BackgroundWork = 'gossip' | 'ring' | 'exchanges' | 'handoffs' | 'floors' | 'routes' | 'clients' | 'away'

/** Of an exchange that finds nothing, both messages with their frames: docs/repair.md. */
const exchangeBytes = 180
/** A vnode that has no tombstones is asked each second time: its pause ends just after the look. */
const floorLooks = 2
/** For each data thread: the subscription to the ring, and that it writes by it, each every two seconds. */
const ringMessages = 1
const [calmSeconds, alertSeconds] = [15, 1]
/** An actor is started under a supervisor, and ends: docs/runtime.md. */
const workerUs = 50

/** @param threads data threads of each host */
export function backgroundLoad(plan: ClusterPlan, times: ServiceTimes, threads: number): BackgroundLoad {
  const { hosts, partitions, replicas } = plan
  const gossip = gossipLoad(hosts)
  const peers = peersOf(plan)
  const exchanges = (peers * 1_000) / rhythms.exchange.periodMs
  // Both sides ask their own vnodes for the roots of each shared partition.
  const roots = (2 * shareOf(plan) * (Math.min(replicas, hosts) - 1) * 1_000) / rhythms.exchange.periodMs
  const handoffs = ((hosts - 1) * 1_000) / rhythms.handoff.periodMs
  const floors = (2 * partitions * 1_000) / hosts / (floorLooks * floorDefaults.roundMs)
  const lists = handoffs * 2 * threads
  const ring = ringMessages * threads
  const lone = times.lone.hosts + times.lone.nats
  // Within a host a message passes one server, and no route.
  const inside = times.lone.hosts + times.lone.nats / 2
  const { json } = ringBytes(plan)
  const ringUs = plan.clientsPerHost * (json * times.ringJsonByte + lone)
  return {
    between: gossip.messages + exchanges,
    within: roots + floors + lists + ring,
    bytes: gossip.bytes + (exchanges * exchangeBytes) / 2,
    routes: hosts - 1,
    exchanges,
    handoffs,
    us: {
      gossip: gossip.messages * lone,
      ring: ring * inside,
      exchanges: exchanges * lone + roots * times.within,
      handoffs: handoffs * workerUs + lists * inside,
      floors: floors * times.within,
      routes: (hosts - 1) * times.routeSecond,
      clients: ringUs / calmSeconds,
      away: ringUs / alertSeconds - ringUs / calmSeconds
    }
  }
}

/** Messages that a host sends in a second to prove floors, where each partition has tombstones: a round asks all hosts. */
export function floorMessages({ hosts, partitions, replicas }: ClusterPlan): number {
  const rounds = (partitions * 1_000) / hosts / (floorLooks * floorDefaults.roundMs)
  return rounds * 2 * (hosts + floorPhases * Math.min(replicas, hosts))
}

/** Those in which the owners are asked: before, prepare, roots, raise, sweep. */
const floorPhases = 5

/** Share of the time in which no host is away: joins and floors wait for it. */
export function allUpShare({ hosts, hoursAway, hoursBetweenFailures }: ClusterPlan): number {
  return (hoursBetweenFailures / (hoursBetweenFailures + hoursAway)) ** hosts
}

export function fixedUs({ us }: BackgroundLoad): number {
  const { away: _, ...always } = us
  return Object.values(always).reduce((sum, one) => sum + one, 0)
}
