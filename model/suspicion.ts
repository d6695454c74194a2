/** How long a suspected member has to refute, in milliseconds: at most `maxMs`, at least `minMs` once enough others suspect it too. */
export interface SuspicionTimes {
  readonly minMs: number
  readonly maxMs: number
  /** Independent confirmations that bring it down to `minMs`. */
  readonly confirmations: number
}

/** Periods that the shortest suspicion takes in a cluster of ten. */
const suspicionFactor = 4
/** The longest suspicion, as a multiple of the shortest. */
const patienceFactor = 6
const confirmationsMax = 3

/**
 * The times for a cluster of `members`: news takes about log n periods to arrive, and so does its refutation. Where few are there to
 * confirm, fewer confirmations are waited for.
 * @see Dadgar et al.: Lifeguard (DSN 2018), section IV-B
 */
export function suspicionTimes(members: number, periodMs: number): SuspicionTimes {
  const minMs = suspicionFactor * Math.max(1, Math.log10(Math.max(1, members))) * periodMs
  const confirmations = Math.max(0, Math.min(confirmationsMax, members - 3))
  return { minMs, maxMs: confirmations === 0 ? minMs : patienceFactor * minMs, confirmations }
}

/**
 * One member under suspicion, in one incarnation. The more members suspect it on their own account, the sooner it is held to be down:
 * a lone accuser is as likely the one that is ill.
 * @see Das, Gupta, Motivala: SWIM (DSN 2002), section 4.2; Dadgar et al.: Lifeguard (DSN 2018), section IV-B
 */
export class Suspicion {
  readonly incarnation: number
  readonly #times: SuspicionTimes
  readonly #accusers: Set<number>
  #startMs: number

  /** @param accuser uid of the first that suspects it */
  constructor(incarnation: number, accuser: number, nowMs: number, times: SuspicionTimes) {
    this.incarnation = incarnation
    this.#times = times
    this.#accusers = new Set([accuser])
    this.#startMs = nowMs
  }

  get startMs(): number {
    return this.#startMs
  }

  /** @returns whether it is news: another accuser, and one that still counts */
  confirm(accuser: number): boolean {
    if (this.#accusers.size > this.#times.confirmations || this.#accusers.has(accuser)) return false
    this.#accusers.add(accuser)
    return true
  }

  /** Time in which this host was not awake proves nothing: begin so much later. */
  postpone(ms: number): void {
    this.#startMs += ms
  }

  /** There was a sign of life: begin anew. */
  restart(nowMs: number): void {
    this.#startMs = nowMs
  }

  /** When the member is held to be down. */
  get deadlineMs(): number {
    const { minMs, maxMs, confirmations } = this.#times
    if (confirmations === 0) return this.#startMs + minMs
    const share = Math.log(this.#accusers.size) / Math.log(confirmations + 1)
    return this.#startMs + Math.max(minMs, maxMs - (maxMs - minMs) * share)
  }
}
