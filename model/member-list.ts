import { hash32, mix32 } from './hash.ts'
import { changeWords, hostStates, type HostState, type Member, type Membership, type Standing, standings } from './membership.ts'

/**
 * A row in brief: what changes while a host lives, and a hash of the rest. Whoever knows the rest can make the row of it.
 */
export interface Brief {
  readonly uid: number
  readonly incarnation: number
  readonly state: HostState
  readonly standing: Standing
  readonly heartbeat: number
  /** Hash of what else the row says: see `aboutOf`. */
  readonly about: number
  readonly seen: string
  readonly arrived: string
  /** For a suspicion: the uid of who suspects it; else 0. */
  readonly accuser: number
}

export interface ListedMember {
  readonly member: Member
  readonly about: number
  /** Hash of the whole row. */
  readonly digest: number
}

/** Standings that hosts of earlier releases know: the digests of these stay what they were. */
const standingsBefore = 3

/** Rows by uid, with a digest of all, so that two views are compared by one number. */
export class MemberList {
  readonly #rows = new Map<number, ListedMember>()
  #digest = 0
  #sorted: Membership | undefined = undefined

  get size(): number {
    return this.#rows.size
  }

  /** Equal for equal lists, whatever the order in which they came to be: 32 bits. */
  get digest(): number {
    return this.#digest
  }

  get(uid: number): Member | undefined {
    return this.#rows.get(uid)?.member
  }

  row(uid: number): ListedMember | undefined {
    return this.#rows.get(uid)
  }

  rows(): IterableIterator<ListedMember> {
    return this.#rows.values()
  }

  /** Ascending by uid. The same array until something changes. */
  get members(): Membership {
    this.#sorted ??= [...this.#rows.values()].map(row => row.member).sort((a, b) => a.uid - b.uid)
    return this.#sorted
  }

  /** Put a row in, in place of what was there for its uid. @param about its `aboutOf`, where that is known already */
  set(member: Member, about: number = aboutOf(member)): void {
    const before = this.#rows.get(member.uid)
    const digest = digestOf(member, about)
    this.#digest = (this.#digest ^ (before?.digest ?? 0) ^ digest) >>> 0
    this.#rows.set(member.uid, { member, about, digest })
    this.#sorted = undefined
  }
}

export function briefOf({ member, about }: ListedMember, accuser = 0): Brief {
  const { uid, incarnation, state, standing, heartbeat, seen, arrived } = member
  return { uid, incarnation, state, standing, heartbeat, about, seen, arrived, accuser }
}

/** The row that a brief stands for. @param known a row of that uid with the same `about` */
export function memberOf(brief: Brief, known: Member): Member {
  const { incarnation, state, standing, heartbeat, seen, arrived } = brief
  return { ...known, incarnation, state, standing, heartbeat, seen, arrived }
}

/** A hash of what seldom changes while a host runs: name, place, weight, seat, addresses, version, and what it says of a change. */
export function aboutOf(member: Member): number {
  const { name, dc, zone, weight, threads, http, nats, route, version, pid, seat } = member
  return textHash(
    JSON.stringify([name, dc, zone, weight, threads, http, nats, route, version, pid, seat ?? null, ...changeWords(member)])
  )
}

function digestOf(member: Member, about: number): number {
  let hash = mix32(member.uid, about)
  hash = mix32(hash, member.incarnation)
  hash = mix32(hash, member.heartbeat)
  hash = mix32(hash, hostStates.indexOf(member.state) * standingsBefore + standings.indexOf(member.standing))
  return mix32(mix32(hash, epochWord(member.seen)), epochWord(member.arrived))
}

/** An epoch as a number: −1 for none. */
function epochWord(epoch: string): number {
  return epoch === '' ? -1 : Number.parseInt(epoch, 16)
}

function textHash(text: string): number {
  return hash32(new TextEncoder().encode(text), 0)
}
