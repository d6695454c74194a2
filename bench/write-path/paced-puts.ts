import { performance } from 'node:perf_hooks'
import type { Fault } from '../../model/fault.ts'
import type { Completion } from '../../storage/store.ts'
import type { WayToWrite } from './cells.ts'

export interface Paced {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** Begun at a rate, in portions of this time. */
const portionMs = 5

/** So many puts, a number of them under way; where there is a rate, none before its time. */
export class PacedPuts {
  readonly result: Promise<Paced>
  readonly #put: (number: number, completion: Completion) => void
  readonly #puts: number
  readonly #inFlight: number
  readonly #rate: number
  readonly #latencies: Float64Array
  readonly #startMs = performance.now()
  #begun = 0
  #ended = 0
  #done: (paced: Paced) => void = () => {}
  #fail: (error: Error) => void = () => {}

  constructor({ inFlight, rate }: WayToWrite, puts: number, put: (number: number, completion: Completion) => void) {
    this.#put = put
    this.#puts = puts
    this.#inFlight = inFlight
    this.#rate = rate
    this.#latencies = new Float64Array(puts)
    this.result = new Promise((resolve, reject) => {
      this.#done = resolve
      this.#fail = reject
    })
    if (rate === 0) this.#go()
    else this.#portion()
  }

  #portion(): void {
    this.#go()
    if (this.#begun < this.#puts) setTimeout(() => this.#portion(), portionMs)
  }

  #go(): void {
    const now = performance.now()
    const due = this.#rate === 0 ? this.#puts : Math.ceil(((now - this.#startMs) / 1_000) * this.#rate) + 1
    while (this.#begun < Math.min(due, this.#puts) && this.#begun - this.#ended < this.#inFlight) {
      const startMs = performance.now()
      this.#put(this.#begun++, { settled: fault => this.#settled(startMs, fault) })
    }
  }

  #settled(startMs: number, fault: Fault | undefined): void {
    if (fault !== undefined) return this.#fail(new Error(`${fault.code}: ${fault.detail}`))
    this.#latencies[this.#ended++] = performance.now() - startMs
    if (this.#ended < this.#puts) return this.#rate === 0 ? this.#go() : undefined
    const sorted = this.#latencies.sort()
    this.#done({
      perSecond: this.#puts / ((performance.now() - this.#startMs) / 1_000),
      p50Ms: sorted[sorted.length >> 1] ?? 0,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0
    })
  }
}
