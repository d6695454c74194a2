import Table from 'cli-table3'
import type { Histogram } from 'hdr-histogram-js'
import type { BenchOperation } from './bench-options.ts'
import type { CpuPerOperation } from './process-cpu.ts'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory_gb: number
  readonly os: string
  readonly node: string
}

/** One system, operation and load: the round of median throughput. */
export interface BenchRow {
  readonly system: string
  /** What its operations promise. */
  readonly promise: string
  readonly op: BenchOperation
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
}

/** Carillon's figure divided by the peer's, in the same run. */
export interface BenchRatio {
  readonly peer: string
  readonly op: BenchOperation
  readonly in_flight: number | null
  readonly throughput: number
  readonly p50: number
  /** Of all processes together; null where it cannot be told. */
  readonly cpu: number | null
}

export interface BenchReport {
  readonly machine: Machine
  readonly value_bytes: number
  readonly keys: number
  readonly zipf: number
  readonly seconds: number
  readonly rounds: number
  readonly rows: readonly BenchRow[]
  readonly ratios?: readonly BenchRatio[]
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

/** Carillon against each peer, row by row of the same operation and load. */
export function ratiosOf(rows: readonly BenchRow[], system = 'carillon'): BenchRatio[] {
  const ratios: BenchRatio[] = []
  for (const own of rows) {
    if (own.system !== system) continue
    for (const other of rows) {
      if (other.system === system || other.op !== own.op || other.in_flight !== own.in_flight) continue
      const ownCpu = cpuSum(own.cpu_us_per_op)
      const otherCpu = cpuSum(other.cpu_us_per_op)
      ratios.push({
        peer: other.system,
        op: own.op,
        in_flight: own.in_flight,
        throughput: ratio(own.throughput, other.throughput),
        p50: ratio(own.p50_ms, other.p50_ms),
        cpu: ownCpu === null || otherCpu === null ? null : ratio(ownCpu, otherCpu)
      })
    }
  }
  return ratios
}

/** Of all processes; null where the hosts' cannot be told. */
export function cpuSum({ client, hosts, nats }: CpuPerOperation): number | null {
  return client === null || hosts === null ? null : client + hosts + (nats ?? 0)
}

function ratio(a: number, b: number): number {
  return b === 0 ? 0 : Math.round((a / b) * 100) / 100
}

/** A table for people. */
export function formatBench(report: BenchReport): string {
  const { machine, value_bytes, keys, zipf, seconds, rounds } = report
  const lines = [
    `${machine.cores} × ${machine.cpu}, ${machine.memory_gb} GB, ${machine.os}, Node ${machine.node}`,
    `${value_bytes}-byte values, ${count(keys)} keys${zipf > 0 ? `, zipf ${zipf}` : ''}, median of ${rounds} × ${seconds} s; CPU in µs per operation`,
    table(
      ['system', 'op', 'load', 'per second', 'p50 ms', 'p99 ms', 'p99.9 ms', 'client', 'hosts', 'nats', 'errors'],
      report.rows.map(row => [
        row.system,
        row.op,
        row.in_flight === null ? `${count(row.rate ?? 0)}/s` : String(row.in_flight),
        count(row.throughput),
        milliseconds(row.p50_ms),
        milliseconds(row.p99_ms),
        milliseconds(row.p999_ms),
        cpu(row.cpu_us_per_op.client),
        cpu(row.cpu_us_per_op.hosts),
        cpu(row.cpu_us_per_op.nats),
        row.errors === 0
          ? '0'
          : Object.entries(row.errors_by_code)
              .map(([code, times]) => `${count(times)} ${code}`)
              .join(', ')
      ])
    )
  ]
  if (report.ratios !== undefined && report.ratios.length > 0) {
    lines.push(
      'carillon ÷ peer',
      table(
        ['peer', 'op', 'load', 'throughput', 'p50', 'CPU'],
        report.ratios.map(each => [
          each.peer,
          each.op,
          each.in_flight === null ? 'open' : String(each.in_flight),
          `${each.throughput} ×`,
          `${each.p50} ×`,
          each.cpu === null ? '–' : `${each.cpu} ×`
        ])
      )
    )
  }
  return lines.join('\n')
}

function table(head: string[], rows: readonly string[][]): string {
  const built = new Table({
    head,
    style: { head: [], border: [] },
    colAligns: head.map((_, column) => (column < 2 ? 'left' : 'right'))
  })
  for (const row of rows) built.push(row)
  return built.toString()
}

function count(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}

function milliseconds(ms: number): string {
  return ms.toFixed(ms < 10 ? 3 : 1)
}

function cpu(microseconds: number | null): string {
  return microseconds === null ? '–' : microseconds.toFixed(1)
}
