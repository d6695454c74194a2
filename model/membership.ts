import { hash32, mix32 } from './hash.ts'

export const hostStates = Object.freeze(['joining', 'up', 'leaving', 'suspect', 'down', 'left', 'removed'] as const)
/** In the order of precedence: of two records of one incarnation the later state wins. */
export type HostState = (typeof hostStates)[number]

/** Where a host stands with the ring, whether or not it is suspected at the moment. */
export type Standing = 'joining' | 'up' | 'leaving'

/** What gossip spreads about one host. Plain values only. */
export interface Member {
  readonly name: string
  /** Its identity, 32 bits: new for a host that lost its data, so that an old self never returns. */
  readonly uid: number
  /** Raised by the host itself: at each start, and to refute a suspicion. */
  readonly incarnation: number
  readonly state: HostState
  /** The last of `joining`, `up`, `leaving` that it was in: suspicion must not move ownership. See `withState`. */
  readonly standing: Standing
  readonly dc: string
  readonly zone: string
  readonly weight: number
  /**
   * Its number among the hosts of its datacenter and zone, from 0: the lowest that was free when it joined, see `freeSeat`. From then
   * on it never changes. Undefined for a host that took none, at some cost in evenness.
   */
  readonly seat?: number | undefined
  /** What its heartbeat counter, which it raises in each round, stood at when it last changed this row. */
  readonly heartbeat: number
  /** Data threads: partition p lives on thread `data-(p mod threads)`. */
  readonly threads: number
  /** URLs and addresses at which it is reached. */
  readonly http: string
  readonly nats: string
  readonly route: string
  readonly version: string
  readonly pid: number
  /** Epoch of the membership by whose ring all of its data threads write, as of its heartbeat. */
  readonly seen: string
  /** For which future ring it has all its data, see `arrivalOf`; '' for none. */
  readonly arrived: string
}

/** Ascending by uid, each once. */
export type Membership = readonly Member[]

/** Whether a state is final: the host holds no place any more, and is not spoken to. */
export function isGone(state: HostState): boolean {
  return state === 'left' || state === 'removed'
}

/** `member` in another state; its standing changes only with the states that are one. */
export function withState(member: Member, state: HostState): Member {
  const standing = state === 'joining' || state === 'up' || state === 'leaving' ? state : member.standing
  return member.state === state && member.standing === standing ? member : { ...member, state, standing }
}

/**
 * Which of two records of one uid says more: `removed` is final; then the higher incarnation, the later state, the higher heartbeat.
 * Records that tie are ordered by what else they say, so that all hosts settle on the same one.
 * @returns below 0: `b` says more; 0: they say the same
 * @see Das, Gupta, Motivala: SWIM (DSN 2002), section 4.2; van Renesse, Minsky, Hayden: A Gossip-Style Failure Detection Service (1998)
 */
export function compareMembers(a: Member, b: Member): number {
  return (
    Number(a.state === 'removed') - Number(b.state === 'removed') ||
    a.incarnation - b.incarnation ||
    hostStates.indexOf(a.state) - hostStates.indexOf(b.state) ||
    a.heartbeat - b.heartbeat ||
    compareText(textOf(a), textOf(b))
  )
}

/** The record that says more; `a` itself where they say the same. */
export function mergeMember(a: Member, b: Member): Member {
  return compareMembers(a, b) < 0 ? b : a
}

/**
 * What two views know together. Commutative, associative, idempotent, so it matters neither in which order nor how often gossip arrives.
 * @param a ascending by uid
 * @param b in any order
 * @returns ascending by uid; `a` itself where `b` adds nothing
 */
export function mergeMembership(a: Membership, b: readonly Member[]): Membership {
  let merged: Map<number, Member> | undefined
  const known = new Map(a.map(member => [member.uid, member]))
  for (const member of b) {
    const held = (merged ?? known).get(member.uid)
    if (held !== undefined && compareMembers(held, member) >= 0) continue
    merged ??= new Map(known)
    merged.set(member.uid, member)
  }
  return merged === undefined ? a : [...merged.values()].sort((x, y) => x.uid - y.uid)
}

/**
 * The members that hold data, or shall: those that have not left and were not removed. Where two of them have one name, the one with
 * the higher incarnation, then the higher uid. Ascending by name.
 * @param when `present`: hosts that are up or leaving, suspected or not; `future`: as it will be once joining hosts have their data
 * and leaving ones are gone
 */
export function ringMembers(members: readonly Member[], when: 'present' | 'future' = 'present'): readonly Member[] {
  const excluded: Standing = when === 'present' ? 'joining' : 'leaving'
  const byName = new Map<string, Member>()
  for (const member of members) {
    if (member.state === 'left' || member.state === 'removed' || member.standing === excluded) continue
    const other = byName.get(member.name)
    if (other === undefined || (member.incarnation - other.incarnation || member.uid - other.uid) > 0)
      byName.set(member.name, member)
  }
  return [...byName.values()].sort((a, b) => compareText(a.name, b.name))
}

/**
 * Who joins now: hosts take their places one after the other, since a ring that only one of two has joined was never prepared.
 * The one that came first, which is the one with the lowest incarnation: see `ticketOf`. But before all others one that takes the place of
 * a host that is gone: for as long as that one is a member, nobody else's join can end.
 */
export function joiningNow(members: readonly Member[]): Member | undefined {
  let first: Member | undefined
  let firstReplaces = false
  for (const member of members) {
    if (member.standing !== 'joining' || isGone(member.state)) continue
    const replaces = members.some(other => other.name === member.name && other.standing !== 'joining' && !isGone(other.state))
    const isEarlier = first === undefined || (member.incarnation - first.incarnation || member.uid - first.uid) < 0
    if (first !== undefined && (replaces === firstReplaces ? !isEarlier : !replaces)) continue
    first = member
    firstReplaces = replaces
  }
  return first
}

/**
 * The one that has come to take the member's name and place: the same name, joining, and a later ticket. Until it has its data the
 * old self keeps its place on the present ring, though it is down for ever: so the place is nobody's to read from.
 */
export function successorOf(member: Member, members: readonly Member[]): Member | undefined {
  return members.find(
    other =>
      other.name === member.name &&
      other.uid !== member.uid &&
      other.standing === 'joining' &&
      member.standing !== 'joining' &&
      !isGone(other.state) &&
      other.incarnation > member.incarnation
  )
}

/** What a host says when it has its data for the ring that `joining` will make of the membership: 8 hex digits. */
export function arrivalOf(epoch: string, joining: number): string {
  return mix32(Number.parseInt(epoch, 16), joining).toString(16).padStart(8, '0')
}

/** The incarnation for a host that comes to join: higher than that of any member, so that it waits behind those that joined before. */
export function ticketOf(members: readonly Member[]): number {
  return members.reduce((highest, { incarnation }) => Math.max(highest, incarnation), 0) + 1
}

/**
 * The seat for a host that joins: the lowest that no host of its datacenter and zone has, that has not left or been removed.
 * Two that join unaware of each other may take the same one: their partitions then coincide more than they need to, and nothing else.
 * @returns undefined where the seated hosts have other weights: rows make hosts even that are alike
 */
export function freeSeat(
  members: readonly Member[],
  { dc, zone, weight }: Pick<Member, 'dc' | 'zone' | 'weight'>
): number | undefined {
  const taken = new Set<number>()
  for (const member of members) {
    if (
      member.dc !== dc ||
      member.zone !== zone ||
      member.seat === undefined ||
      member.state === 'left' ||
      member.state === 'removed'
    )
      continue
    if (member.weight !== weight) return undefined
    taken.add(member.seat)
  }
  let seat = 0
  while (taken.has(seat)) seat++
  return seat
}

/**
 * A hash of what the ring depends on: names, identities, weights, zones, datacenters, seats and standing; neither heartbeats nor suspicions.
 * @returns 8 hex digits; equal on all hosts that have equal views
 */
export function membershipEpoch(members: readonly Member[]): string {
  const text = [...ringMembers(members, 'present'), ...ringMembers(members, 'future')]
    .map(({ name, uid, weight, zone, dc, seat, standing }) => JSON.stringify([name, uid, weight, zone, dc, seat, standing]))
    .join('\n')
  return hash32(new TextEncoder().encode(text), 0).toString(16).padStart(8, '0')
}

function textOf(member: Member): string {
  const { name, dc, zone, weight, threads, http, nats, route, version, pid, standing, seen, arrived, seat } = member
  return JSON.stringify([name, dc, zone, weight, threads, http, nats, route, version, pid, standing, seen, arrived, seat])
}

/** By UTF-16 code units: the same on every host, whatever its locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
