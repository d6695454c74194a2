import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { owedTagOf } from '../../model/owed.ts'
import { Pace } from '../../model/pace.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import type { CoordinatorMessage } from '../coordinator/coordinator-protocol.ts'
import type { RingKeeperMessage, RingKeeperReply } from '../ring/ring-keeper-protocol.ts'
import { type DatacenterView, type HostView, isReachable, type RingView, vnodeAddressOf } from '../ring/ring-view.ts'
import { exchangeDefaults, type SystemResources } from '../system-resources.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'
import { endLease, renewLease } from '../work/work-lease.ts'
import { type WorkArguments, type WorkReply, workRenewMs } from '../work/work-protocol.ts'
import type { AdoptReply, OwedListed } from './adopt-protocol.ts'
import { coordinatorOfHost } from './datacenter-route.ts'
import type { OwedFailed, OwedPair, OwedReply } from './owed-protocol.ts'

type AgentMessage =
  | RingKeeperReply
  | OwedListed
  | AdoptReply
  | VnodeReply
  | WorkReply
  | { readonly kind: 'renew-lease' }
  | { readonly kind: 'go-on' }
type AgentContext = Context<AgentMessage, SystemResources>

interface Delivery {
  readonly pair: OwedPair
  readonly partition: number
  readonly sentMs: number
}

interface AgentState {
  readonly args: WorkArguments
  readonly tag: number
  view: RingView | undefined
  /** The datacenter was removed: what it was owed is dropped. */
  isDropping: boolean
  /** Threads that have not said yet what they owe; undefined: they were not asked yet. */
  unheard: Set<number> | undefined
  readonly partitions: number[]
  reading: { readonly partition: number; after: Key | undefined; correlation: number; askedMs: number } | undefined
  readonly waiting: { readonly pair: OwedPair; readonly partition: number }[]
  readonly underWay: Map<number, Delivery>
  readonly pace: Pace
  nextId: number
  /** Nothing is sent before. */
  pausedUntilMs: number
  failuresInRow: number
  readonly figures: { keys: number; bytes: number; failed: number; damaged: number; dropped: number }
  readonly startedMs: number
}

const lookMs = 100
const pagePairs = 128
const attemptMs = 4_000
/** What was written a moment ago is on its way already. */
const youngMs = 1_000
/** A host that has just come back may hear that the old hosts of a datacenter were removed before it hears of the new ones. */
const dropAfterMs = 30_000
/** So many failures in a row, and the datacenter is not fit to be given anything: another run looks again. */
const failuresMax = 64
const pauseMsMax = 2_000
const listsFrom = 1
const deliveriesFrom = 4_096

/**
 * Does the work `replicate/DC`: gives another datacenter what this host has noted to be missing there, page by page, and settles the notes
 * of what a quorum there has flushed. Twice is harmless: all it does is merge. What a datacenter was owed that was removed it drops.
 * @see docs/decisions/0025-datacenters.md
 */
export const replicationAgent: Behaviour<AgentState, AgentMessage, WorkArguments, SystemResources> = {
  kind: 'replication-agent',

  start(args, context) {
    const state: AgentState = {
      args,
      tag: owedTagOf(args.subject),
      view: undefined,
      isDropping: false,
      unheard: undefined,
      partitions: [],
      reading: undefined,
      waiting: [],
      underWay: new Map(),
      pace: new Pace({ ...exchangeDefaults, bytesPerSecondMax: limits.replicationBytesPerSecond }),
      nextId: deliveriesFrom,
      pausedUntilMs: 0,
      failuresInRow: 0,
      figures: { keys: 0, bytes: 0, failed: 0, damaged: 0, dropped: 0 },
      startedMs: context.now()
    }
    renew(state, context)
    describeCluster(context)
    context.after(lookMs, { kind: 'go-on' })
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'lapsed':
        return context.exit('normal')
      case 'renew-lease':
        describeCluster(context)
        return renew(state, context)
      case 'cluster':
        return takeCluster(state, message.view, context)
      case 'owed-listed':
        return takeList(state, message, context)
      case 'owed':
        return takePage(state, message, context)
      case 'adopted':
        return adopted(state, context)
      case 'not-adopted':
        return failed(state, context.correlation, message.fault.code === 'overloaded', context)
      case 'failed':
        return context.correlation === state.reading?.correlation ? end(state, true, context) : undefined
      case 'go-on':
        context.after(lookMs, { kind: 'go-on' })
        return look(state, context)
      default:
    }
  },

  undelivered(state, reason, context) {
    if (context.correlation >= deliveriesFrom && state.underWay.has(context.correlation))
      return failed(state, context.correlation, reason === 'overloaded', context)
    if (context.correlation !== 0) end(state, true, context)
  },

  summary: ({ args, figures, partitions, waiting, underWay }) => ({
    datacenter: args.subject,
    ...figures,
    partitions: partitions.length,
    waiting: waiting.length,
    under_way: underWay.size
  })
}

function renew(state: AgentState, context: AgentContext): void {
  renewLease(state.args, state.figures, 0, context)
  context.after(workRenewMs, { kind: 'renew-lease' })
}

function end(state: AgentState, again: boolean, context: AgentContext): void {
  endLease(state.args, state.figures, again, context)
}

function describeCluster(context: AgentContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'describe-cluster', replyTo: context.replyRef<RingKeeperReply>(0) })
}

function takeCluster(state: AgentState, view: RingView, context: AgentContext): void {
  const isFirst = state.view === undefined
  state.view = view
  const self = view.hosts.find(({ name }) => name === context.host)
  const isDropping = view.gone?.includes(state.args.subject) === true
  if (self === undefined || (datacenterOf(state) === undefined && !isDropping)) return end(state, false, context)
  // Removed, or founded anew, meanwhile.
  if (!isFirst && isDropping !== state.isDropping) return end(state, true, context)
  if (!isFirst) return
  state.isDropping = isDropping
  state.unheard = new Set()
  for (let thread = 0; thread < self.threads; thread++) {
    const to: Ref<CoordinatorMessage> = {
      address: addressOf(threadAddressOf(context.host, `data-${thread}`), 'coordinator'),
      correlation: 0,
      incarnation: 0
    }
    state.unheard.add(thread)
    context.send(to, { kind: 'list-owed', replyTo: context.replyRef<OwedListed>(listsFrom + thread) }, attemptMs)
  }
}

function datacenterOf({ view, args }: AgentState): DatacenterView | undefined {
  return view?.others?.find(({ dc }) => dc === args.subject)
}

function takeList(state: AgentState, { owed }: OwedListed, context: AgentContext): void {
  // A message may come twice.
  if (state.unheard?.delete(context.correlation - listsFrom) !== true) return
  for (const { partition, tag } of owed) if (tag === state.tag) state.partitions.push(partition)
  proceed(state, context)
}

/** Send what may be sent, read on where little waits, and end where nothing is left. */
function proceed(state: AgentState, context: AgentContext): void {
  if (state.unheard === undefined || state.unheard.size > 0) return
  if (state.failuresInRow >= failuresMax) return end(state, true, context)
  const nowMs = context.now()
  if (state.isDropping && state.partitions.length > 0 && nowMs - state.startedMs < dropAfterMs) return
  while (state.waiting.length > 0 && state.underWay.size < limits.replicationInFlightMax && state.pausedUntilMs <= nowMs) {
    const { pair, partition } = state.waiting.shift()!
    if (!give(state, pair, partition, nowMs, context)) return end(state, true, context)
  }
  if (state.waiting.length > 0 || state.reading !== undefined) return
  const partition = state.partitions.pop()
  if (partition !== undefined) return read(state, partition, undefined, context)
  if (state.underWay.size > 0) return
  const { failed, dropped } = state.figures
  if (dropped > 0) context.log.warn({ dc: state.args.subject, keys: dropped }, 'what a removed datacenter was owed is dropped')
  end(state, failed > 0, context)
}

function read(state: AgentState, partition: number, after: Key | undefined, context: AgentContext): void {
  const correlation = state.nextId++
  state.reading = { partition, after, correlation, askedMs: context.now() }
  const replyTo = context.replyRef<OwedReply | OwedFailed>(correlation)
  const { tag, isDropping } = state
  tellOwn(state, partition, { kind: 'owed-page', tag, after, pairsMax: pagePairs, keysOnly: isDropping, replyTo }, context)
}

function tellOwn(state: AgentState, partition: number, message: VnodeMessage, context: AgentContext): void {
  const self = state.view?.hosts.find(({ name }) => name === context.host)
  if (self === undefined) return end(state, true, context)
  context.send<VnodeMessage>({ address: vnodeAddressOf(self, partition), correlation: 0, incarnation: 0 }, message, attemptMs)
}

function takePage(state: AgentState, page: Extract<VnodeReply, { kind: 'owed' }>, context: AgentContext): void {
  const { reading } = state
  if (reading === undefined || context.correlation !== reading.correlation) return
  const youngest = context.wallMs() - youngMs
  for (const pair of page.pairs) {
    // A clock that was set back must not keep anything from its way.
    if (pair.sinceMs > youngest && pair.sinceMs <= context.wallMs()) continue
    if (state.isDropping) {
      drop(state, reading.partition, pair, context)
      continue
    }
    state.waiting.push({ pair, partition: reading.partition })
  }
  state.figures.damaged += page.damaged
  state.reading = undefined
  if (page.next !== undefined) read(state, reading.partition, page.next, context)
  proceed(state, context)
}

function drop(state: AgentState, partition: number, { key, digest }: OwedPair, context: AgentContext): void {
  state.figures.dropped++
  tellOwn(state, partition, { kind: 'owed-delivered', tag: state.tag, key, digest, isDropped: true }, context)
}

/** @returns false where nobody there can be reached */
function give(state: AgentState, pair: OwedPair, partition: number, nowMs: number, context: AgentContext): boolean {
  const host = hostFor(datacenterOf(state), partition, state.nextId)
  if (host === undefined) return false
  const id = state.nextId++
  state.underWay.set(id, { pair, partition, sentMs: nowMs })
  const { key, siblings } = pair
  const replyTo = context.replyRef<AdoptReply>(id)
  context.send(coordinatorOfHost(host, partition), { kind: 'adopt', key, siblings, replyTo }, attemptMs)
  state.figures.bytes += siblings.length
  state.pausedUntilMs = Math.max(state.pausedUntilMs, nowMs - lookMs) + (siblings.length * 1_000) / state.pace.bytesPerSecond
  return true
}

function hostFor(other: DatacenterView | undefined, partition: number, turn: number): HostView | undefined {
  const owners = (other?.owners[partition] ?? []).flatMap(index => other?.hosts[index] ?? [])
  const able = owners.filter(host => isReachable(host) && host.isDirect)
  return able[turn % Math.max(1, able.length)]
}

function adopted(state: AgentState, context: AgentContext): void {
  const delivery = state.underWay.get(context.correlation)
  if (delivery === undefined) return
  state.underWay.delete(context.correlation)
  state.failuresInRow = 0
  state.figures.keys++
  const { pair, partition, sentMs } = delivery
  state.pace.stepped(0, context.now() - sentMs)
  tellOwn(state, partition, { kind: 'owed-delivered', tag: state.tag, key: pair.key, digest: pair.digest }, context)
  proceed(state, context)
}

/** The note stays. @param isBusy the datacenter has more than it can do: rest a while, longer each time */
function failed(state: AgentState, id: number, isBusy: boolean, context: AgentContext): void {
  if (!state.underWay.delete(id)) return
  state.figures.failed++
  state.failuresInRow++
  if (isBusy) {
    const restMs = Math.min(pauseMsMax, 50 * 2 ** Math.min(state.failuresInRow, 10)) * (0.5 + context.random() / 2)
    state.pausedUntilMs = Math.max(state.pausedUntilMs, context.now() + restMs)
  }
  proceed(state, context)
}

function look(state: AgentState, context: AgentContext): void {
  const longAgoMs = context.now() - attemptMs
  for (const [id, { sentMs }] of state.underWay) if (sentMs < longAgoMs) failed(state, id, false, context)
  const isStuck =
    (state.reading !== undefined && state.reading.askedMs < longAgoMs) ||
    (state.unheard?.size !== 0 && state.startedMs < longAgoMs)
  if (isStuck) return end(state, true, context)
  proceed(state, context)
}
