import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import {
  arrivalOf,
  freeSeat,
  type HostState,
  isGone,
  joiningNow,
  type Member,
  membershipEpoch,
  successorOf,
  withState
} from '../../model/membership.ts'
import type { ClusterShape, SeenMember } from './gossip-protocol.ts'
import { setRow, setSelf } from './gossip-rows.ts'
import { type GossipContext, type GossipState, isDirect, selfOf } from './gossip-state.ts'
import type { RingKeeperMessage } from '../ring/ring-keeper-protocol.ts'

/** Tell the ring keeper and the disk what changed. */
export function publish(state: GossipState, context: GossipContext): void {
  state.isPublishing = false
  const { cluster } = state
  if (cluster === undefined || !state.isSettled) return
  keepSeatApart(state, context)
  takePlace(state, context)
  if (state.isRingStale) state.epoch = membershipEpoch(state.members.members)
  const self = selfOf(state, context)
  if (self.seen !== state.epoch && hasSettled(state, self, context)) setSelf(state, { ...self, seen: state.epoch }, context)
  // What was changed just now is told just now, too.
  state.isRingStale = false
  const keeper: Ref<RingKeeperMessage> = { address: addressOf(context.thread, 'ring-keeper'), correlation: 0, incarnation: 0 }
  if (state.isViewStale) context.signal(keeper, { kind: 'members', members: seenMembers(state, context), cluster })
  if (state.isTableStale) context.signal(keeper, { kind: 'buckets', table: state.table })
  if (state.isFileStale || state.isTableStale) save(state, cluster, context)
  state.isViewStale = false
  state.isTableStale = false
  state.isFileStale = false
}

/** This host has seen a membership once all its data threads write by the ring that follows from it. */
function hasSettled(state: GossipState, { threads }: Member, { host }: GossipContext): boolean {
  for (let thread = 0; thread < threads; thread++)
    if (state.settled.get(threadAddressOf(host, `data-${thread}`)) !== state.epoch) return false
  return true
}

function save(state: GossipState, cluster: ClusterShape, context: GossipContext): void {
  context.resources.clusterFile.save({ cluster, members: state.members.members, table: state.table })
}

function seenMembers(state: GossipState, context: GossipContext): SeenMember[] {
  const now = context.now()
  const { members } = state.members
  const twins = twinsOf(members)
  return members.map(member => {
    const isSelf = member.uid === context.resources.self.uid
    const heard = state.heard.get(member.uid)
    const isReplaced = twins.has(member.name) && successorOf(member, members) !== undefined
    const isBack = isSelf ? isBackItself(state, context) : (heard?.backUntilMs ?? 0) > now
    return { ...member, seenState: seenStateOf(member, isReplaced), isBack, isDirect: isDirect(heard), isReplaced }
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
  return state.isReturning && context.now() - state.startedMs < context.resources.gossip.backMs
}

/** Hosts that were back a while ago are like the others. */
export function forgetReturns(state: GossipState, context: GossipContext): void {
  const now = context.now()
  for (const heard of state.heard.values()) {
    if (heard.backUntilMs === 0 || heard.backUntilMs > now) continue
    heard.backUntilMs = 0
    state.isViewStale = true
  }
}

/** Two that came at once were given the same seat: the later one takes another, while it only joins. */
function keepSeatApart(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (self.standing !== 'joining' || self.seat === undefined || isGone(self.state)) return
  const others = state.members.members.filter(member => member !== self && member.name !== self.name && !isGone(member.state))
  const isEarlier = (other: Member): boolean =>
    other.standing !== 'joining' || (other.incarnation - self.incarnation || other.uid - self.uid) < 0
  const isTaken = others.some(
    other => other.seat === self.seat && other.dc === self.dc && other.zone === self.zone && isEarlier(other)
  )
  if (!isTaken) return
  const { seat: _, ...rest } = self
  const seat = freeSeat(others, self)
  setSelf(state, seat === undefined ? rest : { ...rest, seat }, context)
}

/**
 * A joining host takes its place on the ring once it and all others that gain by it have their data. Who is away keeps it waiting:
 * it might be one that gains. One whose name and place it takes does not: it has nothing to gain, and leaves the ring then.
 */
function takePlace(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (self.standing !== 'joining' || isGone(self.state)) return
  const { members } = state.members
  const reachable = members.filter(member => member.standing !== 'joining' || member.state === 'joining')
  if (joiningNow(reachable) !== self) return
  const before = members.filter(member => member.name === self.name && member !== self && !isGone(member.state))
  if (before.some(member => member.state !== 'down')) return
  const wanted = arrivalOf(membershipEpoch(members), self.uid)
  const isReady = members.every(
    member =>
      isGone(member.state) ||
      (member.standing === 'joining' && member !== self) ||
      before.includes(member) ||
      member.arrived === wanted
  )
  if (!isReady) return
  setSelf(state, withState({ ...self, incarnation: self.incarnation + 1 }, 'up'), context)
  for (const member of before) setRow(state, withState(member, 'removed'), undefined, context)
  context.log.info({ uid: self.uid, replaces: before.map(member => member.uid) }, 'this host takes its place on the ring')
}
