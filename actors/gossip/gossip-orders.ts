import type { Ref } from '../../bus/bus.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { isGone, type Member, withStanding, withState } from '../../model/membership.ts'
import { planIn } from '../../model/plan.ts'
import { type Change, changesOf, membershipEpoch, ticketOf } from '../../model/ring-change.ts'
import { passToDatacenter } from './gossip-datacenter.ts'
import { movingIn, renewed, unready, unseen, withoutRemoval } from './gossip-changes.ts'
import type { ChangeReply, GossipMessage } from './gossip-protocol.ts'
import { tooFew, whyNotLeave } from './gossip-refusals.ts'
import { setRow, setSelf } from './gossip-rows.ts'
import { agentOf, type GossipContext, type GossipState, ringRowsOf, selfOf } from './gossip-state.ts'
import { publish } from './gossip-view.ts'

type Of<K extends GossipMessage['kind']> = Extract<GossipMessage, { kind: K }>

/** This host shall leave, or stay after all. */
export function takeLeave(state: GossipState, { order, replyTo }: Of<'leave'>, context: GossipContext): void {
  const self = selfOf(state, context)
  if (order === 'give-up' && self.standing === 'leaving' && isOfPlan(state, self))
    return refuse(replyTo, fault('bad_request', `${self.name} leaves by a plan: carillon abort takes that back`), context)
  if (order === 'give-up' && self.standing === 'leaving') {
    setSelf(state, withStanding(renewed(self), 'up'), context)
    publish(state, context)
  } else if (order === 'begin' && self.standing === 'up') {
    const why = whyNotLeave(state, self)
    if (why !== undefined) return refuse(replyTo, why, context)
    // What it said for a change before must not pass for an arrival of now.
    const leaving: Member = { ...self, ticket: ticketOf(ringRowsOf(state)), arrived: '' }
    setSelf(state, withStanding(leaving, 'leaving'), context)
    publish(state, context)
    context.log.info({ uid: self.uid }, 'this host begins to leave')
  } else if (order === 'give-up' && self.standing === 'drained') {
    return refuse(replyTo, fault('bad_request', `${self.name} has given up its place on the ring: it cannot stay`), context)
  } else if (order === 'begin' && self.standing === 'joining') {
    return refuse(replyTo, fault('bad_request', `${self.name} joins: let it end that first`), context)
  }
  tell(state, self.uid, replyTo, context)
}

/** Whether the plan that is under way has begun what this host does. */
function isOfPlan(state: GossipState, { planned }: Member): boolean {
  return planned !== undefined && planIn(ringRowsOf(state))?.plan.id === planned
}

/** A host that is down for good shall be removed, or stay after all. */
export function takeRemove(state: GossipState, message: Of<'remove'>, context: GossipContext): void {
  const { name, order, isPassedOn, replyTo } = message
  const { members } = state.members
  const self = selfOf(state, context)
  const ofName = members.filter(member => member.name === name)
  const subject = ofName.find(member => !isGone(member.state)) ?? ofName.at(-1)
  if (subject === undefined || state.cluster === undefined) {
    const known = members
      .filter(member => !isGone(member.state))
      .map(member => member.name)
      .sort()
    return refuse(replyTo, fault('not_found', `there is no host ${JSON.stringify(name)}: there are ${known.join(', ')}`), context)
  }
  if (subject.dc !== self.dc && !isGone(subject.state)) {
    const why = passToDatacenter(state, subject, message, context)
    return why === undefined ? undefined : refuse(replyTo, why, context)
  }
  const seesTo = seerOf(members, self, subject)
  if (seesTo !== undefined) {
    // Two that each hold the other to see to it would pass it on for ever.
    if (isPassedOn === true)
      return refuse(replyTo, fault('unavailable', `${seesTo.name} sees to ${name}: again when all have heard`), context)
    return context.signal<GossipMessage>(agentOf(seesTo.name) as Ref<GossipMessage>, { ...message, isPassedOn: true })
  }
  const isOwn = self.removing === subject.uid && !isGone(subject.state)
  if (order === 'give-up') {
    if (isOwn) {
      setSelf(state, withoutRemoval(self), context)
      publish(state, context)
    }
  } else if (order === 'begin' && !isOwn && !isGone(subject.state)) {
    const why = whyNotRemove(state, self, subject)
    if (why !== undefined) return refuse(replyTo, why, context)
    // One that owns nothing is gone at once.
    if (self.standing === 'joining' && self.replaces === subject.uid)
      setSelf(state, { ...self, ticket: ticketOf(members), removing: subject.uid, arrived: '' }, context)
    else if (subject.standing === 'joining' || subject.standing === 'drained')
      setRow(state, withState(subject, 'removed'), undefined, context)
    else {
      setSelf(state, { ...self, ticket: ticketOf(members), removing: subject.uid, arrived: '' }, context)
      context.log.warn({ member: subject.name, uid: subject.uid }, 'a host is declared dead, and will be removed')
    }
    publish(state, context)
  }
  tell(state, subject.uid, replyTo, context)
}

/**
 * The other host that has to hear of an order to remove one; undefined: this one does what there is to do. Two may have announced the same removal, each
 * before it heard of the other; both go on with it.
 */
function seerOf(members: readonly Member[], self: Member, subject: Member): Member | undefined {
  const changes = changesOf(members)
  // A host that replaces it sees to it that it is declared dead.
  const successor = changes.find(({ kind, replaced }) => kind === 'replace' && replaced === subject)?.by
  if (successor !== undefined && successor.state !== 'down') return successor === self ? undefined : successor
  const by = changes.filter(({ kind, subject: moved }) => kind === 'remove' && moved === subject).map(change => change.by)
  return by.includes(self) ? undefined : by.find(({ state }) => state !== 'down')
}

function whyNotRemove(state: GossipState, self: Member, subject: Member): Fault | undefined {
  if (subject.state !== 'down') {
    const detail = `${subject.name} is ${subject.state}: only a host that is down is removed; one that lives leaves`
    return fault('bad_request', detail)
  }
  if (subject.standing === 'joining' || subject.standing === 'drained' || self.replaces === subject.uid) return undefined
  if (state.members.members.some(other => other.name === subject.name && other !== subject && other.standing === 'joining'))
    return fault('bad_request', `another host comes to take the place of ${subject.name}: it is removed then`)
  if (self.standing !== 'up' || self.removing !== undefined)
    return fault('bad_request', `${self.name} is busy with another change of the ring: ask another host`)
  return tooFew(state, subject)
}

function tell(state: GossipState, uid: number, replyTo: Ref<ChangeReply>, context: GossipContext): void {
  const members = ringRowsOf(state)
  const member = state.members.get(uid)!
  const own = changesOf(members).find(
    ({ kind, subject, replaced }) => kind !== 'join' && (subject.uid === uid || replaced?.uid === uid)
  )
  const isDead = own?.kind === 'remove' || (own?.replaced?.uid === uid && own.by.removing === uid)
  const stands = isGone(member.state) ? member.state : isDead ? 'removing' : member.standing
  context.send(replyTo, { kind: 'change-told', host: member.name, stands, waitsFor: waitsFor(state, member, own) })
}

/** What a change waits for. */
export function waitsOf(state: GossipState, own: Change): readonly string[] {
  return waitsFor(state, own.subject, own)
}

/** In sentences, so that an operator knows what to do. */
function waitsFor(state: GossipState, member: Member, own: Change | undefined): readonly string[] {
  const members = ringRowsOf(state)
  if (own !== undefined) {
    const moving = movingIn(state)
    if (moving?.subject.uid !== own.subject.uid) {
      const first = moving ?? changesOf(members)[0]
      return first === undefined
        ? []
        : [`${first.subject.name} comes first, which ${verbs[first.kind]}${first.subject.state === 'down' ? ' and is down' : ''}`]
    }
    return unready(own, members).map(({ name, state }) =>
      state === 'down' || state === 'suspect' ? `${name} is ${state}` : `${name} does not have its new data yet`
    )
  }
  if (member.standing !== 'drained' || isGone(member.state)) return []
  const late = unseen(members, membershipEpoch(members)).map(({ name, state }) =>
    state === 'down' || state === 'suspect' ? `${name} is ${state}` : `${name} does not go by the new ring yet`
  )
  return late.length > 0 || state.drain.hints === 0 ? late : [`${state.drain.hints} hints that ${member.name} keeps for others`]
}

const verbs = {
  join: 'joins',
  leave: 'leaves',
  remove: 'is being removed',
  weight: 'changes its weight',
  replace: 'takes the place of another'
} as const

function refuse(replyTo: Ref<ChangeReply>, why: Fault, context: GossipContext): void {
  context.send(replyTo, { kind: 'refused', fault: why, epoch: '' })
}
