import { addressOf, type Ref, threadAddressOf, threadOf, type UndeliveredReason } from '../../bus/bus.ts'
import { bucketOf, type Key } from '../../model/key.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import { type BucketProperties, type BucketTable, propertiesOf } from '../ring/bucket-table.ts'
import type { CoordinatorMessage, HintsListed } from '../coordinator/coordinator-protocol.ts'
import { attemptMs, deliveriesFrom, HandoffDeliveries } from './handoff-deliveries.ts'
import { preferenceOf } from '../ring/ring-index.ts'
import type { RingKeeperMessage, RingKeeperReply } from '../ring/ring-keeper-protocol.ts'
import { type HostView, isReachable, type RingView, vnodeAddressOf } from '../ring/ring-view.ts'
import type { SystemResources } from '../system-resources.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'
import { endLease, renewLease } from '../work/work-lease.ts'
import { type WorkArguments, type WorkReply, workRenewMs } from '../work/work-protocol.ts'

type HandoffMessage =
  | RingKeeperReply
  | HintsListed
  | VnodeReply
  | WorkReply
  | { readonly kind: 'renew-lease' }
  | { readonly kind: 'go-on' }
type HandoffContext = Context<HandoffMessage, SystemResources>

interface HandoffState {
  readonly args: WorkArguments
  /** Uid of the host that shall have the hints; −1 until the cluster is known. */
  target: number
  view: RingView | undefined
  table: BucketTable
  defaults: BucketProperties
  /** Threads that have not said yet what they keep; undefined: they were not asked yet. */
  unheard: Set<number> | undefined
  readonly partitions: number[]
  /** Partition that is read now, and where; undefined: none is. */
  reading:
    | { readonly partition: number; after: Key | undefined; isAsked: boolean; askedMs: number; correlation: number }
    | undefined
  readonly deliveries: HandoffDeliveries
  readonly startedMs: number
}

const lookMs = 100
const pagePairs = 256
/** So many failures in one run, and the target is not fit to be given anything. */
const failuresMax = 128
/** And the number of the thread. */
const listsFrom = 1

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
      unheard: undefined,
      partitions: [],
      reading: undefined,
      deliveries: new HandoffDeliveries(),
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
        return takeCluster(state, message, context)
      case 'hints-listed':
        return takeList(state, message, context)
      case 'hints':
        return takePage(state, message, context)
      // What was deleted and purged there has arrived before.
      case 'stored':
      case 'obsolete':
        return arrived(state, context)
      case 'failed':
        if (context.correlation === state.reading?.correlation) return end(state, true, context)
        return message.fault.code === 'overloaded' ? postponed(state, context) : failed(state, context)
      case 'go-on':
        context.after(lookMs, { kind: 'go-on' })
        return look(state, context)
      default:
    }
  },

  undelivered(state, reason: UndeliveredReason, context) {
    if (context.correlation === state.reading?.correlation) return end(state, true, context)
    if (context.correlation >= deliveriesFrom) return reason === 'overloaded' ? postponed(state, context) : failed(state, context)
    if (context.correlation !== 0) end(state, true, context)
  },

  unreachable(state, thread, context) {
    state.deliveries.failWhere(({ left, partition }) =>
      left.some(host => host !== undefined && threadOf(vnodeAddressOf(host, partition)) === thread)
    )
    proceed(state, context)
  },

  summary: ({ args, deliveries, partitions }) => ({
    subject: args.subject,
    ...deliveries.figures,
    partitions: partitions.length,
    waiting: deliveries.waiting,
    under_way: deliveries.underWay
  })
}

function renew(state: HandoffState, context: HandoffContext): void {
  renewLease(state.args, state.deliveries.figures, 0, context)
  context.after(workRenewMs, { kind: 'renew-lease' })
}

function end(state: HandoffState, again: boolean, context: HandoffContext): void {
  endLease(state.args, state.deliveries.figures, again, context)
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
  state.unheard = new Set()
  for (let thread = 0; thread < self.threads; thread++) {
    const to: Ref<CoordinatorMessage> = {
      address: addressOf(threadAddressOf(context.host, `data-${thread}`), 'coordinator'),
      correlation: 0,
      incarnation: 0
    }
    state.unheard.add(thread)
    context.send(to, { kind: 'list-hints', replyTo: context.replyRef<HintsListed>(listsFrom + thread) }, attemptMs)
  }
}

function canReach(host: HostView): boolean {
  return isReachable(host) && host.isDirect
}

function takeList(state: HandoffState, { hints }: HintsListed, context: HandoffContext): void {
  // A message may come twice.
  if (state.unheard?.delete(context.correlation - listsFrom) !== true) return
  for (const { partition, target } of hints) if (target === state.target) state.partitions.push(partition)
  proceed(state, context)
}

/** Send what may be sent, read on where nothing waits, and end where nothing is left. */
function proceed(state: HandoffState, context: HandoffContext): void {
  if (state.unheard === undefined || state.unheard.size > 0) return
  const { deliveries } = state
  if (deliveries.figures.failed >= failuresMax) return end(state, true, context)
  deliveries.proceed(context)
  if (deliveries.waiting > 0) return
  const { reading } = state
  if (reading === undefined) {
    const partition = state.partitions.pop()
    if (partition !== undefined) {
      state.reading = { partition, after: undefined, isAsked: false, askedMs: 0, correlation: 0 }
      return proceed(state, context)
    }
    if (deliveries.underWay === 0) end(state, deliveries.figures.failed > 0, context)
  } else if (!reading.isAsked) {
    reading.isAsked = true
    reading.askedMs = context.now()
    const { after, partition } = reading
    // A number of its own for each question: an answer that comes twice must not pass for the next partition's.
    reading.correlation = deliveries.takeCorrelation()
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
  const { deliveries } = state
  const { partition } = reading
  for (const { key, siblings } of page.pairs) {
    const left = placesOf(state, partition, key)
    if (left.length === 0) {
      deliveries.figures.failed++
      continue
    }
    const { resolver } = propertiesOf(state.table, bucketOf(key), state.defaults)
    deliveries.add({ partition, key, siblings, digest: digestOf(siblings), resolver, left, attempt: 0, sentMs: 0 })
  }
  reading.isAsked = false
  reading.after = page.next
  if (page.next === undefined) state.reading = undefined
  proceed(state, context)
}

/**
 * The target where it owns the key, or will own it; those that gain the key besides where it is about to leave, since they may have read the
 * partition from it already. Else those that own it now. Empty where one of these is away.
 */
function placesOf({ view, table, defaults, target }: HandoffState, partition: number, key: Key): HostView[] {
  if (view === undefined) return []
  const { n } = propertiesOf(table, bucketOf(key), defaults)
  const owners = preferenceOf(view.owners, partition, n)
  const future = view.future.length === 0 ? owners : preferenceOf(view.future, partition, n)
  const index = view.hosts.findIndex(({ uid }) => uid === target)
  const gainers = future.filter(each => !owners.includes(each))
  const isOwner = owners.includes(index)
  const indices = future.includes(index) ? [index] : isOwner ? [index, ...gainers] : owners
  const hosts = indices.flatMap(each => view.hosts[each] ?? [])
  return hosts.every(canReach) ? hosts : []
}

function arrived(state: HandoffState, context: HandoffContext): void {
  const delivery = state.deliveries.arrived(context)
  if (delivery === undefined) return
  const { digest, key, partition } = delivery
  tellOwn(state, partition, { kind: 'hint-delivered', target: state.target, key, digest }, context)
  proceed(state, context)
}

function postponed(state: HandoffState, context: HandoffContext): void {
  state.deliveries.postpone(context)
  proceed(state, context)
}

function failed(state: HandoffState, context: HandoffContext): void {
  state.deliveries.failed(context)
  proceed(state, context)
}

function look(state: HandoffState, context: HandoffContext): void {
  const longAgoMs = context.now() - attemptMs
  state.deliveries.failWhere(({ sentMs }) => sentMs < longAgoMs)
  const isStuck =
    (state.reading?.isAsked === true && state.reading.askedMs < longAgoMs) ||
    (state.unheard?.size !== 0 && state.startedMs < longAgoMs)
  if (isStuck) return end(state, true, context)
  proceed(state, context)
}
