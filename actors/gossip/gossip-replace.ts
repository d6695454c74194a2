import { displacedOf, isGone, type Member, withStanding, withState } from '../../model/membership.ts'
import { arrivalOf, type Change, changesOf, inPlaceOf, membershipEpoch } from '../../model/ring-change.ts'
import { haveAllSeen, promise, renewed, unready, withoutPlan, withoutRemoval } from './gossip-changes.ts'
import { paceOf } from './gossip-pace.ts'
import { setRow, setSelf } from './gossip-rows.ts'
import { type GossipContext, type GossipState, hasSettled, publishSoon, selfOf, ringRowsOf } from './gossip-state.ts'

/**
 * The other end of a replacement: this host's place is taken. When all others have what they need, it ceases to answer reads, and only then says that
 * it is ready, too: so nobody reads here what the host that takes the place is written already. Opened again where that one falls silent.
 * @returns whether it is, or becomes, closed
 */
export function closeForSuccessor(state: GossipState, self: Member, moving: Change | undefined, context: GossipContext): boolean {
  if (moving?.replaced?.uid !== self.uid || moving.subject.state !== 'joining') return false
  const members = ringRowsOf(state)
  const arrival = arrivalOf(membershipEpoch(members), moving.subject.uid)
  if (self.arrived === arrival) return state.closing === arrival
  const waits = unready(moving, members)
  if (state.ownArrival !== arrival || waits.length !== 1 || waits[0] !== self || paceOf(state, moving)?.isPaused === true)
    return false
  if (state.closing !== arrival) {
    state.closing = arrival
    state.isViewStale = true
    publishSoon(state, context)
  } else if (hasSettled(state, arrival, context)) promise(state, moving, arrival, context)
  return true
}

/** This host joins in the place of another: by its word it is up, and that one is out of the ring. */
export function takePlaceOf(state: GossipState, self: Member, replaced: Member, context: GossipContext): void {
  const isDead = self.removing === replaced.uid
  if (isDead && replaced.state !== 'down') return
  const row = inPlaceOf(withoutPlan(withoutRemoval(self)), replaced)
  setSelf(state, withStanding({ ...renewed(row), replaces: replaced.uid }, 'up'), context)
  if (isDead) setRow(state, withState(replaced, 'removed'), undefined, context)
  context.log.info({ uid: self.uid, replaced: replaced.name, isDead }, 'this host has taken the place of another')
}

/** Another one has taken this host's place: what is left to do is to hand over what it keeps for others, as when it leaves. */
export function yieldPlace(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if ((self.standing !== 'up' && self.standing !== 'leaving') || !displacedOf(ringRowsOf(state)).has(self.uid)) return
  state.closing = ''
  const { nextWeight: _, ...rest } = withoutPlan(self)
  setSelf(state, withStanding(renewed(rest), 'drained'), context)
  context.log.info({ uid: self.uid }, 'another host has taken the place of this one: it hands over what it keeps for others')
}

/**
 * A replacement is forgotten once the host that was replaced is gone, and all go by the ring without it; and one that can come about no more is given
 * up: this host waits again.
 */
export function endReplacement(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (self.replaces === undefined) return
  const members = ringRowsOf(state)
  if (self.standing === 'joining') {
    if (changesOf(members).some(({ kind, by }) => kind === 'replace' && by === self)) return
    setSelf(state, waiting(self), context)
    context.log.warn(
      { uid: self.uid, replaces: self.replaces },
      'the host that this one was to replace has no place to give: this one waits'
    )
    return
  }
  const replaced = state.members.get(self.replaces)
  if (replaced !== undefined && !isGone(replaced.state)) return
  if (!haveAllSeen(members, membershipEpoch(members))) return
  const { replaces: _, ...rest } = self
  setSelf(state, rest, context)
}

/** The row of a newcomer that waits to be told what to do. */
export function waiting(self: Member): Member {
  const { replaces: _, ...rest } = withoutPlan(withoutRemoval(self))
  return renewed({ ...rest, isWaiting: true, arrived: '' })
}

/** All have what the weight to be gives them: from here on it is this host's weight. */
export function takeWeight(state: GossipState, self: Member, context: GossipContext): void {
  const { nextWeight, ...rest } = withoutPlan(self)
  if (nextWeight === undefined) return
  setSelf(state, renewed({ ...rest, weight: nextWeight }), context)
  context.log.info({ uid: self.uid, weight: nextWeight }, 'this host has another weight on the ring')
}
