import type { Message, Ref, UndeliveredReason } from '../../bus/bus.ts'
import { type Fault, fault } from '../../model/fault.ts'
import type { ActorSpec, Context } from '../../runtime/actor.ts'
import type { IdTable } from '../../runtime/id-table.ts'
import type { Counter, Histogram } from '../../runtime/metrics.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import type { Shipments } from '../replication/shipments.ts'
import type { Acknowledgement, CoordinatorMessage, GetReply, Receipt, Strength } from './coordinator-protocol.ts'
import type { DirectPuts } from './direct-put.ts'
import type { DeadlineWheel } from './deadline-wheel.ts'
import type { HotReads } from './hot-reads.ts'
import type { RecentWrites } from './recent-writes.ts'
import type { ReplyTimes } from './reply-times.ts'
import type { RequestAdmission } from './request-admission.ts'
import type { Replica, ReplicaSet, RingIndex } from '../ring/ring-index.ts'
import type { StoreResources } from '../store-resources.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'
import type { ValueCompression } from './value-compression.ts'

export type CoordinatorContext = Context<CoordinatorMessage, StoreResources>

export interface CoordinatorState {
  /** undefined until the ring keeper has spoken. */
  ring: RingIndex | undefined
  buckets: BucketTable
  readonly operations: IdTable<Operation>
  /** Of these, the ones that no client has an answer to yet. */
  unanswered: number
  /** Of the values that they hold. */
  bytes: number
  readonly admission: RequestAdmission
  /** Data threads of this host: each has its share of what the host may do. */
  threads: number
  nextOperation: number
  /** Operations with lower numbers were begun by another ring, and some of them are still under way; undefined: none is. */
  settling: number | undefined
  readonly wheel: DeadlineWheel
  readonly recent: RecentWrites
  readonly directPuts: DirectPuts
  /** On their way to other datacenters. */
  readonly shipments: Shipments
  /** How long reads take: when a further replica is asked. */
  readonly replyTimes: ReplyTimes
  readonly hotReads: HotReads
  readonly compression: ValueCompression
  isTicking: boolean
  /** Where accepted writes are told; undefined where events are off. */
  readonly door: Ref | undefined
  /** How to start the vnode of a partition. */
  readonly vnodeSpec: (partition: number) => ActorSpec
  readonly figures: CoordinatorFigures
}

export interface CoordinatorFigures {
  readonly get: Histogram
  readonly put: Histogram
  readonly peeked: Counter
  readonly forwarded: Counter
  readonly repaired: Counter
  readonly hedged: Counter
  readonly coalesced: Counter
  readonly direct: Counter
  readonly recalled: Counter
  readonly refused: (code: string) => Counter
}

/** A request under way, from its first message to its last reply. */
export interface Operation {
  readonly id: number
  readonly deadlineMs: number
  /** Of the value that it holds. */
  readonly bytes: number
  replied(slot: number, reply: VnodeReply, state: CoordinatorState, context: CoordinatorContext): void
  /** The replica in that slot has stored it and told the client so, `agoMs` ago. */
  told?(slot: number, agoMs: number, state: CoordinatorState, context: CoordinatorContext): void
  /** A coordinator of another datacenter answers. */
  heard?(slot: number, reply: GetReply, state: CoordinatorState, context: CoordinatorContext): void
  /** The replica in that slot was not reached, or did not take the message. */
  missed(slot: number, reason: UndeliveredReason | 'unreachable', state: CoordinatorState, context: CoordinatorContext): void
  /** A good while has passed without an end: ask others. */
  overdue(state: CoordinatorState, context: CoordinatorContext): void
  expired(state: CoordinatorState, context: CoordinatorContext): void
  /** Slots that have not answered yet, on hosts of that thread. */
  waitsFor(thread: string): readonly number[]
}

/** Slots an operation may have: its number and the slot share one correlation. */
export const slotsMax = 64

export function correlationOf(operation: number, slot: number): number {
  return operation * slotsMax + slot
}

export function begin(operation: Operation, state: CoordinatorState, context: CoordinatorContext): void {
  state.operations.set(operation.id, operation)
  state.unanswered++
  state.bytes += operation.bytes
  const nowMs = context.now()
  if (!state.isTicking) {
    state.isTicking = true
    // Of what is left there nothing is under way any more; but the wheel has to know what time it is.
    state.wheel.due(nowMs)
    context.after(state.wheel.slotMs, tick)
  }
  state.wheel.add(operation.id, operation.deadlineMs, nowMs)
}

const tick: CoordinatorMessage = Object.freeze({ kind: 'tick' })

/** Whoever asked has an answer; replicas may still have something to say. Once for each operation. */
export function noteAnswer(state: CoordinatorState): void {
  state.unanswered--
}

export function end(operation: Operation, state: CoordinatorState): void {
  if (state.operations.delete(operation.id)) state.bytes -= operation.bytes
}

/** Time that is left, for messages that serve this operation. At least 1 ms: 0 would mean no deadline. */
export function budgetOf(operation: Operation, context: CoordinatorContext): number {
  return Math.max(1, operation.deadlineMs - context.now())
}

export function refuse(to: Ref<never>, why: Fault, state: CoordinatorState, context: CoordinatorContext): void {
  state.figures.refused(why.code).add()
  context.send(to as Ref<Message>, { kind: 'refused', fault: why, epoch: state.ring?.view.epoch ?? '' } as Message)
}

export function quorumFault(
  what: string,
  needed: number,
  answered: number,
  set: ReplicaSet,
  outcome: 'refused' | 'indeterminate' | undefined
): Fault {
  const away = set.replicas.filter(replica => !replica.isReachable).map(replica => `${replica.host.name} (${replica.host.state})`)
  const detail =
    `the ${what} needs ${needed} of ${set.present} replicas, ${answered} answered` +
    (away.length === 0 ? '' : `; away: ${away.join(', ')}`) +
    '. Ask for fewer, or try again when the hosts are back'
  return fault('quorum_unavailable', detail, outcome === undefined ? { needed, answered } : { needed, answered, outcome })
}

export function timeoutFault(what: string, needed: number, answered: number, outcome: 'indeterminate' | undefined): Fault {
  const detail = `the ${what} has ${answered} of ${needed} answers and its time is up${outcome === undefined ? '' : ': some replica may hold the write'}`
  return fault('timeout', detail, outcome === undefined ? { needed, answered } : { needed, answered, outcome })
}

export function receiptOf(
  consistency: Strength,
  needed: number,
  acks: readonly { readonly replica: Replica; readonly durability: 'committed' | 'flushed' }[],
  context: CoordinatorContext,
  epoch: string
): Receipt {
  const acknowledgements: Acknowledgement[] = acks.map(({ replica, durability }) => ({
    host: replica.host.name,
    zone: replica.host.zone,
    dc: replica.host.dc,
    role: replica.isFallback ? 'fallback' : 'primary',
    durability
  }))
  return { consistency, needed, acks: acknowledgements, coordinator: context.host, epoch }
}
