import { build, type Histogram } from 'hdr-histogram-js'
import { percentileMs } from '../../api/bench/figures.ts'
import type { Work } from '../../api/bench/load.ts'

const tickMs = 1
/** What a timer may be late by. Beyond it an operation counts from when it should have started, or a stall would hide what it delays. */
const latenessMs = 2
const underWayMax = 16_384
const microsecondsMax = 120_000_000

export interface PacedFigures {
  readonly operations: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number
  /** Codes and counts of those that failed. */
  readonly failures: string
}

/**
 * Starts operations at a rate, whatever has ended, until it is told to end; an open loop that sleeps between its ticks, since on two
 * cores a generator that spins takes half of the machine from those that it measures.
 * @see Tene: How NOT to Measure Latency (coordinated omission)
 */
export class PacedLoad {
  readonly #work: Work
  readonly #perMs: number
  readonly #startMs = performance.now()
  readonly #latencies: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: microsecondsMax,
    numberOfSignificantValueDigits: 3,
    bitBucketSize: 32
  })
  readonly #failures = new Map<string, number>()
  #started = 0
  #underWay = 0
  #isEnding = false
  #drained: () => void = () => {}

  constructor(work: Work, perSecond: number) {
    this.#work = work
    this.#perMs = perSecond / 1_000
    this.#tick()
  }

  #tick = (): void => {
    if (this.#isEnding) return
    const nowMs = performance.now()
    const due = Math.floor((nowMs - this.#startMs) * this.#perMs)
    while (this.#started < due && this.#underWay < underWayMax) {
      const plannedMs = this.#startMs + this.#started++ / this.#perMs
      this.#begin(nowMs - plannedMs > latenessMs ? plannedMs : nowMs)
    }
    setTimeout(this.#tick, tickMs)
  }

  #begin(fromMs: number): void {
    this.#underWay++
    this.#work().then(
      () => {
        const us = Math.round((performance.now() - fromMs) * 1_000)
        this.#latencies.recordValue(Math.min(Math.max(1, us), microsecondsMax))
        this.#ended()
      },
      (error: unknown) => {
        const { code = 'unknown' } = error as { code?: string }
        this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1)
        this.#ended()
      }
    )
  }

  #ended(): void {
    if (--this.#underWay === 0 && this.#isEnding) this.#drained()
  }

  /** Start no more, and wait for those under way: they count, too. */
  async end(): Promise<PacedFigures> {
    this.#isEnding = true
    if (this.#underWay > 0) await new Promise<void>(resolve => (this.#drained = resolve))
    const latencies = this.#latencies
    return {
      operations: latencies.totalCount,
      p50Ms: percentileMs(latencies, 50),
      p99Ms: percentileMs(latencies, 99),
      failed: [...this.#failures.values()].reduce((sum, each) => sum + each, 0),
      failures: [...this.#failures].map(([code, count]) => `${code} ${count}`).join(', ')
    }
  }
}
