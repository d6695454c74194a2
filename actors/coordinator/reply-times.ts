const share = 0.95
const hedgeMsMin = 10
const hedgeMsMax = 500
/** Part of the estimate by which one reply may move it. */
const step = 0.05

/**
 * How long replicas usually take to answer a read: a running estimate of the time that 95 of 100 stay below, in one number. A reply above it raises it by
 * 19 times as much as one below it lowers it, so that it rests where one in 20 is above.
 * @see Dean, Barroso: The Tail at Scale (CACM 2013): hedged requests; Robbins, Monro: A Stochastic Approximation Method (1951)
 */
export class ReplyTimes {
  #usualMs: number

  /** @param usualMs to begin with */
  constructor(usualMs: number) {
    this.#usualMs = usualMs
  }

  record(tookMs: number): void {
    const usual = this.#usualMs
    this.#usualMs =
      tookMs > usual ? Math.min(hedgeMsMax, usual * (1 + step * share)) : Math.max(0.1, usual * (1 - step * (1 - share)))
  }

  /** Most reads take less. */
  get usualMs(): number {
    return this.#usualMs
  }

  /** After so long without an end, a read asks further replicas. */
  get hedgeMs(): number {
    return Math.max(hedgeMsMin, this.#usualMs)
  }
}
