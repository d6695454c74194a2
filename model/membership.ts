import { type Plan, planText } from './staged-plan.ts'

export const hostStates = Object.freeze(['joining', 'up', 'leaving', 'suspect', 'down', 'left', 'removed'] as const)
/** In the order of precedence: of two records of one incarnation the later state wins. */
export type HostState = (typeof hostStates)[number]

/**
 * Where a host stands with the ring, whether or not it is suspected at the moment. `drained`: it has given up its place, and hands over
 * what it keeps for others; its state is `leaving` until then.
 */
export const standings = Object.freeze(['joining', 'up', 'leaving', 'drained'] as const)
export type Standing = (typeof standings)[number]

/** What gossip spreads about one host. Plain values only. */
export interface Member {
  readonly name: string
  /** Its identity, 32 bits: new for a host that lost its data, so that an old self never returns. */
  readonly uid: number
  /** Raised by the host itself: at each start, and to refute a suspicion. */
  readonly incarnation: number
  readonly state: HostState
  /** What it said last itself: suspicion must not move ownership. See `withState` and `withStanding`. */
  readonly standing: Standing
  readonly dc: string
  readonly zone: string
  readonly weight: number
  /**
   * Its rows among those of its datacenter and zone: the first that were free when it joined, see `freeSeat`. From then on it never
   * changes. Undefined for a host that took none, at some cost in evenness.
   */
  readonly seat?: number | undefined
  /**
   * Its turn among those that change the ring, taken when it came to join, to leave, or to have another one removed: the same from then
   * until that is done or given up; what comes later has a later one. See `ticketOf`.
   */
  readonly ticket?: number | undefined
  /** Uid of a member that is down for good, and whose removal this host sees through. */
  readonly removing?: number | undefined
  /**
   * Uid of the member whose place it takes, while it joins; once it is up, of the one whose place it has taken, until that one is gone.
   */
  readonly replaces?: number | undefined
  /** The weight that it shall have once the ring has moved. */
  readonly nextWeight?: number | undefined
  /** It has come, and waits to be told to join: until then it is nobody's owner. */
  readonly isWaiting?: boolean | undefined
  /** The name that placement knows it by: of the host whose place it took. Undefined: its own. */
  readonly place?: string | undefined
  /** Its operator wants newcomers to wait until a plan with their join is committed; one such host speaks for the cluster. */
  readonly asksFirst?: boolean | undefined
  /** The plan by which it began the change that it sees through: taken back where that plan is no more. */
  readonly planned?: number | undefined
  /** Changes of the ring that are staged, or under way, and that this host keeps for the cluster. */
  readonly plan?: Plan | undefined
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

/** `member` in another state; its standing changes only with the states that are one. One that is drained stays so while it is leaving. */
export function withState(member: Member, state: HostState): Member {
  const isStanding = state === 'joining' || state === 'up' || state === 'leaving'
  const standing = isStanding && stateOf(member.standing) !== state ? state : member.standing
  return member.state === state && member.standing === standing ? member : { ...member, state, standing }
}

/** `member` as it is where nobody suspects it. */
export function withStanding(member: Member, standing: Standing): Member {
  return { ...member, state: stateOf(standing), standing }
}

/** What a host of that standing is while it lives. */
export function stateOf(standing: Standing): HostState {
  return standing === 'drained' ? 'leaving' : standing
}

/**
 * Which of two records of one uid says more: `removed` is final, and so is `left`; then the higher incarnation, the later state, the higher
 * heartbeat.
 * Records that tie are ordered by what else they say, so that all hosts settle on the same one.
 * @returns below 0: `b` says more; 0: they say the same
 * @see Das, Gupta, Motivala: SWIM (DSN 2002), section 4.2; van Renesse, Minsky, Hayden: A Gossip-Style Failure Detection Service (1998)
 */
export function compareMembers(a: Member, b: Member): number {
  return (
    finality(a) - finality(b) ||
    a.incarnation - b.incarnation ||
    hostStates.indexOf(a.state) - hostStates.indexOf(b.state) ||
    a.heartbeat - b.heartbeat ||
    compareText(textOf(a), textOf(b))
  )
}

function finality({ state }: Member): number {
  return state === 'removed' ? 2 : state === 'left' ? 1 : 0
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
  const displaced = displacedOf(members)
  for (const each of members) {
    if (isGone(each.state) || each.standing === excluded || each.standing === 'drained') continue
    if (each.isWaiting === true || displaced.has(each.uid)) continue
    const member = when === 'future' && each.nextWeight !== undefined ? { ...each, weight: each.nextWeight } : each
    const other = byName.get(member.name)
    if (other === undefined || (member.incarnation - other.incarnation || member.uid - other.uid) > 0)
      byName.set(member.name, member)
  }
  return [...byName.values()].sort((a, b) => compareText(a.name, b.name))
}

/**
 * Uids of the members whose place another one has taken: by its word they are out of the ring, whatever they know of it themselves. That one stays
 * said, also when the one that took the place is gone in its turn.
 */
export function displacedOf(members: readonly Member[]): ReadonlySet<number> {
  const displaced = new Set<number>()
  for (const { replaces, standing } of members) if (replaces !== undefined && standing !== 'joining') displaced.add(replaces)
  return displaced
}

/** The name that placement knows a member by. */
export function placeOf({ place, name }: Pick<Member, 'place' | 'name'>): string {
  return place ?? name
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

function textOf(member: Member): string {
  const { name, dc, zone, weight, threads, http, nats, route, version, pid, standing, seen, arrived, seat } = member
  const text = [name, dc, zone, weight, threads, http, nats, route, version, pid, standing, seen, arrived, seat]
  return JSON.stringify([...text, ...changeWords(member)])
}

/** What a row says of a change that its host sees through; nothing where there is none, so that hosts of earlier releases agree. */
export function changeWords(member: Partial<Member>): readonly unknown[] {
  const { ticket, removing } = member
  if (saysMore(member)) {
    const { replaces, nextWeight, isWaiting, place, asksFirst, planned, plan } = member
    const words = [replaces ?? 0, nextWeight ?? 0, isWaiting === true, place ?? '', asksFirst === true, planned ?? 0]
    return [ticket ?? 0, removing ?? 0, ...words, plan === undefined ? null : planText(plan)]
  }
  return ticket === undefined && removing === undefined ? [] : [ticket ?? 0, removing ?? 0]
}

/** Whether a row has anything that came with plans. */
export function saysMore(member: Partial<Member>): boolean {
  const { replaces, nextWeight, isWaiting, place, asksFirst, planned, plan } = member
  return (
    replaces !== undefined ||
    nextWeight !== undefined ||
    isWaiting === true ||
    place !== undefined ||
    asksFirst === true ||
    planned !== undefined ||
    plan !== undefined
  )
}

/** By UTF-16 code units: the same on every host, whatever its locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
