import type { RoundFigures } from '../../api/bench/figures.ts'
import type { BenchRow } from '../../api/bench/row.ts'

/** A round as it might have been. */
export function round(throughput: number, p50_ms = 1, cpu: number | null = 35): RoundFigures {
  return { throughput, p50_ms, p99_ms: p50_ms * 2, cpu_us_per_op: cpu }
}

/** A row of these rounds, the middle one shown. */
export function row(
  system: string,
  op: BenchRow['op'],
  in_flight: number,
  rounds: readonly RoundFigures[],
  more: Partial<BenchRow> = {}
): BenchRow {
  const median = rounds[(rounds.length - 1) >> 1]!
  return {
    ...{ system, mode: '', promise: 'a promise', op, in_flight, rate: null },
    ...{ throughput: median.throughput, p50_ms: median.p50_ms, p90_ms: 1.5, p99_ms: 2, p999_ms: 3, max_ms: 4 },
    cpu_us_per_op: { client: 10, hosts: 20, nats: 5, peer: null },
    ...{ operations: 5_000, errors: 0, errors_by_code: {} },
    throughput_of_rounds: rounds.map(each => each.throughput),
    figures_of_rounds: rounds,
    ...more
  }
}

/** What a cluster promises unless told otherwise. */
export const promised = { replicas: 3, r: 2, w: 2, durability: 'flushed' } as const
