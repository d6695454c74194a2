import { addressOf, type Ref, threadOf, type UndeliveredReason } from '../../bus/bus.ts'
import { bucketOf, type Key } from '../../model/key.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import { propertiesOf } from '../ring/bucket-table.ts'
import type { RingKeeperMessage, RingKeeperReply } from '../ring/ring-keeper-protocol.ts'
import { vnodeAddressOf } from '../ring/ring-view.ts'
import type { SystemResources } from '../system-resources.ts'
import type { Stray } from '../vnode/stray-protocol.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'
import { endLease, renewLease } from '../work/work-lease.ts'
import { type WorkArguments, type WorkReply, workRenewMs } from '../work/work-protocol.ts'
import { attemptMs, deliveriesFrom, HandoffDeliveries } from './handoff-deliveries.ts'
import { isSettled, isStray, ownersOf, type Placement, straysOf } from './stray-partitions.ts'

type StrayAgentMessage = RingKeeperReply | VnodeReply | WorkReply | { readonly kind: 'renew-lease' } | { readonly kind: 'go-on' }
type StrayContext = Context<StrayAgentMessage, SystemResources>

/** A partition that is being cleared, one at a time. */
interface Clearing {
  readonly partition: number
  /** What its own vnode knows the clearing by; '' before it was asked. */
  token: string
  /** Where the next page begins. */
  after: Key | undefined
  /** Whether the page at hand is the last one. */
  isLast: boolean
  /** Of the page at hand: what all owners have flushed. */
  readonly settled: Stray[]
}

/**
 * What was asked last of the own vnode, or of the ring keeper, and is not answered yet. It has a number of its own, so that an answer that
 * comes late, or twice, is none to the next question.
 */
interface Question {
  readonly kind: 'look' | 'begin' | 'check' | 'page' | 'forget'
  readonly correlation: number
  readonly askedMs: number
}

interface StrayState {
  readonly args: WorkArguments
  placement: Placement | undefined
  /** Index of this host in the view. */
  self: number
  /** Still to be looked at. */
  partitions: number[]
  clearing: Clearing | undefined
  question: Question | undefined
  readonly deliveries: HandoffDeliveries
  partitionsCleared: number
  records: number
  failed: number
  readonly startedMs: number
}

const lookMs = 100
const pagePairs = 128
/** So many failures in one run, and it is better tried again later. */
const failuresMax = 128

/**
 * Clears the partitions that this host holds and does not own any more, not by any bucket's n: gives each record to all present owners of its
 * key, and has it forgotten here once all of them have flushed it. So what was written by a ring that is over arrives where it is
 * looked for, and the disk is freed. What it does twice does no harm: a record is merged, and is erased only as it was given.
 *
 *     look     does the own vnode hold anything of the partition?
 *     begin    its floors go, and it gives a token, which lapses with whatever only an owner is told
 *     check    the ring is still the same, as the ring keeper says after that
 *     page     some records, given to all owners
 *     forget   those that all have flushed; then the next page
 *
 * Only while nobody joins or leaves, all members are there and write by this ring (`isSettled`).
 * @see docs/decisions/0006-joining-by-joint-quorum.md
 */
export const strayAgent: Behaviour<StrayState, StrayAgentMessage, WorkArguments, SystemResources> = {
  kind: 'stray-agent',

  start(args, context) {
    const state: StrayState = {
      args,
      placement: undefined,
      self: -1,
      partitions: [],
      clearing: undefined,
      question: undefined,
      deliveries: new HandoffDeliveries(),
      partitionsCleared: 0,
      records: 0,
      failed: 0,
      startedMs: context.now()
    }
    renew(state, context)
    describeCluster(0, context)
    context.after(lookMs, { kind: 'go-on' })
    return state
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'lapsed':
        return context.exit('normal')
      case 'renew-lease':
        describeCluster(0, context)
        return renew(state, context)
      case 'cluster':
        return takeCluster(state, message, context)
      case 'page':
        return takePage(state, message, context)
      case 'clearing':
        return begun(state, message.token, context)
      case 'strays-forgotten':
        return forgotten(state, message, context)
      // What is obsolete there was purged by all owners: nobody misses it.
      case 'stored':
      case 'obsolete':
        return arrived(state, context)
      case 'failed':
        if (isAnswer(state, context)) return passOver(state, context)
        return message.fault.code === 'overloaded' ? postponed(state, context) : failed(state, context)
      case 'go-on':
        context.after(lookMs, { kind: 'go-on' })
        return look(state, context)
      default:
    }
  },

  undelivered(state, reason: UndeliveredReason, context) {
    if (isAnswer(state, context)) return passOver(state, context)
    if (context.correlation < deliveriesFrom) return
    return reason === 'overloaded' ? postponed(state, context) : failed(state, context)
  },

  unreachable(state, thread, context) {
    state.deliveries.failWhere(({ left, partition }) =>
      left.some(host => host !== undefined && threadOf(vnodeAddressOf(host, partition)) === thread)
    )
    proceed(state, context)
  },

  summary: state => ({
    ...figuresOf(state),
    left: state.partitions.length,
    partition: state.clearing?.partition ?? null,
    waiting: state.deliveries.waiting,
    under_way: state.deliveries.underWay
  })
}

function figuresOf({ partitionsCleared, records, failed, deliveries }: StrayState) {
  const { bytes, failed: undelivered } = deliveries.figures
  return { partitions: partitionsCleared, records, bytes, failed: failed + undelivered }
}

function renew(state: StrayState, context: StrayContext): void {
  renewLease(state.args, figuresOf(state), 0, context)
  context.after(workRenewMs, { kind: 'renew-lease' })
}

function end(state: StrayState, again: boolean, context: StrayContext): void {
  const figures = figuresOf(state)
  if (figures.records > 0 || figures.failed > 0) {
    context.log.info({ ...figures, again }, 'records of partitions that this host owns no more were given to the owners')
  }
  endLease(state.args, figures, again, context)
}

function describeCluster(correlation: number, context: StrayContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'describe-cluster', replyTo: context.replyRef<RingKeeperReply>(correlation) })
}

function takeCluster(state: StrayState, { view, table, defaults }: RingKeeperReply, context: StrayContext): void {
  const before = state.placement?.view
  const placement = { view, table, defaults }
  const self = view.hosts.findIndex(({ name }) => name === context.host)
  if (self < 0) return end(state, false, context)
  // Another ring is another run, some time after it has come to rest.
  if (!isSettled(view) || (before !== undefined && before.epoch !== view.epoch)) return end(state, true, context)
  state.placement = placement
  state.self = self
  if (before === undefined) state.partitions = straysOf(placement, self)
  const { clearing } = state
  // A bucket's n may have been raised.
  if (clearing !== undefined && !isStray(placement, clearing.partition, self)) return passOver(state, context)
  if (clearing !== undefined && isAnswer(state, context)) return askPage(state, clearing, context)
  proceed(state, context)
}

/** Whether this is the answer to what was asked last, which is answered then. */
function isAnswer(state: StrayState, context: StrayContext): boolean {
  if (state.question === undefined || context.correlation !== state.question.correlation) return false
  state.question = undefined
  return true
}

/** Something failed that has nothing to do with the owners: leave the partition for a later run. */
function passOver(state: StrayState, context: StrayContext): void {
  state.failed++
  state.clearing = undefined
  state.question = undefined
  proceed(state, context)
}

/** Send what may be sent; once the owners have what was read, forget it; where nothing is under way, begin with the next partition. */
function proceed(state: StrayState, context: StrayContext): void {
  const { deliveries, clearing, placement } = state
  if (placement === undefined) return
  if (state.failed + deliveries.figures.failed >= failuresMax) return end(state, true, context)
  deliveries.proceed(context)
  if (deliveries.waiting > 0 || deliveries.underWay > 0 || state.question !== undefined) return
  if (clearing !== undefined) return pageGiven(state, clearing, context)
  const partition = state.partitions.pop()
  if (partition === undefined) return end(state, state.failed + deliveries.figures.failed > 0, context)
  if (!isStray(placement, partition, state.self)) return proceed(state, context)
  state.clearing = { partition, token: '', after: undefined, isLast: false, settled: [] }
  askScan(state, 'look', 1, context)
}

function ask(
  state: StrayState,
  kind: Question['kind'],
  message: (replyTo: Ref<VnodeReply>) => VnodeMessage,
  context: StrayContext
): void {
  const { clearing, placement, deliveries, self } = state
  const host = placement?.view.hosts[self]
  if (clearing === undefined || host === undefined) return
  const correlation = deliveries.takeCorrelation()
  state.question = { kind, correlation, askedMs: context.now() }
  const to: Ref<VnodeMessage> = { address: vnodeAddressOf(host, clearing.partition), correlation: 0, incarnation: 0 }
  context.send(to, message(context.replyRef<VnodeReply>(correlation)), attemptMs)
}

function askScan(state: StrayState, kind: 'look' | 'page', pairsMax: number, context: StrayContext): void {
  const after = state.clearing?.after
  ask(state, kind, replyTo => ({ kind: 'scan', after, pairsMax, keysOnly: false, replyTo }), context)
}

function askPage(state: StrayState, clearing: Clearing, context: StrayContext): void {
  clearing.settled.length = 0
  askScan(state, 'page', pagePairs, context)
}

function takePage(state: StrayState, page: Extract<VnodeReply, { kind: 'page' }>, context: StrayContext): void {
  const kind = state.question?.kind
  const { clearing, placement } = state
  if (!isAnswer(state, context) || clearing === undefined || placement === undefined) return
  if (kind === 'look') {
    if (page.pairs.length === 0 && (page.corrupt ?? 0) === 0) {
      state.clearing = undefined
      return proceed(state, context)
    }
    return ask(state, 'begin', replyTo => ({ kind: 'begin-clearing', replyTo }), context)
  }
  clearing.after = page.next
  clearing.isLast = page.next === undefined
  for (const { key, siblings } of page.pairs) give(state, placement, clearing.partition, key, siblings)
  proceed(state, context)
}

function give(state: StrayState, placement: Placement, partition: number, key: Key, siblings: Uint8Array): void {
  const left = ownersOf(placement, partition, key)
  if (left.length === 0) {
    state.failed++
    return
  }
  const { resolver } = propertiesOf(placement.table, bucketOf(key), placement.defaults)
  state.deliveries.add({ partition, key, siblings, digest: digestOf(siblings), resolver, left, attempt: 0, sentMs: 0 })
}

function begun(state: StrayState, token: string, context: StrayContext): void {
  const { clearing } = state
  if (!isAnswer(state, context) || clearing === undefined) return
  clearing.token = token
  // An intake that had begun before the token was given is part of a ring that the keeper knows by now; one that begins later voids it.
  const correlation = state.deliveries.takeCorrelation()
  state.question = { kind: 'check', correlation, askedMs: context.now() }
  describeCluster(correlation, context)
}

function arrived(state: StrayState, context: StrayContext): void {
  const delivery = state.deliveries.arrived(context)
  if (delivery === undefined) return
  const { key, digest, partition } = delivery
  if (state.clearing?.partition === partition) state.clearing.settled.push({ key, digest })
  proceed(state, context)
}

/** Nothing of the page is under way any more. */
function pageGiven(state: StrayState, clearing: Clearing, context: StrayContext): void {
  const { token, settled } = clearing
  if (settled.length === 0) return turnPage(state, clearing, context)
  const strays = settled.splice(0)
  ask(state, 'forget', replyTo => ({ kind: 'forget-strays', token, strays, replyTo }), context)
}

function forgotten(
  state: StrayState,
  { erased, kept }: Extract<VnodeReply, { kind: 'strays-forgotten' }>,
  context: StrayContext
): void {
  const { clearing } = state
  if (!isAnswer(state, context) || clearing === undefined) return
  state.records += erased
  state.failed += kept
  turnPage(state, clearing, context)
}

function turnPage(state: StrayState, clearing: Clearing, context: StrayContext): void {
  if (!clearing.isLast) return askPage(state, clearing, context)
  state.partitionsCleared++
  state.clearing = undefined
  proceed(state, context)
}

function postponed(state: StrayState, context: StrayContext): void {
  state.deliveries.postpone(context)
  proceed(state, context)
}

function failed(state: StrayState, context: StrayContext): void {
  state.deliveries.failed(context)
  proceed(state, context)
}

function look(state: StrayState, context: StrayContext): void {
  const longAgoMs = context.now() - attemptMs
  state.deliveries.failWhere(({ sentMs }) => sentMs < longAgoMs)
  if (state.placement === undefined && state.startedMs < longAgoMs) return end(state, true, context)
  if (state.question !== undefined && state.question.askedMs < longAgoMs) return passOver(state, context)
  proceed(state, context)
}
