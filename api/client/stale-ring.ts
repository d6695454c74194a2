/** The ring is not asked for more often than that; the wait doubles for as long as asking brings no other ring. */
const intervalMsMin = 200
const intervalMsMax = 5_000

/** Says that the ring is in doubt, not too often. */
export class StaleRing {
  readonly #tell: (() => void) | undefined
  #toldAtMs = Number.NEGATIVE_INFINITY
  #intervalMs = 0

  constructor(tell: (() => void) | undefined) {
    this.#tell = tell
  }

  doubted(nowMs: number): void {
    if (this.#tell === undefined || nowMs - this.#toldAtMs < this.#intervalMs) return
    this.#toldAtMs = nowMs
    this.#intervalMs = Math.min(Math.max(this.#intervalMs * 2, intervalMsMin), intervalMsMax)
    this.#tell()
  }

  /** There is another ring. */
  learnt(): void {
    this.#intervalMs = Math.min(this.#intervalMs, intervalMsMin)
  }
}
