import { limits } from '../../model/limits.ts'
import type { ClusterPlan } from './cluster-plan.ts'
import { peersOf } from './ring-load.ts'
import type { OperationTimes, ServiceTimes } from './service-times.ts'

export type OperationKind = 'put' | 'get'

/** What one operation takes of the whole cluster. */
export interface RequestLoad {
  /** From one thread to another, the client's request and its reply included. */
  readonly messages: number
  /** NATS messages in which they travel. */
  readonly batches: number
  /** µs of CPU. */
  readonly clientUs: number
  readonly hostsUs: number
  readonly natsUs: number
  /** That the hosts send to each other and to the client, with what NATS adds. */
  readonly bytes: number
}

interface MessageCounts {
  readonly toPeers: number
  readonly withClient: number
}

/** Measured in simulation, 100-byte values: bytes that pass between hosts and client for an operation, see docs/scaling.md. */
const bytesOf100 = { put: 655, get: 342 }
/** Operation names, subjects and lengths of a NATS message, about. */
const natsBytes = 90

/**
 * Messages of an operation whose client knows the ring and sends to an owner: that owner's vnode is on the coordinator's own thread, so
 * it costs none. Neither formula has the number of hosts in it.
 *
 *     put   request, reply; for each other owner `replicate` and `stored`              2 + 2 (N − 1)
 *     get   request, reply; `compare` and `same` of R − 1, one time in 1/q of N − 1     2 + 2 (R − 1) + 2 q (N − R)
 */
export function messagesOf(kind: OperationKind, plan: ClusterPlan): MessageCounts {
  const owners = Math.min(plan.replicas, plan.hosts)
  const reads = Math.min(plan.reads, owners)
  const toPeers = kind === 'put' ? 2 * (owners - 1) : 2 * (reads - 1) + 2 * plan.readRepairChance * (owners - reads)
  return { toPeers, withClient: 2 }
}

/** Messages more where the client does not know the ring: chance that whoever it asks owns nothing of the key and passes it on. */
export function forwardsOf({ hosts, replicas }: Pick<ClusterPlan, 'hosts' | 'replicas'>): number {
  return 1 - Math.min(replicas, hosts) / hosts
}

/** How many of `destinations` get something when `messages` are spread over them by chance. */
export function destinationsHit(messages: number, destinations: number): number {
  if (destinations <= 1) return Math.min(1, messages)
  return destinations * (1 - (1 - 1 / destinations) ** messages)
}

/** Messages of one turn whose batches hold `perBatch` on average, over so many destinations. */
export function messagesOfTurn(perBatch: number, destinations: number): number {
  let [low, high] = [perBatch, perBatch * destinations * 4]
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (middle / destinationsHit(middle, destinations) < perBatch) low = middle
    else high = middle
  }
  return Math.max(1, low)
}

/**
 * Bus messages in one NATS message. What leaves a thread in one turn was about so many messages when it was measured, and grows with the
 * requests under way; the more hosts they go to, the fewer go together.
 */
export function messagesPerBatch(measured: OperationTimes, times: ServiceTimes, plan: ClusterPlan, destinations: number): number {
  const turnMeasured = messagesOfTurn(measured.messagesPerBatch, times.measuredHosts - 1)
  const turn = Math.max(1, (turnMeasured * plan.inFlightPerHost) / inFlightMeasured)
  return turn / destinationsHit(turn, Math.max(1, destinations))
}

/** 256 in flight on three hosts. */
const inFlightMeasured = 256 / 3

export function requestLoad(kind: OperationKind, plan: ClusterPlan, times: ServiceTimes): RequestLoad {
  const measured = times[kind]
  const messages = messagesOf(kind, plan)
  const total = messages.toPeers + messages.withClient
  const peers = peersOf(plan)
  const perBatch = messagesPerBatch(measured, times, plan, peers)
  // The client's connections hold what goes to one host; its replies come from as many.
  const clientPerBatch = messagesPerBatch(measured, times, plan, Math.max(plan.hosts - 1, plan.clientsPerHost))
  const batches = messages.toPeers / perBatch + messages.withClient / clientPerBatch
  const routed =
    (messages.toPeers / perBatch) * (1 - nearShare(peers)) + (messages.withClient / clientPerBatch) * (1 - nearShare(plan.hosts))
  const then = atMeasurement(kind, plan, times)
  // What does not depend on batches grows with the messages: with N, R.
  const growth = total / then.messages
  const part = (whole: number, each: number): number => Math.max(0, whole - each * then.batches) * growth + each * batches
  const copies = kind === 'put' ? Math.min(plan.replicas, plan.hosts) : 1
  return {
    messages: total,
    batches,
    clientUs: part(measured.client, times.batch.client),
    hostsUs: part(measured.hosts, times.batch.hosts),
    natsUs: part(measured.nats, times.batch.nats) + times.route * routed,
    bytes: bytesOf100[kind] * growth + (plan.valueBytes - 100) * copies + natsBytes * batches
  }
}

/** Messages and batches of an operation as it was measured. */
function atMeasurement(kind: OperationKind, plan: ClusterPlan, times: ServiceTimes): { messages: number; batches: number } {
  const usual = { ...plan, hosts: times.measuredHosts, replicas: 3, reads: 2, writes: 2 }
  const { toPeers, withClient } = messagesOf(kind, usual)
  return { messages: toPeers + withClient, batches: (toPeers + withClient) / times[kind].messagesPerBatch }
}

/** Share of what goes to so many hosts for which there is a connection to the host's own server. */
export function nearShare(hosts: number): number {
  return Math.min(1, limits.nearHostsMax / Math.max(1, hosts))
}
