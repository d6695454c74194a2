import { isGone, type Member, withStanding, withState } from '../../model/membership.ts'
import {
  arrivalOf,
  beingRemoved,
  type Change,
  changesOf,
  membershipEpoch,
  movingNow,
  promiseOf,
  ticketOf
} from '../../model/ring-change.ts'
import { foundingChange, isUnfounded } from './gossip-datacenter.ts'
import { setRow, setSelf } from './gossip-rows.ts'
import { type GossipContext, type GossipState, hasSettled, publishSoon, ringRowsOf, save, selfOf } from './gossip-state.ts'

/** The change of the ring that is under way, as this host sees it. */
export function movingIn(state: GossipState): Change | undefined {
  return isUnfounded(state) ? foundingChange(state) : movingNow(ringRowsOf(state), state.promised)
}

/**
 * The transfer agent has all that this host gains by the change under way. Said to the others, it is a promise: from here on this host writes
 * by both rings until whoever sees the change through has ended it, or begun it anew. So it is on the disk before anybody hears of it.
 */
export function takeArrival(state: GossipState, arrival: string, context: GossipContext): void {
  const members = ringRowsOf(state)
  const moving = movingIn(state)
  // Meant for another one: what follows from the members as they are now comes later.
  if (moving === undefined || arrival !== arrivalOf(membershipEpoch(members), moving.subject.uid)) return
  // One that lives in the eyes of this host is not removed: it hears of it, and says so.
  if (moving.kind === 'remove' && moving.subject.state !== 'down') return
  const { replaced } = moving
  if (replaced !== undefined && moving.by.removing === replaced.uid && replaced.state !== 'down') return
  if (replaced?.uid === context.resources.self.uid) {
    // The others first, see `closeForSuccessor`.
    if (state.ownArrival !== arrival) publishSoon(state, context)
    state.ownArrival = arrival
    return
  }
  promise(state, moving, arrival, context)
}

/** Say that it has arrived, and keep to what that promises. */
export function promise(state: GossipState, moving: Change, arrival: string, context: GossipContext): void {
  const members = ringRowsOf(state)
  const promised = promiseOf(moving, members)
  if (promised !== undefined && (promised.subject !== state.promised?.subject || promised.ticket !== state.promised.ticket)) {
    state.promised = promised
    save(state, context)
  }
  const self = selfOf(state, context)
  if (self.arrived !== arrival) setSelf(state, { ...self, arrived: arrival }, context)
}

/** The removal of a host that lives after all is given up; one that is done is forgotten once all go by the ring without it. */
export function takeBack(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  if (self.removing === undefined) return
  const members = ringRowsOf(state)
  const subject = state.members.get(self.removing)
  const isGoneForAll = (subject === undefined || isGone(subject.state)) && haveAllSeen(members, membershipEpoch(members))
  const lives = subject !== undefined && !isGone(subject.state) && subject.state !== 'down'
  if (!isGoneForAll && !lives) return
  if (lives)
    context.log.warn({ member: subject.name, uid: subject.uid }, 'a host lives that was declared dead: it is counted again')
  // What was promised for a ring whose sources are others does not hold.
  const begunAnew = self.replaces === self.removing ? { ticket: ticketOf(members), arrived: '' } : {}
  setSelf(state, { ...withoutRemoval(self), ...begunAnew }, context)
}

/**
 * Where something comes before what was under way already, nobody must hold to promises that were made for it, this host no more than the
 * others: it is begun anew, with a later ticket. Else each would wait for the other for ever: it for a host that lost its disk, that host's new
 * self for its turn. So it is after a start: what this host knows of the others may be long over.
 */
export function takeTurn(state: GossipState, context: GossipContext): void {
  const self = selfOf(state, context)
  const own = changesOf(ringRowsOf(state)).find(({ by, kind }) => by === self && kind !== 'join')
  const hasStarted = state.ledTicket < 0
  if (hasStarted) state.ledTicket = 0
  if (own === undefined) return
  if (!hasStarted && movingNow(ringRowsOf(state))?.subject === own.subject) {
    state.ledTicket = own.ticket
  } else if (hasStarted || state.ledTicket === own.ticket) {
    state.ledTicket = 0
    setSelf(state, { ...self, ticket: ticketOf(ringRowsOf(state)) }, context)
  }
}

/**
 * Those that a change waits for: every host must have what it gains by it, and write by the ring after it. Who is away keeps it waiting, since
 * it might be one that gains; not so one that an operator has declared dead, or whose place and name another takes.
 */
export function unready({ kind, subject, by }: Change, members: readonly Member[]): readonly Member[] {
  const wanted = arrivalOf(membershipEpoch(members), subject.uid)
  const removed = beingRemoved(members)
  const isNobody = (member: Member): boolean =>
    isGone(member.state) ||
    member.standing === 'drained' ||
    removed.has(member.uid) ||
    (member.standing === 'joining' && member !== by) ||
    (kind === 'join' && member.name === by.name && member !== by && member.state === 'down')
  return members.filter(member => !isNobody(member) && member.arrived !== wanted)
}

/** Whether all hosts that coordinate writes go by the ring of this epoch. */
export function haveAllSeen(members: readonly Member[], epoch: string): boolean {
  return unseen(members, epoch).length === 0
}

export function unseen(members: readonly Member[], epoch: string): readonly Member[] {
  const removed = beingRemoved(members)
  return members.filter(
    ({ state, standing, uid, seen }) =>
      !isGone(state) && standing !== 'joining' && standing !== 'drained' && !removed.has(uid) && seen !== epoch
  )
}

/** Others have gone before, or a bucket asks for more replicas by now. */
export function giveUp(state: GossipState, self: Member, { kind, subject }: Change, context: GossipContext): void {
  reopen(state, context)
  setSelf(state, kind === 'leave' ? withStanding(renewed(withoutPlan(self)), 'up') : withoutRemoval(self), context)
  const needed = hostsNeeded(state)
  context.log.warn(
    { member: subject.name, uid: subject.uid, needed },
    'a host stays: without it there would be too few for all replicas'
  )
}

/** A joining host takes its place on the ring, and the one whose name and place that was is gone. */
export function takePlace(state: GossipState, self: Member, context: GossipContext): void {
  const before = ringRowsOf(state).filter(member => member.name === self.name && member !== self && !isGone(member.state))
  if (before.some(member => member.state !== 'down')) return
  setSelf(state, withStanding(renewed(withoutPlan(self)), 'up'), context)
  for (const member of before) setRow(state, withState(member, 'removed'), undefined, context)
  context.log.info({ uid: self.uid, replaces: before.map(member => member.uid) }, 'this host takes its place on the ring')
}

/**
 * A leaving host ceases to answer reads, and then says that the ring has moved: so a host that has not heard of it yet reads what the others
 * have, and meets what was written by the new ring.
 */
export function giveUpPlace(state: GossipState, self: Member, context: GossipContext): void {
  const closing = arrivalOf(membershipEpoch(ringRowsOf(state)), self.uid)
  if (state.closing !== closing) {
    state.closing = closing
    state.isViewStale = true
    return publishSoon(state, context)
  }
  if (!hasSettled(state, closing, context)) return
  state.closing = ''
  setSelf(state, withStanding(renewed(withoutPlan(self)), 'drained'), context)
  context.log.info({ uid: self.uid }, 'this host has given up its place on the ring, and hands over what it keeps for others')
}

export function reopen(state: GossipState, context: GossipContext): void {
  if (state.closing === '') return
  state.closing = ''
  state.isViewStale = true
  publishSoon(state, context)
}

/** Its row says so and is final. That this host has seen it through stays said until all know, see `takeBack`. */
export function endRemoval(state: GossipState, self: Member, subject: Member, context: GossipContext): void {
  if (subject.state !== 'down') return
  setRow(state, withState(subject, 'removed'), undefined, context)
  context.log.info({ member: subject.name, uid: subject.uid, by: self.uid }, 'a host was removed from the cluster')
}

/** The row of a host that removes nobody any more. */
export function withoutRemoval(self: Member): Member {
  const { removing: _, ...rest } = self
  return rest
}

/** The row of a host that sees nothing through for a plan any more. */
export function withoutPlan(self: Member): Member {
  const { planned: _, ...rest } = self
  return rest
}

/** The same as what nobody can have said before: suspicions of what it was until now do not stand against it. */
export function renewed(self: Member): Member {
  return { ...self, incarnation: self.incarnation + 1 }
}

/** Replicas that some bucket asks for: so many hosts must stay. */
export function hostsNeeded({ cluster, table }: GossipState): number {
  return Math.max(cluster?.replicas ?? 0, ...Object.values(table).map(({ properties }) => properties.n ?? 0))
}
