import { fault, type Fault } from './fault.ts'

export type Verdict = 'waiting' | 'met' | 'unmet'

export interface QuorumTerms {
  /** Replicas of the key, N. */
  readonly n: number
  /** R or W: acknowledgements that are needed. */
  readonly needed: number
  /** PR or PW: of these, from hosts of the preference list. */
  readonly primariesNeeded: number
  /** DW: of these, from replicas that have flushed. */
  readonly durableNeeded: number
  /** Replicas that were asked; each answers or fails once. */
  readonly asked: number
  /** Of these, primaries; all of them where left out. */
  readonly primariesAsked?: number
}

/**
 * Counts the answers to one request. Pure, and allocates nothing once it is made, so that the coordinator around it decides nothing itself.
 * `unmet` comes with the first answer after which the quorum can no longer be met, not with the deadline.
 * @see Basho, riak_kv_put_core and riak_kv_get_core: a pure quorum core beside the state machine that does the I/O
 */
export class Quorum {
  readonly n: number
  readonly needed: number
  readonly primariesNeeded: number
  readonly durableNeeded: number
  #acknowledged = 0
  #primaries = 0
  #durable = 0
  #outstanding: number
  #primariesOutstanding: number

  /** @throws {RangeError} terms that no answers could ever meet, or that contradict each other */
  constructor(terms: QuorumTerms) {
    const { n, needed, primariesNeeded, durableNeeded, asked } = terms
    const primariesAsked = terms.primariesAsked ?? asked
    for (const count of [n, needed, primariesNeeded, durableNeeded, asked, primariesAsked]) {
      if (!Number.isInteger(count) || count < 0) throw new RangeError(`a quorum counts replicas in whole numbers, not ${count}`)
    }
    if (needed < 1 || needed > n || primariesNeeded > n || durableNeeded > n) {
      throw new RangeError(`needed ${needed}, primaries ${primariesNeeded}, durable ${durableNeeded} do not fit n = ${n}`)
    }
    if (primariesAsked > asked) throw new RangeError(`${primariesAsked} primaries are more than the ${asked} that were asked`)
    this.n = n
    this.needed = needed
    this.primariesNeeded = primariesNeeded
    this.durableNeeded = durableNeeded
    this.#outstanding = asked
    this.#primariesOutstanding = primariesAsked
  }

  get verdict(): Verdict {
    const missing = this.needed - this.#acknowledged
    const primariesMissing = this.primariesNeeded - this.#primaries
    const durableMissing = this.durableNeeded - this.#durable
    if (missing <= 0 && primariesMissing <= 0 && durableMissing <= 0) return 'met'
    const outstanding = this.#outstanding
    if (missing > outstanding || durableMissing > outstanding || primariesMissing > this.#primariesOutstanding) return 'unmet'
    return 'waiting'
  }

  /** Replicas that acknowledged. */
  get acknowledgements(): number {
    return this.#acknowledged
  }

  get primaries(): number {
    return this.#primaries
  }

  get durable(): number {
    return this.#durable
  }

  /** Replicas that were asked and have not answered. */
  get outstanding(): number {
    return this.#outstanding
  }

  /** @throws {RangeError} more answers than were asked for: the caller counted a replica twice */
  acknowledged(primary: boolean, durable: boolean): Verdict {
    this.#settle(primary)
    this.#acknowledged++
    if (primary) this.#primaries++
    if (durable) this.#durable++
    return this.verdict
  }

  /** @param primary whether the one that failed is of the preference list */
  failed(primary = true): Verdict {
    this.#settle(primary)
    return this.verdict
  }

  /** One more replica was asked: a hedge, or a fallback for one that failed. An `unmet` verdict may become `waiting` again. */
  askedAnother(primary: boolean): Verdict {
    this.#outstanding++
    if (primary) this.#primariesOutstanding++
    return this.verdict
  }

  #settle(primary: boolean): void {
    if (this.#outstanding === 0 || (primary && this.#primariesOutstanding === 0)) {
      throw new RangeError(`an answer of a ${primary ? 'primary' : 'fallback'} that was not asked`)
    }
    this.#outstanding--
    if (primary) this.#primariesOutstanding--
    else if (this.#primariesOutstanding > this.#outstanding)
      throw new RangeError('an answer of a fallback where only primaries were left')
  }
}

export const consistencyLevels = Object.freeze(['one', 'quorum', 'all', 'local_quorum', 'each_quorum'] as const)
export type ConsistencyLevel = (typeof consistencyLevels)[number]

/** What a request asks; undefined and 0: not said. A number wins over a level. */
export interface QuorumAsked {
  readonly level?: ConsistencyLevel | undefined
  /** r or w */
  readonly replicas?: number | undefined
  /** pr or pw */
  readonly primaries?: number | undefined
  /** dw */
  readonly durable?: number | undefined
}

export interface QuorumNeeds {
  readonly needed: number
  readonly primaries: number
  readonly durable: number
}

/** More than half. */
export function quorumOf(n: number): number {
  return Math.floor(n / 2) + 1
}

/**
 * How many acknowledgements a request needs.
 * @param usual the bucket's own r or w; 0: a quorum
 * @returns needed ≥ primaries and needed ≥ durable: both are among the acknowledgements
 */
export function resolveQuorum(asked: QuorumAsked, n: number, kind: 'read' | 'write', usual = 0): QuorumNeeds | Fault {
  const { level, replicas = 0, primaries = 0, durable = 0 } = asked
  const letter = kind === 'read' ? 'r' : 'w'
  if (kind === 'read' && durable !== 0) return fault('bad_request', `dw is ${durable}: a read stores nothing, so leave dw out`)
  const bad =
    badCount(letter, replicas, n) ??
    badCount(`p${letter}`, primaries, n) ??
    badCount('dw', durable, n) ??
    badCount(letter, usual, n)
  if (bad !== undefined) return bad
  let needed = replicas
  if (needed === 0 && level !== undefined) {
    if (!consistencyLevels.includes(level)) {
      return fault('bad_request', `consistency is ${JSON.stringify(level)}: allowed are ${consistencyLevels.join(', ')}`)
    }
    // Within one datacenter the local quorum and each datacenter's quorum are the quorum.
    needed = level === 'one' ? 1 : level === 'all' ? n : quorumOf(n)
  }
  if (needed === 0) needed = usual === 0 ? quorumOf(n) : usual
  return { needed: Math.max(needed, primaries, durable), primaries, durable }
}

function badCount(name: string, value: number, n: number): Fault | undefined {
  if (value === 0 || (Number.isInteger(value) && value >= 1 && value <= n)) return undefined
  return fault('bad_request', `${name} is ${value}: it is a whole number from 1 to n, and n is ${n}`, { limit: n, size: value })
}

/**
 * What reads and writes with these counts promise: `strong` where every read meets every acknowledged write in some replica,
 * `sloppy` where that would hold but fallbacks stood in for members of the preference list, `weak` else.
 * @see DeCandia et al., Dynamo (SOSP 2007), sections 4.5 and 4.6; Gifford, Weighted Voting (SOSP 1979)
 */
export function strength(r: number, w: number, n: number, sloppy: boolean): 'strong' | 'sloppy' | 'weak' {
  if (r + w <= n) return 'weak'
  return sloppy ? 'sloppy' : 'strong'
}
