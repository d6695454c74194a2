import { addressOf, type Ref } from '../../bus/bus.ts'
import { fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import type { FloorAgentMessage, FloorAgentReply } from './floor-agent-protocol.ts'
import { FloorRound } from './floor-round.ts'
import { type KeyClasses, keyClassesOf } from '../vnode/key-classes.ts'
import { preferenceOf } from '../ring/ring-index.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../ring/ring-keeper-protocol.ts'
import { epochOfAll, leaderOf, ownersOfAll } from './floor-owners.ts'
import { type HostView, hostsOfAll, type RingView, vnodeAddressOf } from '../ring/ring-view.ts'
import { floorDefaults, type SystemResources } from '../system-resources.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'

type AgentMessage =
  | FloorAgentMessage
  | VnodeReply
  | RingNews
  | { readonly kind: 'renew' }
  | { readonly kind: 'look' }
  | { readonly kind: 'late'; readonly round: number; readonly phase: string }

type AgentContext = Context<AgentMessage, SystemResources>

/** What this host leads: the partitions whose first owner it is. */
interface Led {
  dueMs: number
  pauseMs: number
  /** Tombstones that had come when the vnode was asked last. */
  tombstones: number
  why: string
}

interface AgentState {
  view: RingView | undefined
  table: BucketTable
  readonly led: Map<number, Led>
  readonly rounds: Map<number, FloorRound>
  nextRound: number
  readonly proved: Counter
}

const slots = limits.hostsMax
/** Answers of one phase must not be taken for those of another: one that was doubled on its way may come late. */
const phases: readonly string[] = ['before', 'guard', 'prepare', 'roots', 'raise', 'sweep']
const correlations = slots * phases.length
const wantedCorrelation = 1
const firstRound = 2
const roundsMax = 4
const looksMax = 64
const phaseMs = 15_000
const sweepMs = 60_000

/**
 * Proves floors for the partitions that this host is the first owner of, so that their tombstones can go. One on each host.
 * @see docs/decisions/0009-tombstones-by-floors.md
 */
export const floorAgent: Behaviour<AgentState, AgentMessage, undefined, SystemResources> = {
  kind: 'floor-agent',

  start(_, context) {
    subscribe(undefined, context)
    context.after(roundMsOf(context), { kind: 'look' })
    const proved = context.metrics.counter(
      'floors_raised_total',
      'Rounds in which all owners of a partition agreed on what is obsolete'
    )
    return { view: undefined, table: {}, led: new Map(), rounds: new Map(), nextRound: firstRound, proved }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'ring':
        return takeRing(state, message.view)
      case 'buckets':
        state.table = message.table
        return
      case 'renew':
        return subscribe(state.view, context)
      case 'look':
        return look(state, context)
      case 'late':
        return late(state, message, context)
      case 'ask-guard':
        return guard(state, message, context)
      case 'describe-floor':
        return context.send<FloorAgentReply>(message.replyTo, described(state, message.partition, context))
      case 'floor-wanted':
        return wanted(state, message, context)
      default:
        return replied(state, message, context)
    }
  },

  undelivered(state, reason, context) {
    const round = state.rounds.get(Math.floor(context.correlation / correlations))
    if (round === undefined) return
    round.give(`not reached (${reason})`)
    settle(state, Math.floor(context.correlation / correlations), round, context)
  },

  summary: state => ({
    led: state.led.size,
    rounds: state.rounds.size,
    waiting: [...state.led.values()].filter(({ why }) => why !== '').length
  })
}

function roundMsOf(context: AgentContext): number {
  return (context.resources.floors ?? floorDefaults).roundMs
}

function subscribe(view: RingView | undefined, context: AgentContext): void {
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  context.signal(keeper, { kind: 'subscribe', have: view?.revision ?? '', replyTo: context.replyRef<RingNews>(0) })
  context.after(ringLeaseMs, { kind: 'renew' })
}

function takeRing(state: AgentState, view: RingView): void {
  // Rounds under way rest on the members as they were.
  if (state.view === undefined || epochOfAll(state.view) !== epochOfAll(view) || !isStill(view))
    for (const round of state.rounds.values()) round.give('the ring changes')
  state.view = view
}

/** Nothing moves, and every member is there. */
function isStill(view: RingView): boolean {
  if ((view.others ?? []).some(({ isMoving, owners }) => isMoving || owners.some(own => own.length === 0))) return false
  return view.moving === 0 && view.future.length === 0 && awayOf(view).length === 0
}

function awayOf(view: RingView): HostView[] {
  return hostsOfAll(view).filter(host => host.state !== 'up' && host.isWaiting !== true)
}

function classesOf(state: AgentState, view: RingView): KeyClasses {
  return keyClassesOf(state.table, view.replicas)
}

function look(state: AgentState, context: AgentContext): void {
  context.after(roundMsOf(context), { kind: 'look' })
  for (const [id, round] of state.rounds) if (round.end !== undefined) settle(state, id, round, context)
  const { view } = state
  const self = view?.hosts.findIndex(host => host.name === context.host) ?? -1
  if (view === undefined || self < 0) return
  const nowMs = context.now()
  let looks = 0
  for (let partition = 0; partition < view.partitions; partition++) {
    if (!leads(view, partition, self)) {
      state.led.delete(partition)
      continue
    }
    let led = state.led.get(partition)
    if (led === undefined)
      state.led.set(partition, (led = { dueMs: nowMs, pauseMs: roundMsOf(context), tombstones: -1, why: '' }))
    if (led.dueMs > nowMs || ++looks > looksMax) continue
    const host = view.hosts[self]!
    const to: Ref<VnodeMessage> = { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 }
    const replyTo = context.replyRef<VnodeReply>(wantedCorrelation)
    context.send(to, { kind: 'want-floor', classes: classesOf(state, view), replyTo }, phaseMs)
  }
}

/** The first owner of any class: every longer list begins with the shorter one. */
function leads(view: RingView, partition: number, self: number): boolean {
  const { dc = '' } = view.hosts[self] ?? {}
  // Of several datacenters one leads, for the owners of all.
  return preferenceOf(view.owners, partition, 1)[0] === self && (view.others ?? []).every(other => dc < other.dc)
}

function wanted(state: AgentState, reply: Extract<VnodeReply, { kind: 'floor-wanted' }>, context: AgentContext): void {
  const { view } = state
  const led = state.led.get(reply.partition)
  if (view === undefined || led === undefined) return
  if (led.tombstones !== reply.tombstones) led.pauseMs = roundMsOf(context)
  led.tombstones = reply.tombstones
  led.dueMs = context.now() + led.pauseMs
  const [n] = reply.classes
  if (n === undefined) {
    led.why = ''
    return
  }
  if (!isStill(view)) {
    const away = awayOf(view).map(host => `${host.name} (${host.state})`)
    led.why = away.length === 0 ? 'the ring changes' : `hosts are away: ${away.join(', ')}`
    return
  }
  if (state.rounds.size >= roundsMax || [...state.rounds.values()].some(round => round.partition === reply.partition)) {
    led.dueMs = context.now()
    return
  }
  // One class in a round, another in the next.
  const turn = reply.classes[state.nextRound % reply.classes.length] ?? n
  const owners = ownersOfAll(view, reply.partition, turn)
  const id = state.nextRound++
  const round = new FloorRound(reply.partition, turn, owners, view, classesOf(state, view))
  state.rounds.set(id, round)
  round.start(refsOf(id, round, context), context)
  watch(id, round, context)
}

function refsOf(id: number, round: FloorRound, context: AgentContext): (slot: number) => Ref<VnodeReply> {
  return slot => context.replyRef<VnodeReply>(id * correlations + phases.indexOf(round.phase) * slots + slot)
}

function watch(id: number, round: FloorRound, context: AgentContext): void {
  context.after(round.phase === 'sweep' ? sweepMs : phaseMs, { kind: 'late', round: id, phase: round.phase })
}

function late(state: AgentState, message: Extract<AgentMessage, { kind: 'late' }>, context: AgentContext): void {
  const round = state.rounds.get(message.round)
  if (round === undefined || round.phase !== message.phase) return
  round.give('no answer in time')
  settle(state, message.round, round, context)
}

function replied(state: AgentState, reply: VnodeReply, context: AgentContext): void {
  const id = Math.floor(context.correlation / correlations)
  const round = state.rounds.get(id)
  if (round === undefined) return
  const { phase } = round
  if (Math.floor((context.correlation % correlations) / slots) !== phases.indexOf(phase)) return
  round.replied(context.correlation % slots, reply, refsOf(id, round, context), context)
  if (round.end !== undefined) settle(state, id, round, context)
  else if (round.phase !== phase) watch(id, round, context)
}

function settle(state: AgentState, id: number, round: FloorRound, context: AgentContext): void {
  if (round.end === undefined) return
  state.rounds.delete(id)
  const led = state.led.get(round.partition)
  if (led === undefined) return
  const { why, purged } = round.end
  led.why = why
  if (why === '') state.proved.add()
  const { pauseMsMax, roundMs } = context.resources.floors ?? floorDefaults
  led.pauseMs = purged > 0 ? roundMs : Math.min(led.pauseMs * 2, pauseMsMax)
  led.dueMs = context.now() + led.pauseMs
  if (why !== '')
    context.log.debug({ partition: round.partition, n: round.n, why }, 'the tombstones of a partition cannot go yet')
}

function guard(state: AgentState, message: Extract<FloorAgentMessage, { kind: 'ask-guard' }>, context: AgentContext): void {
  const { view } = state
  const self = view?.hosts.find(host => host.name === context.host)
  if (view === undefined || self === undefined || epochOfAll(view) !== message.epoch || !isStill(view)) {
    const why = fault('unavailable', `${context.host} sees other members, or not all of them`, { outcome: 'refused' })
    return context.send<VnodeReply>(message.replyTo, { kind: 'failed', fault: why })
  }
  const to: Ref<VnodeMessage> = { address: vnodeAddressOf(self, message.partition), correlation: 0, incarnation: 0 }
  context.send(to, { kind: 'guard-floor', replyTo: message.replyTo }, phaseMs)
}

function described(state: AgentState, partition: number, context: AgentContext): FloorAgentReply {
  const { view } = state
  const leader = view === undefined ? '' : (leaderOf(view, partition)?.name ?? '')
  const why = state.led.get(partition)?.why ?? ''
  return { kind: 'floor-described', host: context.host, partition, leader, why }
}
