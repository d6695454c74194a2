import type { Histogram } from 'hdr-histogram-js'

/** What ratios are made of: one round, compared with the other system's round of the same number. */
export interface RoundFigures {
  readonly throughput: number
  readonly p50_ms: number
  readonly p99_ms: number
  /** Of all processes together; null where it cannot be told. */
  readonly cpu_us_per_op: number | null
}

/** The element with the median; of an even number the lower one. */
export function medianBy<T>(list: readonly T[], figure: (each: T) => number): T {
  if (list.length === 0) throw new RangeError('nothing has no median')
  return list.toSorted((a, b) => figure(a) - figure(b))[Math.floor((list.length - 1) / 2)]!
}

/** @returns milliseconds; 0 where nothing was recorded */
export function percentileMs(latencies: Histogram, percentile: number): number {
  return latencies.totalCount === 0 ? 0 : Math.round(latencies.getValueAtPercentile(percentile)) / 1000
}
