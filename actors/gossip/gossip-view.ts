import { addressOf, type Ref } from '../../bus/bus.ts'
import { type HostState, isGone, type Member, successorOf } from '../../model/membership.ts'
import { freeSeat, seatsOverlap } from '../../model/seat.ts'
import { beingRemoved, membershipEpoch } from '../../model/ring-change.ts'
import { movingIn } from './gossip-changes.ts'
import { buryDatacenter } from './gossip-datacenter.ts'
import { paceOf } from './gossip-pace.ts'
import { proceedWithPlan } from './gossip-plan.ts'
import { proceedWithChange } from './gossip-proceed.ts'
import type { SeenMember } from './gossip-protocol.ts'
import { setSelf } from './gossip-rows.ts'
import { type GossipContext, type GossipState, hasSettled, isDirect, ringRowsOf, save, selfOf } from './gossip-state.ts'
import type { RingKeeperMessage } from '../ring/ring-keeper-protocol.ts'

/** Tell the ring keeper and the disk what changed. */
export function publish(state: GossipState, context: GossipContext): void {
  state.isPublishing = false
  const { cluster } = state
  if (cluster === undefined || !state.isSettled) return
  keepSeatApart(state, context)
  buryDatacenter(state, context)
  proceedWithPlan(state, context)
  proceedWithChange(state, context)
  if (state.isRingStale) state.epoch = membershipEpoch(ringRowsOf(state))
  const self = selfOf(state, context)
  if (self.seen !== state.epoch && hasSettled(state, state.epoch, context))
    setSelf(state, { ...self, seen: state.epoch }, context)
  // What was changed just now is told just now, too.
  state.isRingStale = false
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  if (state.isViewStale) {
    const change = movingIn(state)
    const moving = change?.subject.uid ?? 0
    const pace = paceOf(state, change)
    const members = seenMembers(state, context)
    context.signal(keeper, { kind: 'members', members, cluster, moving, closing: state.closing, ...(pace && { pace }) })
  }
  if (state.isTableStale) context.signal(keeper, { kind: 'buckets', table: state.table })
  if (state.isFileStale || state.isTableStale) save(state, context)
  state.isViewStale = false
  state.isTableStale = false
  state.isFileStale = false
}

function seenMembers(state: GossipState, context: GossipContext): SeenMember[] {
  const now = context.now()
  const { members } = state.members
  const twins = twinsOf(members)
  const removed = beingRemoved(members)
  return members.map(member => {
    const isSelf = member.uid === context.resources.self.uid
    const heard = state.heard.get(member.uid)
    const isReplaced = twins.has(member.name) && successorOf(member, members) !== undefined
    const isBack = isSelf ? isBackItself(state, context) : (heard?.backUntilMs ?? 0) > now
    const isRemoving = removed.has(member.uid)
    return { ...member, seenState: seenStateOf(member, isReplaced), isBack, isDirect: isDirect(heard), isReplaced, isRemoving }
  })
}

/** Names that more than one has or had. */
function twinsOf(members: readonly Member[]): ReadonlySet<string> {
  const names = new Set<string>()
  const twins = new Set<string>()
  for (const { name, state } of members) {
    if (isGone(state)) continue
    if (names.has(name)) twins.add(name)
    names.add(name)
  }
  return twins
}

function seenStateOf(member: Member, isReplaced: boolean): HostState {
  return isReplaced && !isGone(member.state) ? 'down' : member.state
}

function isBackItself(state: GossipState, context: GossipContext): boolean {
  return state.isReturning && !isLongAgo(state, context)
}

function isLongAgo(state: GossipState, context: GossipContext): boolean {
  return context.now() - state.startedMs >= context.resources.gossip.backMs
}

/** Hosts that were back a while ago are like the others, and so is this one. */
export function forgetReturns(state: GossipState, context: GossipContext): void {
  const now = context.now()
  if (state.isReturning && isLongAgo(state, context)) {
    state.isReturning = false
    state.isViewStale = true
  }
  for (const heard of state.heard.values()) {
    if (heard.backUntilMs === 0 || heard.backUntilMs > now) continue
    heard.backUntilMs = 0
    state.isViewStale = true
  }
}

/** Two that came at once were given the same seat: the later one takes another, while it only joins. */
function keepSeatApart(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  const { seat: own } = self
  if (self.standing !== 'joining' || own === undefined || isGone(self.state)) return
  const others = state.members.members.filter(member => member !== self && member.name !== self.name && !isGone(member.state))
  const isEarlier = (other: Member): boolean =>
    other.standing !== 'joining' || (other.incarnation - self.incarnation || other.uid - self.uid) < 0
  const isTaken = others.some(
    ({ seat, ...other }) =>
      seat !== undefined && seatsOverlap(seat, own) && other.dc === self.dc && other.zone === self.zone && isEarlier(other)
  )
  if (!isTaken) return
  const { seat: _, ...rest } = self
  const seat = freeSeat(others, self)
  setSelf(state, seat === undefined ? rest : { ...rest, seat }, context)
}
