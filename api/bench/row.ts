import { medianBy, percentileMs, type RoundFigures } from './figures.ts'
import type { CpuPerOperation } from './process-cpu.ts'
import type { Round } from './rounds.ts'
import type { Promised, RowOperation } from './target.ts'

/** One system, mode, operation and load: the round of median throughput. */
export interface BenchRow {
  readonly system: string
  /** How the system is used; '' for the usual way. */
  readonly mode: string
  /** What its operations promise. */
  readonly promise: string
  /** Of this store, where it is known. */
  readonly promised?: Promised
  readonly op: RowOperation
  /** Operations under way; null in an open loop. */
  readonly in_flight: number | null
  /** Operations per second that were to be started; null in a closed loop. */
  readonly rate: number | null
  /** Operations per second that succeeded. */
  readonly throughput: number
  readonly p50_ms: number
  readonly p90_ms: number
  readonly p99_ms: number
  readonly p999_ms: number
  readonly max_ms: number
  readonly cpu_us_per_op: CpuPerOperation
  readonly operations: number
  readonly errors: number
  readonly errors_by_code: Readonly<Record<string, number>>
  /** Of each round, in order. */
  readonly throughput_of_rounds: readonly number[]
  readonly figures_of_rounds: readonly RoundFigures[]
}

export type RowName = Pick<BenchRow, 'system' | 'mode' | 'promise' | 'op' | 'in_flight' | 'rate'> & {
  readonly promised: Promised | undefined
}

/** @param rounds at least one */
export function rowOf({ promised, ...name }: RowName, rounds: readonly Round[]): BenchRow {
  const { result, throughput, cpu } = medianBy(rounds, round => round.throughput)
  // An error in any round is told, whichever round is shown.
  const errors = new Map<string, number>()
  let errorsTotal = 0
  for (const round of rounds) {
    for (const [code, times] of round.result.errors) {
      errors.set(code, (errors.get(code) ?? 0) + times)
      errorsTotal += times
    }
  }
  return {
    ...name,
    ...(promised === undefined ? {} : { promised }),
    throughput: Math.round(throughput),
    p50_ms: percentileMs(result.latencies, 50),
    p90_ms: percentileMs(result.latencies, 90),
    p99_ms: percentileMs(result.latencies, 99),
    p999_ms: percentileMs(result.latencies, 99.9),
    max_ms: percentileMs(result.latencies, 100),
    cpu_us_per_op: cpu,
    operations: result.operations,
    errors: errorsTotal,
    errors_by_code: Object.fromEntries(errors),
    throughput_of_rounds: rounds.map(round => Math.round(round.throughput)),
    figures_of_rounds: rounds.map(({ figures }) => figures)
  }
}
