import { hash32, mix32 } from './hash.ts'
import { displacedOf, isGone, type Member, placeOf, ringMembers, successorOf } from './membership.ts'

/**
 * One host's place on the ring changes. A change is announced in the row of the host that sees it through, and ended there, too: so
 * nobody else can take it back in the moment in which it is done.
 */
export interface Change {
  readonly kind: 'join' | 'leave' | 'remove' | 'weight' | 'replace'
  /** The host whose place changes. */
  readonly subject: Member
  /** Who sees it through: the host itself; for one that is dead, another. */
  readonly by: Member
  /** The row's, see `ticketOf`. */
  readonly ticket: number
  /** Of a `replace`: the host whose place the subject takes. */
  readonly replaced?: Member
}

/** What a host has promised: to write by the ring of this change, until whoever sees it through has ended it, or begun it anew. */
export interface Promised {
  /** Uid. */
  readonly subject: number
  /** The latest of the tickets under which the change was announced. */
  readonly ticket: number
}

/**
 * All changes that are announced, in the order of their turns. First come those that take the place of a host that is gone: for as long as
 * that one is a member, nobody else's change can end. The others go by their tickets; a host that has begun to leave and died is removed at
 * its own turn.
 */
export function changesOf(members: readonly Member[]): readonly Change[] {
  const changes: (Change & { readonly rank: number; turn: number })[] = []
  const condemned = new Set(members.flatMap(({ state, removing }) => (removing === undefined || isGone(state) ? [] : removing)))
  const displaced = displacedOf(members)
  for (const by of members) {
    if (isGone(by.state)) continue
    const ticket = by.ticket ?? by.incarnation
    const change = { subject: by, by, ticket, turn: ticket, rank: 1 }
    if (by.standing === 'joining' && by.isWaiting !== true && by.replaces === undefined)
      changes.push({ ...change, kind: 'join', rank: replacesAnother(by, members) ? 0 : 1 })
    if (by.standing === 'leaving' && !displaced.has(by.uid)) changes.push({ ...change, kind: 'leave' })
    // Of one that is declared dead nobody waits for its own word.
    if (by.standing === 'up' && by.nextWeight !== undefined && !condemned.has(by.uid) && !displaced.has(by.uid))
      changes.push({ ...change, kind: 'weight' })
    const replaced = replacedBy(by, members)
    if (replaced !== undefined && !displaced.has(replaced.uid)) changes.push({ ...change, kind: 'replace', replaced })
    if (by.removing === undefined || by.replaces === by.removing) continue
    const subject = members.find(({ uid }) => uid === by.removing)
    if (subject === undefined || isGone(subject.state)) continue
    if (subject.standing === 'up' || subject.standing === 'leaving') changes.push({ ...change, kind: 'remove', subject })
  }
  if (changes.length < 2) return changes
  for (const change of changes) {
    for (const { subject, ticket } of changes) if (subject === change.subject) change.turn = Math.min(change.turn, ticket)
  }
  return changes.sort((a, b) => a.rank - b.rank || a.turn - b.turn || a.subject.uid - b.subject.uid || a.by.uid - b.by.uid)
}

function replacesAnother({ name }: Member, members: readonly Member[]): boolean {
  return members.some(other => other.name === name && other.standing !== 'joining' && !isGone(other.state))
}

/**
 * The member whose place a joining host is about to take. None where that one gives its place up itself, or is gone; and none where the newcomer has lost
 * its disk since, so that another self has come under its name: that one waits or joins as any other.
 */
function replacedBy(by: Member, members: readonly Member[]): Member | undefined {
  if (by.replaces === undefined || by.standing !== 'joining' || by.isWaiting === true) return undefined
  if (
    members.some(each => each.name === by.name && !isGone(each.state) && each.incarnation > by.incarnation && each.uid !== by.uid)
  )
    return undefined
  return members.find(({ uid, state, standing }) => uid === by.replaces && standing === 'up' && !isGone(state))
}

/**
 * The change that is under way: one after the other, since a ring that only one of two has changed was never prepared. A joining host that
 * falls silent is passed over by others that join, as writes must not wait for it; but nobody leaves or is removed before it has joined
 * or is gone, so that all hosts of one epoch agree on who leaves, whom they reach at the moment or not.
 * @param promised what this host has promised: that goes on, whatever has come before it since
 */
export function movingNow(members: readonly Member[], promised?: Promised): Change | undefined {
  const changes = changesOf(members)
  const kept = promised === undefined ? undefined : promisedChange(members, promised)
  if (kept !== undefined) return kept
  let isHeldUp = false
  for (const change of changes) {
    if (change.kind !== 'join' ? !isHeldUp : change.subject.state === 'joining') return change
    isHeldUp = true
  }
  return undefined
}

/**
 * The change for which a promise still holds; undefined: none. A host that leaves, and whose place and name another takes, does not end what it
 * has begun: it has lost its disk, and should that come back all the same, it begins anew, as after any start.
 */
export function promisedChange(members: readonly Member[], promised: Promised): Change | undefined {
  return changesOf(members).find(
    ({ kind, subject, ticket }) =>
      kind !== 'join' &&
      subject.uid === promised.subject &&
      ticket <= promised.ticket &&
      ((kind !== 'leave' && kind !== 'weight') || subject.state !== 'down' || successorOf(subject, members) === undefined)
  )
}

/** The promise that goes with what a host says when it has its data for the ring after this change; none for a join. */
export function promiseOf({ kind, subject }: Change, members: readonly Member[]): Promised | undefined {
  if (kind === 'join') return undefined
  const tickets = changesOf(members).flatMap(change => (change.subject === subject ? change.ticket : []))
  return { subject: subject.uid, ticket: Math.max(...tickets) }
}

/** The members as the ring has them while one change is under way: whoever waits for a turn stands where it stood before. */
export function atTurn<M extends Member>(members: readonly M[], moving: Change | undefined): readonly M[] {
  const displaced = displacedOf(members)
  return members.flatMap(member => {
    if (member.standing === 'drained' || displaced.has(member.uid)) return []
    const isSubject = member.uid === moving?.subject.uid
    if (member.standing === 'joining') return isSubject && member.isWaiting !== true ? comingMember(member, moving) : []
    const isGoing = isSubject ? moving.kind === 'leave' || moving.kind === 'remove' : member.uid === moving?.replaced?.uid
    const standing = isGoing ? 'leaving' : 'up'
    const { nextWeight, ...rest } = member
    const row = nextWeight === undefined || (isSubject && moving.kind === 'weight') ? member : (rest as M)
    return row.standing === standing ? row : { ...row, standing }
  })
}

/** One that replaces another stands where that stood, with its weight: so nothing moves but what that one has. */
function comingMember<M extends Member>(member: M, moving: Change | undefined): M {
  const replaced = moving?.replaced
  return replaced === undefined ? member : inPlaceOf(member, replaced)
}

/** A member with the seat, the weight and the place of another. */
export function inPlaceOf<M extends Member>(member: M, replaced: Member): M {
  const { seat: _, ...rest } = member
  const { weight, seat } = replaced
  return { ...(rest as M), weight, place: placeOf(replaced), ...(seat === undefined ? {} : { seat }) }
}

/** The members that an operator has declared dead: nobody waits for them. */
export function beingRemoved(members: readonly Member[]): ReadonlySet<number> {
  return new Set(
    changesOf(members).flatMap(({ kind, subject, by, replaced }) =>
      kind === 'remove' ? subject.uid : replaced !== undefined && by.removing === replaced.uid ? replaced.uid : []
    )
  )
}

/** What a host says when it has its data for the ring after a change: 8 hex digits. @param subject uid of the host whose place changes */
export function arrivalOf(epoch: string, subject: number): string {
  return mix32(Number.parseInt(epoch, 16), subject).toString(16).padStart(8, '0')
}

/** For a host that comes to change the ring: higher than that of any member, so that it waits behind those that came before. */
export function ticketOf(members: readonly Member[]): number {
  return members.reduce((highest, { incarnation, ticket = 0 }) => Math.max(highest, incarnation, ticket), 0) + 1
}

/**
 * A hash of what the ring depends on: names, identities, weights, zones, datacenters, seats and standing, and the turns of those that leave;
 * neither heartbeats nor suspicions.
 * @returns 8 hex digits; equal on all hosts that have equal views
 */
export function membershipEpoch(members: readonly Member[]): string {
  const rows = [...ringMembers(members, 'present'), ...ringMembers(members, 'future')].map(
    ({ name, uid, weight, zone, dc, seat, standing, place }) =>
      JSON.stringify([name, uid, weight, zone, dc, seat, standing, ...(place === undefined ? [] : [place])])
  )
  const changes = changesOf(members)
  // Who joins has no second try under another ticket, and its turn matters only beside those that leave.
  const turns = changes.every(({ kind }) => kind === 'join')
    ? []
    : changes.map(({ kind, subject, by, ticket, replaced }) =>
        JSON.stringify([
          kind,
          subject.uid,
          by.uid,
          ticket,
          ...(replaced === undefined ? [] : [replaced.uid, by.removing ?? 0]),
          ...(kind === 'weight' ? [subject.nextWeight] : [])
        ])
      )
  return hash32(new TextEncoder().encode([...rows, ...turns].join('\n')), 0)
    .toString(16)
    .padStart(8, '0')
}
