import type { Brief } from '../../model/member-list.ts'
import { memberOf } from '../../model/member-list.ts'
import { compareMembers, isGone, type Member, withStanding, withState } from '../../model/membership.ts'
import { Suspicion, suspicionTimes } from '../../model/suspicion.ts'
import {
  type GossipContext,
  type GossipState,
  hearBeat,
  isFirst,
  isFresh,
  publishSoon,
  selfOf,
  spreadSoon
} from './gossip-state.ts'

/** How a row came: as a piece of news, which is spread while it is true; or by comparing views, where it may be long stale. */
export type Source = 'news' | 'rows'

/** Put a row in, whatever was there: all that follows from it is done here. */
export function setRow(
  state: GossipState,
  member: Member,
  about: number | undefined,
  context: GossipContext,
  accuser: number = context.resources.self.uid
): void {
  const before = state.members.row(member.uid)
  const known = before?.member
  state.members.set(member, about)
  const isSelf = member.uid === context.resources.self.uid
  const wasThere = known !== undefined && !isGone(known.state)
  const isThere = !isGone(member.state)
  state.present += Number(isThere) - Number(wasThere)
  if (!isSelf) {
    if (known === undefined) state.order.add(member.uid, context.random())
    if (member.state === 'down') state.down.add(member.uid)
    else state.down.delete(member.uid)
    noteReturn(state, known, member, context)
    noteSuspicion(state, member, accuser, context)
  }
  state.isViewStale = true
  if (
    known === undefined ||
    known.standing !== member.standing ||
    wasThere !== isThere ||
    before?.about !== state.members.row(member.uid)?.about
  )
    state.isRingStale = true
  if (state.isRingStale || known?.incarnation !== member.incarnation) state.isFileStale = true
  state.news.add(member.uid)
  publishSoon(state, context)
  spreadSoon(state, context)
}

/** This host changes what it says of itself: with another heartbeat each time, so that the later row says more. */
export function setSelf(state: GossipState, self: Member, context: GossipContext): void {
  state.heartbeat++
  setRow(state, { ...self, heartbeat: state.heartbeat }, undefined, context)
}

/** Who was away, in the eyes of this host or of others, may lack writes; not who has just joined, with all its data. */
function noteReturn(state: GossipState, known: Member | undefined, member: Member, context: GossipContext): void {
  const { uid, incarnation, heartbeat } = member
  const isAlive = member.state === 'up' || member.state === 'leaving'
  if (known === undefined || known.standing === 'joining' || !isAlive || incarnation <= known.incarnation) return
  hearBeat(state, { uid, incarnation, heartbeat }, false, context)
  const heard = state.heard.get(uid)
  if (heard === undefined) return
  heard.backUntilMs = context.now() + context.resources.gossip.backMs
  heard.misses = 0
}

function noteSuspicion(state: GossipState, member: Member, accuser: number, context: GossipContext): void {
  const { uid, incarnation } = member
  if (member.state !== 'suspect') {
    state.suspected.delete(uid)
    return
  }
  if (state.suspected.get(uid)?.suspicion.incarnation === incarnation) return
  const times = suspicionTimes(state.present, context.resources.gossip.periodMs)
  const suspicion = new Suspicion(incarnation, accuser, context.now(), times)
  state.suspected.set(uid, { suspicion, accuser })
  state.figures.suspicions.add()
  context.after(suspicion.deadlineMs - context.now(), { kind: 'suspicion-over', uid, incarnation })
}

/** This host suspects a member: it gave no answer, to others neither. */
export function suspect(state: GossipState, uid: number, accuser: number, context: GossipContext): void {
  const member = state.members.get(uid)
  if (member === undefined || isGone(member.state) || member.state === 'down') return
  const suspected = state.suspected.get(uid)
  if (suspected !== undefined) {
    if (!suspected.suspicion.confirm(accuser)) return
    suspected.accuser = accuser
    state.news.add(uid)
    spreadSoon(state, context)
    const { suspicion } = suspected
    // The time that one more accuser takes off it may have passed already.
    const leftMs = Math.max(0, suspicion.deadlineMs - context.now())
    context.after(leftMs, { kind: 'suspicion-over', uid, incarnation: suspicion.incarnation })
    return
  }
  context.log.info({ member: member.name, uid, incarnation: member.incarnation, accuser }, 'a host is suspected to be down')
  setRow(state, withState(member, 'suspect'), state.members.row(uid)?.about, context, accuser)
}

/** A suspicion may have run its time. */
export function suspicionOver(state: GossipState, uid: number, incarnation: number, context: GossipContext): void {
  const suspected = state.suspected.get(uid)
  const member = state.members.get(uid)
  if (suspected === undefined || member === undefined || suspected.suspicion.incarnation !== incarnation) return
  const { suspicion } = suspected
  const heard = state.heard.get(uid)
  // It cannot have heard that it is suspected yet: it would have refuted.
  if (heard !== undefined && heard.atMs > suspicion.startMs) suspicion.restart(heard.atMs)
  const leftMs = suspicion.deadlineMs - context.now()
  if (leftMs > 1) {
    context.after(leftMs, { kind: 'suspicion-over', uid, incarnation })
    return
  }
  state.figures.downs.add()
  context.log.info({ member: member.name, uid, incarnation }, 'a host is down')
  setRow(state, withState(member, 'down'), state.members.row(uid)?.about, context)
}

/** @returns false where the row in full is needed to understand the brief */
export function takeBrief(state: GossipState, brief: Brief, source: Source, context: GossipContext): boolean {
  if (brief.uid === context.resources.self.uid) {
    takeSelf(state, memberOf(brief, selfOf(state, context)), context)
    return true
  }
  const known = state.members.row(brief.uid)
  if (known === undefined || (known.about !== brief.about && brief.incarnation >= known.member.incarnation)) return false
  if (known.about === brief.about) takeRow(state, memberOf(brief, known.member), brief.about, brief.accuser, source, context)
  return true
}

/** What another host says of a member. */
export function takeRow(
  state: GossipState,
  member: Member,
  about: number | undefined,
  accuser: number,
  source: Source,
  context: GossipContext
): void {
  if (member.uid === context.resources.self.uid) return takeSelf(state, member, context)
  const known = state.members.get(member.uid)
  const isClaim = member.state === 'suspect' || member.state === 'down'
  if (known === undefined || !isClaim || isGone(known.state)) {
    if (known === undefined || compareMembers(known, member) < 0) setRow(state, member, about, context)
    return
  }
  if (member.incarnation < known.incarnation) return
  takeClaim(state, known, member, about, accuser, source, context)
}

/**
 * Others suspect a member, or hold it to be down. Where this host has had a sign of life a moment ago it looks for itself: the member
 * hears of it by the probe, and refutes. So a host that was cut off and comes back does not make the others doubt each other.
 */
function takeClaim(
  state: GossipState,
  known: Member,
  member: Member,
  about: number | undefined,
  accuser: number,
  source: Source,
  context: GossipContext
): void {
  if (known.state === 'down') {
    // Down for both of us, and they heard its last word: nobody answers who could say it again, so it is believed. Else two rings stay.
    if (member.state === 'down') return compareMembers(known, member) < 0 ? setRow(state, member, about, context) : undefined
    if (member.incarnation === known.incarnation) return
  }
  // A former self of this host, whose name and place it takes: from here nobody can look for it, so the others are believed.
  if (known.name === context.host) {
    if (member.state === 'down') setRow(state, member, about, context)
    return
  }
  if (known.state === 'suspect' && member.incarnation === known.incarnation) {
    if (member.state === 'suspect') suspect(state, member.uid, accuser, context)
    else if (source === 'news') setRow(state, withState(known, 'down'), about, context)
    else state.doubts.add(member.uid)
    return
  }
  if (source === 'rows' || isFresh(state, member.uid, context)) {
    state.doubts.add(member.uid)
    return
  }
  if (member.incarnation > known.incarnation) setRow(state, withStanding(member, member.standing), about, context)
  suspect(state, member.uid, accuser, context)
}

/** What others say of this host. It lives, so whatever says more than it does itself is outbid. */
function takeSelf(state: GossipState, said: Member, context: GossipContext): void {
  const self = selfOf(state, context)
  if (isGone(self.state)) return
  if (isGone(said.state)) {
    const what = said.state === 'left' ? 'has left the cluster' : 'was removed from the cluster'
    context.log.error({ uid: self.uid }, `this host ${what}: empty its data directory to let it join anew`)
    setRow(state, withState(self, said.state), undefined, context)
    return
  }
  if (compareMembers(self, said) >= 0) return
  const isClaim = said.state === 'suspect' || said.state === 'down'
  if (isClaim) {
    state.health.add(1)
    state.figures.refutations.add()
  }
  if (!isClaim && said.incarnation > self.incarnation && isFirst(state, 'outbid'))
    context.log.warn({ uid: self.uid, theirs: said.incarnation, ours: self.incarnation }, 'others know a later self of this host')
  setSelf(state, { ...self, incarnation: said.incarnation + 1 }, context)
}
