import { addressOf, type Ref, threadAddressOf, threadOf, type UndeliveredReason } from '../bus/bus.ts'
import { bucketOf, type Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { digestOf } from '../model/siblings-codec.ts'
import type { Behaviour, Context } from '../runtime/actor.ts'
import { type BucketProperties, type BucketTable, propertiesOf } from './bucket-table.ts'
import type { CoordinatorMessage, HintsListed } from './coordinator-protocol.ts'
import { preferenceOf } from './ring-index.ts'
import type { RingKeeperMessage, RingKeeperReply } from './ring-keeper-protocol.ts'
import { type HostView, isReachable, type RingView, vnodeAddressOf } from './ring-view.ts'
import type { SystemResources } from './system-resources.ts'
import type { VnodeMessage, VnodeReply } from './vnode-protocol.ts'
import { endLease, renewLease } from './work-lease.ts'
import { type WorkArguments, type WorkReply, workRenewMs } from './work-protocol.ts'

type HandoffMessage =
  | RingKeeperReply
  | HintsListed
  | VnodeReply
  | WorkReply
  | { readonly kind: 'renew-lease' }
  | { readonly kind: 'go-on' }
type HandoffContext = Context<HandoffMessage, SystemResources>

/** One hint on its way. */
interface Delivery {
  readonly partition: number
  readonly key: Key
  readonly siblings: Uint8Array
  readonly digest: number
  /** Hosts that are to have it; undefined in the place of one that does. */
  left: (HostView | undefined)[]
  attempt: number
  sentMs: number
}

interface HandoffState {
  readonly args: WorkArguments
  /** Uid of the host that shall have the hints; −1 until the cluster is known. */
  target: number
  view: RingView | undefined
  table: BucketTable
  defaults: BucketProperties
  /** Threads that have not said yet what they keep. */
  unheard: number
  readonly partitions: number[]
  /** Partition that is read now, and where; undefined: none is. */
  reading:
    | { readonly partition: number; after: Key | undefined; isAsked: boolean; askedMs: number; correlation: number }
    | undefined
  waiting: Delivery[]
  readonly underWay: Map<number, Delivery>
  nextId: number
  /** Nothing is sent before: the pace, or the target has more than it can do. */
  pausedUntilMs: number
  pauses: number
  readonly startedMs: number
  readonly figures: { hints: number; bytes: number; failed: number }
}

const attemptMs = 5_000
const attemptsMax = 6
const lookMs = 100
const pauseMsMax = 2_000
const pagePairs = 256
/** So many failures in one run, and the target is not fit to be given anything. */
const failuresMax = 128
const listsCorrelation = 1
const deliveriesFrom = 16
/** More than the replicas one hint may go to, since each answers under a number of its own. */
const hostsPerHint = 64

/**
 * Delivers the hints that this host keeps for one host: reads them page by page from its own vnodes, gives them to the target's, and
 * lets its own forget what has arrived. Hints for a host that is gone, or that owns the key no more, go to the key's present owners.
 * What it does twice does no harm: a hint is a merge.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.6
 */
export const handoffAgent: Behaviour<HandoffState, HandoffMessage, WorkArguments, SystemResources> = {
  kind: 'handoff-agent',

  start(args, context) {
    const state: HandoffState = {
      args,
      target: -1,
      view: undefined,
      table: {},
      defaults: context.resources.defaults,
      unheard: 0,
      partitions: [],
      reading: undefined,
      waiting: [],
      underWay: new Map(),
      nextId: 1,
      pausedUntilMs: 0,
      pauses: 0,
      startedMs: context.now(),
      figures: { hints: 0, bytes: 0, failed: 0 }
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
        return takeCluster(state, message, context)
      case 'hints-listed':
        return takeList(state, message, context)
      case 'hints':
        return takePage(state, message, context)
      case 'stored':
        return arrived(state, context)
      case 'failed':
        if (context.correlation === state.reading?.correlation) return end(state, true, context)
        return message.fault.code === 'overloaded' ? later(state, context) : failed(state, context)
      case 'go-on':
        context.after(lookMs, { kind: 'go-on' })
        return look(state, context)
      default:
    }
  },

  undelivered(state, reason: UndeliveredReason, context) {
    if (context.correlation === state.reading?.correlation) return end(state, true, context)
    if (context.correlation >= deliveriesFrom) return reason === 'overloaded' ? later(state, context) : failed(state, context)
    if (context.correlation !== 0) end(state, true, context)
  },

  unreachable(state, thread, context) {
    for (const [id, delivery] of state.underWay) {
      if (delivery.left.some(host => host !== undefined && threadOf(vnodeAddressOf(host, delivery.partition)) === thread))
        fail(state, id)
    }
    proceed(state, context)
  },

  summary: ({ args, figures, partitions, waiting, underWay }) => ({
    subject: args.subject,
    ...figures,
    partitions: partitions.length,
    waiting: waiting.length,
    under_way: underWay.size
  })
}

function renew(state: HandoffState, context: HandoffContext): void {
  renewLease(state.args, state.figures, 0, context)
  context.after(workRenewMs, { kind: 'renew-lease' })
}

function end(state: HandoffState, again: boolean, context: HandoffContext): void {
  endLease(state.args, state.figures, again, context)
}

function describeCluster(context: HandoffContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'describe-cluster', replyTo: context.replyRef<RingKeeperReply>(0) })
}

function takeCluster(state: HandoffState, { view, table, defaults }: RingKeeperReply, context: HandoffContext): void {
  const isFirst = state.view === undefined
  state.view = view
  state.table = table
  state.defaults = defaults
  const host = view.hosts.find(({ name }) => name === state.args.subject)
  if (host !== undefined && (!canReach(host) || (!isFirst && host.uid !== state.target))) return end(state, true, context)
  if (!isFirst) return
  state.target = host?.uid ?? Number.parseInt(state.args.subject, 16)
  const self = view.hosts.find(({ name }) => name === context.host)
  if (self === undefined || !Number.isInteger(state.target)) return end(state, false, context)
  state.unheard = self.threads
  for (let thread = 0; thread < self.threads; thread++) {
    const to: Ref<CoordinatorMessage> = {
      address: addressOf(threadAddressOf(context.host, `data-${thread}`), 'coordinator'),
      correlation: 0,
      incarnation: 0
    }
    context.send(to, { kind: 'list-hints', replyTo: context.replyRef<HintsListed>(listsCorrelation) }, attemptMs)
  }
}

function canReach(host: HostView): boolean {
  return isReachable(host) && host.isDirect
}

function takeList(state: HandoffState, { hints }: HintsListed, context: HandoffContext): void {
  if (state.unheard === 0) return
  for (const { partition, target } of hints) if (target === state.target) state.partitions.push(partition)
  state.unheard--
  proceed(state, context)
}

/** Send what may be sent, read on where nothing waits, and end where nothing is left. */
function proceed(state: HandoffState, context: HandoffContext): void {
  if (state.view === undefined || state.unheard > 0) return
  if (state.figures.failed >= failuresMax) return end(state, true, context)
  const nowMs = context.now()
  while (state.waiting.length > 0 && state.underWay.size < limits.handoffInFlightMax && state.pausedUntilMs <= nowMs) {
    give(state, state.waiting.shift() as Delivery, nowMs, context)
  }
  if (state.waiting.length > 0) return
  const { reading } = state
  if (reading === undefined) {
    const partition = state.partitions.pop()
    if (partition !== undefined) {
      state.reading = { partition, after: undefined, isAsked: false, askedMs: 0, correlation: 0 }
      return proceed(state, context)
    }
    if (state.underWay.size === 0) end(state, state.figures.failed > 0, context)
  } else if (!reading.isAsked) {
    reading.isAsked = true
    reading.askedMs = nowMs
    const { after, partition } = reading
    // A number of its own for each question: an answer that comes twice must not pass for the next partition's.
    reading.correlation = (state.nextId++ + deliveriesFrom) * hostsPerHint
    const replyTo = context.replyRef<VnodeReply>(reading.correlation)
    tellOwn(state, partition, { kind: 'hints-page', target: state.target, after, pairsMax: pagePairs, replyTo }, context)
  }
}

function tellOwn(state: HandoffState, partition: number, message: VnodeMessage, context: HandoffContext): void {
  const self = state.view?.hosts.find(({ name }) => name === context.host)
  if (self === undefined) return end(state, true, context)
  context.send<VnodeMessage>({ address: vnodeAddressOf(self, partition), correlation: 0, incarnation: 0 }, message, attemptMs)
}

function takePage(state: HandoffState, page: Extract<VnodeReply, { kind: 'hints' }>, context: HandoffContext): void {
  const { reading } = state
  if (reading === undefined || !reading.isAsked || context.correlation !== reading.correlation) return
  for (const { key, siblings } of page.pairs) {
    const left = placesOf(state, reading.partition, key)
    if (left.length === 0) state.figures.failed++
    else
      state.waiting.push({ partition: reading.partition, key, siblings, digest: digestOf(siblings), left, attempt: 0, sentMs: 0 })
  }
  reading.isAsked = false
  reading.after = page.next
  if (page.next === undefined) state.reading = undefined
  proceed(state, context)
}

/** The target where it owns the key, or will own it; else those that own it now. Empty where one of these is away. */
function placesOf({ view, table, defaults, target }: HandoffState, partition: number, key: Key): HostView[] {
  if (view === undefined) return []
  const { n } = propertiesOf(table, bucketOf(key), defaults)
  const owners = preferenceOf(view.owners, partition, n)
  const future = view.future.length === 0 ? [] : preferenceOf(view.future, partition, n)
  const index = view.hosts.findIndex(({ uid }) => uid === target)
  const indices = owners.includes(index) || future.includes(index) ? [index] : owners
  const hosts = indices.flatMap(each => view.hosts[each] ?? [])
  return hosts.every(canReach) ? hosts : []
}

function give(state: HandoffState, delivery: Delivery, nowMs: number, context: HandoffContext): void {
  const id = state.nextId++
  const { key, partition, siblings } = delivery
  const { resolver } = propertiesOf(state.table, bucketOf(key), state.defaults)
  delivery.attempt++
  delivery.sentMs = nowMs
  state.underWay.set(id, delivery)
  for (const [slot, host] of delivery.left.entries()) {
    if (host === undefined) continue
    const replyTo = context.replyRef<VnodeReply>((id + deliveriesFrom) * hostsPerHint + slot)
    const to: Ref<VnodeMessage> = { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 }
    context.send<VnodeMessage>(to, { kind: 'replicate', key, siblings, resolver, durability: 'flushed', replyTo }, attemptMs)
    state.figures.bytes += siblings.length
    state.pausedUntilMs = Math.max(state.pausedUntilMs, nowMs - lookMs) + (siblings.length * 1_000) / limits.handoffBytesPerSecond
  }
}

function idOf(context: HandoffContext): number {
  return Math.floor(context.correlation / hostsPerHint) - deliveriesFrom
}

function arrived(state: HandoffState, context: HandoffContext): void {
  const id = idOf(context)
  const delivery = state.underWay.get(id)
  if (delivery === undefined) return
  state.pauses = 0
  delivery.left[context.correlation % hostsPerHint] = undefined
  if (delivery.left.some(host => host !== undefined)) return
  state.underWay.delete(id)
  state.figures.hints++
  const { digest, key, partition } = delivery
  tellOwn(state, partition, { kind: 'hint-delivered', target: state.target, key, digest }, context)
  proceed(state, context)
}

/** The target has more than it can do: rest a while, longer each time, then give it the same once more. */
function later(state: HandoffState, context: HandoffContext): void {
  const id = idOf(context)
  const delivery = state.underWay.get(id)
  if (delivery === undefined) return
  if (delivery.attempt >= attemptsMax) return failed(state, context)
  state.underWay.delete(id)
  state.waiting.unshift(delivery)
  const restMs = Math.min(pauseMsMax, 50 * 2 ** Math.min(state.pauses++, 10)) * (0.5 + context.random() / 2)
  state.pausedUntilMs = Math.max(state.pausedUntilMs, context.now() + restMs)
}

function failed(state: HandoffState, context: HandoffContext): void {
  fail(state, idOf(context))
  proceed(state, context)
}

/** The hint stays where it is, and is delivered by a later run. */
function fail(state: HandoffState, id: number): void {
  if (state.underWay.delete(id)) state.figures.failed++
}

function look(state: HandoffState, context: HandoffContext): void {
  const longAgoMs = context.now() - attemptMs
  for (const [id, delivery] of state.underWay) if (delivery.sentMs < longAgoMs) fail(state, id)
  const isStuck =
    (state.reading?.isAsked === true && state.reading.askedMs < longAgoMs) ||
    ((state.view === undefined || state.unheard > 0) && state.startedMs < longAgoMs)
  if (isStuck) return end(state, true, context)
  proceed(state, context)
}
