import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { limits } from '../../model/limits.ts'
import type { ActorSpec, Behaviour } from '../../runtime/actor.ts'
import { IdTable } from '../../runtime/id-table.ts'
import { type Counter, durationBounds } from '../../runtime/metrics.ts'
import type { CoordinatorMessage } from './coordinator-protocol.ts'
import { type CoordinatorContext, type CoordinatorState, slotsMax } from './coordinator-state.ts'
import { DirectPuts } from './direct-put.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import { RecentWrites } from './recent-writes.ts'
import { adopt } from '../replication/adopt-operation.ts'
import { owedLedgerOf } from '../replication/owed-ledger.ts'
import { listOwed } from '../replication/owed-list.ts'
import { Shipments } from '../replication/shipments.ts'
import type { GossipMessage } from '../gossip/gossip-protocol.ts'
import { hintLedgerOf } from '../vnode/hint-ledger.ts'
import { HotReads } from './hot-reads.ts'
import { ReplyTimes } from './reply-times.ts'
import { RequestAdmission } from './request-admission.ts'
import { servePeek } from './peek-service.ts'
import { serve } from './request-service.ts'
import { watchHotReads } from './shared-read.ts'
import { ValueCompression } from './value-compression.ts'
import { RingIndex } from '../ring/ring-index.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../ring/ring-keeper-protocol.ts'
import { dataThreadOf, type HostView, isReachable, type RingView } from '../ring/ring-view.ts'
import { wholenessOf } from '../vnode/wholeness.ts'
import type { StoreResources } from '../store-resources.ts'
import type { WorkMessage } from '../work/work-protocol.ts'

export interface CoordinatorArguments {
  /** How to start the vnode of a partition, under the supervisor `vnodes`. */
  readonly vnodeSpec: (partition: number) => ActorSpec
  /** Name of the actor on this thread that hears of accepted writes. */
  readonly door: string | undefined
}

const wheelSlotMs = 10
/** With fewer requests under way nobody waits for long. */
const measuredFrom = 16
const recentWritesMax = limits.coordinatorRequestsMax
/** Without a reply in this time, the ring keeper is asked again. */
const renewMs = ringLeaseMs

/**
 * Serves requests for the partitions of its thread: one per data thread.
 * Passes on what belongs elsewhere, at most twice (to the host, to its thread).
 */
export const coordinator: Behaviour<CoordinatorState, CoordinatorMessage, CoordinatorArguments, StoreResources> = {
  kind: 'coordinator',

  start({ vnodeSpec, door }, context) {
    const { metrics } = context
    const seconds = 'Time from a request to its reply, at the coordinator'
    const refusedHelp = 'Requests that were refused, by code'
    const refusedBy = new Map<string, Counter>()
    const state: CoordinatorState = {
      ring: undefined,
      buckets: {},
      operations: new IdTable(),
      unanswered: 0,
      bytes: 0,
      admission: new RequestAdmission(),
      threads: 1,
      nextOperation: 1,
      settling: undefined,
      wheel: new DeadlineWheel(wheelSlotMs, limits.requestTimeoutMsMax),
      recent: new RecentWrites(recentWritesMax),
      directPuts: new DirectPuts(),
      shipments: new Shipments(metrics, slotsMax),
      replyTimes: new ReplyTimes(context.resources.settings.hedgeMs),
      hotReads: new HotReads(context.resources.settings.hedgeMs),
      compression: new ValueCompression(metrics),
      isTicking: false,
      door:
        door === undefined || !context.resources.settings.events
          ? undefined
          : { address: addressOf(context.thread, door), correlation: 0, incarnation: 0 },
      vnodeSpec,
      figures: {
        get: metrics.histogram('request_seconds', seconds, durationBounds, { operation: 'get' }),
        put: metrics.histogram('request_seconds', seconds, durationBounds, { operation: 'put' }),
        peeked: metrics.counter('peeks_total', 'Replicas that clients asked by themselves'),
        forwarded: metrics.counter('requests_forwarded_total', 'Requests passed on to the coordinator of another thread or host'),
        repaired: metrics.counter('read_repairs_total', 'Replicas that a read found stale and mended'),
        hedged: metrics.counter('reads_hedged_total', 'Replicas asked since others were slow'),
        direct: metrics.counter('puts_direct_total', 'Puts whose clients count the acknowledgements by themselves'),
        recalled: metrics.counter('puts_recalled_total', 'Times that such a client had not heard enough, and asked'),
        coalesced: metrics.counter('reads_coalesced_total', 'Gets of hot keys that were answered by a read of others'),
        refused(code) {
          let counter = refusedBy.get(code)
          if (counter === undefined)
            refusedBy.set(code, (counter = metrics.counter('requests_refused_total', refusedHelp, { code })))
          return counter
        }
      }
    }
    metrics.observe('requests_in_flight', 'Requests under way at coordinators', () => state.operations.size)
    metrics.observe('request_bytes_in_flight', 'Bytes of values in writes under way at coordinators', () => state.bytes)
    metrics.observe('hot_keys', 'Keys that are read so often that reads of them are shared', () => state.hotReads.keys)
    metrics.observe('reads_waiting', 'Gets of hot keys that wait for the next read', () => state.hotReads.waiting)
    metrics.observe(
      'request_wait_seconds',
      'How long what coordinators handle now has waited in their mailboxes',
      () => state.admission.waitedMs(context.now()) / 1000
    )
    subscribe(state, context)
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'get':
      case 'put':
      case 'delete':
        return serve(state, message, context)
      case 'peek':
        return servePeek(state, message, context)
      case 'stored-list':
        return takeAcks(state, message.acks, context)
      case 'recall':
        state.figures.recalled.add()
        return state.directPuts.of(message.replyTo, message.put)?.asked(context)
      case 'mark':
        return state.admission.marked(message.putAtMs)
      case 'tick':
        return tick(state, context)
      case 'ring':
        return takeRing(state, message.view, context)
      case 'buckets':
        state.buckets = message.table
        return
      case 'renew':
        tellOfHints(context)
        state.shipments.expire(context)
        if (state.settling === undefined) tellSettled(state, context)
        return subscribe(state, context)
      case 'list-hints':
        return listHints(state, message, context)
      case 'adopt':
        return adopt(state, message, context)
      case 'adopted':
      case 'not-adopted':
        return state.shipments.replied(context.correlation, message, context)
      case 'list-owed':
        return listOwed(message.replyTo, context)
      case 'got':
      case 'refused': {
        const operation = state.operations.get(Math.floor(context.correlation / slotsMax))
        return operation?.heard?.(context.correlation % slotsMax, message, state, context)
      }
      default: {
        const operation = state.operations.get(Math.floor(context.correlation / slotsMax))
        operation?.replied(context.correlation % slotsMax, message, state, context)
      }
    }
  },

  undelivered(state, reason, context) {
    if (state.shipments.undelivered(context.correlation, `it was not reached (${reason})`)) return
    const operation = state.operations.get(Math.floor(context.correlation / slotsMax))
    operation?.missed(context.correlation % slotsMax, reason, state, context)
  },

  unreachable(state, thread, context) {
    state.shipments.unreachable(thread)
    for (const operation of [...state.operations.values()]) {
      for (const slot of operation.waitsFor(thread)) operation.missed(slot, 'unreachable', state, context)
    }
  },

  idle: state => state.operations.size === 0,

  summary: state => ({
    epoch: state.ring?.view.epoch ?? null,
    requests: state.operations.size,
    unanswered: state.unanswered,
    hot_keys: state.hotReads.summary()
  })
}

/** What clients have known for a moment. */
function takeAcks(state: CoordinatorState, acks: readonly number[], context: CoordinatorContext): void {
  for (let at = 0; at < acks.length; at += 2) {
    const correlation = acks[at]!
    const operation = state.operations.get(Math.floor(correlation / slotsMax))
    operation?.told?.(correlation % slotsMax, acks[at + 1]! / 1000, state, context)
  }
}

function tick(state: CoordinatorState, context: CoordinatorContext): void {
  const now = context.now()
  for (const id of state.wheel.due(now)) {
    const operation = state.operations.get(id)
    if (operation === undefined) continue
    if (now < operation.deadlineMs) operation.overdue(state, context)
    else operation.expired(state, context)
  }
  watchHotReads(state, now, context)
  state.shipments.expire(context)
  settle(state, context)
  if (state.operations.size >= measuredFrom || state.admission.isMeasuring) state.admission.measure(now, context)
  state.isTicking = state.operations.size > 0 || state.admission.isMeasuring
  if (state.isTicking) context.after(state.wheel.slotMs, { kind: 'tick' })
}

function subscribe(state: CoordinatorState, context: CoordinatorContext): void {
  const keeper: Ref<RingKeeperMessage> = {
    address: addressOf(threadAddressOf(context.host, 'system'), 'ring-keeper'),
    correlation: 0,
    incarnation: 0
  }
  context.signal(keeper, { kind: 'subscribe', have: state.ring?.view.revision ?? '', replyTo: context.replyRef<RingNews>(0) })
  context.after(state.ring === undefined ? renewMs / 8 : renewMs, { kind: 'renew' })
}

function takeRing(state: CoordinatorState, view: RingView, context: CoordinatorContext): void {
  const before = state.ring?.view
  state.ring = new RingIndex(view, context.host)
  const self = view.hosts.find(host => host.name === context.host)
  state.shipments.takeRing(view)
  state.threads = self?.threads ?? 1
  // Before there are vnodes: a host that joins, or has lost its disk, answers no reads until it has its data.
  // And one that gives up its place, or was removed, none any more: what is written by the next ring does not reach it.
  const wholeness = wholenessOf(context.resources.store)
  wholeness.epoch = view.epoch
  wholeness.isWhole = self !== undefined && self.state !== 'joining' && self.standing !== 'drained'
  if (before?.partitions !== view.partitions) startVnodes(state, view, context)
  if (before?.epoch !== view.epoch) state.settling = state.nextOperation
  settle(state, context)
  for (const host of view.hosts) {
    // One that is only suspected may answer yet, and where nobody could stand in for it, it is waited for.
    const mayAnswer = isReachable(host) || (host.state === 'suspect' && view.hosts.length <= view.replicas)
    if (host.name !== context.host && !mayAnswer) giveUpOn(host.name, state, context)
  }
}

/** Once what was begun by another ring is over, all that this thread writes goes to the owners of this one, and to those that will be. */
function settle(state: CoordinatorState, context: CoordinatorContext): void {
  if (state.settling === undefined) return
  for (const { id } of state.operations.values()) if (id < state.settling) return
  state.settling = undefined
  tellSettled(state, context)
}

/** Said again and again: a host that joins fetches nothing before all threads of all hosts have settled. */
function tellSettled(state: CoordinatorState, context: CoordinatorContext): void {
  if (state.ring === undefined) return
  const agent: Ref<GossipMessage> = {
    address: addressOf(threadAddressOf(context.host, 'system'), 'gossip-agent'),
    correlation: 0,
    incarnation: 0
  }
  context.signal(agent, { kind: 'settled', thread: context.thread, epoch: state.ring.view.epoch })
}

/** A vnode for each partition of this thread, whoever owns it now: it costs a few hundred bytes, and the ring may move. */
function startVnodes(state: CoordinatorState, view: RingView, context: CoordinatorContext): void {
  const self = view.hosts.find(host => host.name === context.host)
  if (self === undefined) return
  for (const partition of partitionsHere(view, self, context)) context.startChild('vnodes', state.vnodeSpec(partition))
}

function* partitionsHere(view: RingView, self: HostView, context: CoordinatorContext): Generator<number> {
  for (let partition = 0; partition < view.partitions; partition++)
    if (threadAddressOf(context.host, dataThreadOf(self, partition)) === context.thread) yield partition
}

/** Hints that lie here are delivered without any request. */
function tellOfHints(context: CoordinatorContext): void {
  const targets = hintLedgerOf(context.resources.store, context.resources.dots).targets()
  if (targets.length === 0) return
  const keeper: Ref<WorkMessage> = {
    address: addressOf(threadAddressOf(context.host, 'system'), 'work-keeper'),
    correlation: 0,
    incarnation: 0
  }
  context.signal(keeper, { kind: 'hints-pending', targets })
}

/** Not before every vnode has counted what lies on the disk: a host that took that for nothing would leave with it. Who asks asks again. */
function listHints(
  { ring }: CoordinatorState,
  message: Extract<CoordinatorMessage, { kind: 'list-hints' }>,
  context: CoordinatorContext
): void {
  const ledger = hintLedgerOf(context.resources.store, context.resources.dots)
  const owedLedger = owedLedgerOf(context.resources.store)
  const self = ring?.view.hosts.find(host => host.name === context.host)
  if (ring === undefined || self === undefined) return
  for (const partition of partitionsHere(ring.view, self, context))
    if (ledger.partition(partition) === undefined || !owedLedger.isOpen(partition)) return
  const owed = owedLedger.figures.pending
  const hints = [...ledger.pending()]
  context.send(message.replyTo, { kind: 'hints-listed', hints, ...(owed === 0 ? {} : { owed }), figures: ledger.figures })
}

/** Replies of a host that is down will not come. */
function giveUpOn(host: string, state: CoordinatorState, context: CoordinatorContext): void {
  for (const operation of [...state.operations.values()]) {
    for (const slot of operation.waitsFor(host)) operation.missed(slot, 'unreachable', state, context)
  }
}
