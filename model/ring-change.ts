import { hash32, mix32 } from './hash.ts'
import { isGone, type Member, ringMembers, successorOf } from './membership.ts'

/**
 * One host's place on the ring changes. A change is announced in the row of the host that sees it through, and ended there, too: so
 * nobody else can take it back in the moment in which it is done.
 */
export interface Change {
  readonly kind: 'join' | 'leave' | 'remove'
  /** The host whose place changes. */
  readonly subject: Member
  /** Who sees it through: the host itself; for one that is dead, another. */
  readonly by: Member
  /** The row's, see `ticketOf`. */
  readonly ticket: number
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
  for (const by of members) {
    if (isGone(by.state)) continue
    const ticket = by.ticket ?? by.incarnation
    const change = { subject: by, by, ticket, turn: ticket, rank: 1 }
    if (by.standing === 'joining') changes.push({ ...change, kind: 'join', rank: replacesAnother(by, members) ? 0 : 1 })
    if (by.standing === 'leaving') changes.push({ ...change, kind: 'leave' })
    if (by.removing === undefined) continue
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
      (kind !== 'leave' || subject.state !== 'down' || successorOf(subject, members) === undefined)
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
  const uid = moving?.subject.uid
  return members.flatMap(member => {
    if (member.standing === 'drained') return []
    if (member.standing === 'joining') return member.uid === uid ? member : []
    const standing = member.uid === uid ? 'leaving' : 'up'
    return member.standing === standing ? member : { ...member, standing }
  })
}

/** The members that an operator has declared dead: nobody waits for them. */
export function beingRemoved(members: readonly Member[]): ReadonlySet<number> {
  return new Set(changesOf(members).flatMap(({ kind, subject }) => (kind === 'remove' ? subject.uid : [])))
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
    ({ name, uid, weight, zone, dc, seat, standing }) => JSON.stringify([name, uid, weight, zone, dc, seat, standing])
  )
  const changes = changesOf(members)
  // Who joins has no second try under another ticket, and its turn matters only beside those that leave.
  const turns = changes.every(({ kind }) => kind === 'join')
    ? []
    : changes.map(({ kind, subject, by, ticket }) => JSON.stringify([kind, subject.uid, by.uid, ticket]))
  return hash32(new TextEncoder().encode([...rows, ...turns].join('\n')), 0)
    .toString(16)
    .padStart(8, '0')
}
