/** What clients met: counts, errors, latencies, and the longest time in which nothing succeeded. */
export class Tally {
  operations = 0
  succeeded = 0
  readonly errors = new Map<string, number>()
  /** Of the first failures, for people. */
  readonly reasons: string[] = []
  readonly #latencies: number[] = []
  #lastSuccessMs: number
  #longestGapMs = 0
  #longestGapEndMs = 0

  constructor(nowMs = performance.now()) {
    this.#lastSuccessMs = nowMs
  }

  /** Nothing was counted for a while: that was no gap. */
  resume(): void {
    this.#lastSuccessMs = performance.now()
  }

  /** @param startMs when the operation began */
  success(startMs: number): void {
    const nowMs = performance.now()
    this.operations++
    this.succeeded++
    this.#latencies.push(nowMs - startMs)
    const gapMs = nowMs - this.#lastSuccessMs
    this.#lastSuccessMs = nowMs
    if (gapMs > this.#longestGapMs) {
      this.#longestGapMs = gapMs
      this.#longestGapEndMs = nowMs
    }
  }

  /** What failed took its time, too. */
  failure(code: string, startMs: number, why = ''): void {
    this.operations++
    if (why !== '' && this.reasons.length < reasonsMax) this.reasons.push(why)
    this.#latencies.push(performance.now() - startMs)
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1)
  }

  get failed(): number {
    return this.operations - this.succeeded
  }

  get longestGapMs(): number {
    return Math.max(this.#longestGapMs, 0)
  }

  /** By `performance.now()`. */
  get longestGapEndMs(): number {
    return this.#longestGapEndMs
  }

  /** Milliseconds that the share of all operations took at most, failed or not; 0 where there were none. */
  percentile(share: number): number {
    const sorted = Float64Array.from(this.#latencies).sort()
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  }

  figures(): TallyFigures {
    return {
      operations: this.operations,
      succeeded: this.succeeded,
      errors: Object.fromEntries([...this.errors].sort((a, b) => b[1] - a[1])),
      p50_ms: round(this.percentile(0.5)),
      p99_ms: round(this.percentile(0.99)),
      longest_gap_ms: Math.round(this.longestGapMs)
    }
  }
}

export interface TallyFigures {
  readonly operations: number
  readonly succeeded: number
  readonly errors: Readonly<Record<string, number>>
  readonly p50_ms: number
  readonly p99_ms: number
  readonly longest_gap_ms: number
}

const reasonsMax = 10

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
