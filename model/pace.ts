/** Bounds of a pace, in bytes a second, and how long one step may take before it is too fast for whoever serves requests beside it. */
export interface PaceTerms {
  readonly bytesPerSecondMax: number
  readonly bytesPerSecondMin: number
  readonly slowMs: number
}

/**
 * How fast repair may go: up by a quarter with each step that was served promptly, down by half with each that was not, since what
 * delays a step delays requests too. Within its bounds, so that it neither floods a network nor stands still.
 * @see Jacobson, Congestion Avoidance and Control (SIGCOMM 1988): additive increase is too slow for a work of seconds, the rest is his
 */
export class Pace {
  readonly #terms: PaceTerms
  #bytesPerSecond: number

  constructor(terms: PaceTerms) {
    this.#terms = terms
    this.#bytesPerSecond = terms.bytesPerSecondMax
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond
  }

  /**
   * A step that moved `bytes` took `tookMs`.
   * @returns milliseconds to wait before the next
   */
  stepped(bytes: number, tookMs: number): number {
    const { bytesPerSecondMax, bytesPerSecondMin, slowMs } = this.#terms
    this.#bytesPerSecond =
      tookMs > slowMs
        ? Math.max(bytesPerSecondMin, this.#bytesPerSecond / 2)
        : Math.min(bytesPerSecondMax, this.#bytesPerSecond * 1.25)
    return Math.max(0, (bytes * 1000) / this.#bytesPerSecond - tookMs)
  }
}
