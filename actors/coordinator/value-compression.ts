import { type Compression, deflated, isDeflatable, type TypedValue } from '../../model/value-coding.ts'
import type { Counter, Histogram, Metrics } from '../../runtime/metrics.ts'

/** Seconds that one value takes: 10 µs to 5 ms. */
const secondsBounds: readonly number[] = Object.freeze([
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005
])

/**
 * Values get smaller here, before they are minted, and nowhere else: all replicas hold the same bytes. They are made plain where
 * they leave the cluster. Counts what it gives and what it takes.
 */
export class ValueCompression {
  readonly #stored: Counter
  readonly #plain: Counter
  readonly #small: Counter
  readonly #left: Counter
  readonly #seconds: Histogram

  constructor(metrics: Metrics) {
    const values = (outcome: string): Counter =>
      metrics.counter('values_compressed_total', 'Values of buckets that compress', { outcome })
    const bytes = (form: string): Counter =>
      metrics.counter('compressed_bytes_total', 'Bytes of values that were compressed, before and after', { form })
    this.#stored = bytes('stored')
    this.#plain = bytes('plain')
    this.#small = values('smaller')
    this.#left = values('left')
    const about = 'Time that the compression of one value took'
    this.#seconds = metrics.histogram('compression_seconds', about, secondsBounds)
  }

  /** @param clock of the thread, in ms @returns `given` itself where it is to be stored as it came */
  toStore(given: TypedValue, compression: Compression | undefined, clock: { now(): number }): TypedValue {
    if (compression !== 'deflate') return given
    if (!isDeflatable(given.value)) {
      this.#left.add()
      return given
    }
    const startedMs = clock.now()
    const smaller = deflated(given)
    this.#seconds.record((clock.now() - startedMs) / 1000)
    if (smaller === undefined) {
      this.#left.add()
      return given
    }
    this.#small.add()
    this.#plain.add(given.value.length)
    this.#stored.add(smaller.value.length)
    return smaller
  }
}
