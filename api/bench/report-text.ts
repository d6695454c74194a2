import Table from 'cli-table3'
import type { BenchRatio, Spread } from './ratios.ts'
import type { BenchReport } from './report.ts'
import type { BenchRow } from './row.ts'
import type { JudgedTarget } from './targets.ts'

/** Tables for people. */
export function formatBench(report: BenchReport): string {
  const { machine, value_bytes, keys, zipf, seconds, rounds, systems, skipped = [], ratios = [], targets = [] } = report
  const lines = [
    `${machine.cores} × ${machine.cpu}, ${machine.memory_gb} GB, ${machine.os}, Node ${machine.node}`,
    `${value_bytes}-byte values, ${countText(keys)} keys${zipf > 0 ? `, zipf ${zipf}` : ''}, median of ${rounds} × ${seconds} s; CPU in µs per operation`,
    rowTable(report.rows, systems.length > 1)
  ]
  if (ratios.length > 0) lines.push('carillon ÷ peer, median of the rounds (least … most)', ratioTable(ratios))
  if (targets.length > 0) lines.push('targets', targetTable(targets))
  for (const { system, version, less } of systems) if (less !== '') lines.push(`${system} ${version}: ${less}`)
  for (const { peer, reason } of skipped) lines.push(`${peer} was left out: ${reason}`)
  return lines.join('\n')
}

function rowTable(rows: readonly BenchRow[], hasPeers: boolean): string {
  const head = ['system', 'op', 'load', 'per second', 'p50 ms', 'p99 ms', 'p99.9 ms', 'client', 'hosts', 'nats']
  return table(
    [...head, ...(hasPeers ? ['peer'] : []), 'errors'],
    rows.map(row => [
      systemText(row.system, row.mode),
      row.op,
      loadText(row),
      countText(row.throughput),
      millisecondsText(row.p50_ms),
      millisecondsText(row.p99_ms),
      millisecondsText(row.p999_ms),
      cpu(row.cpu_us_per_op.client),
      cpu(row.cpu_us_per_op.hosts),
      cpu(row.cpu_us_per_op.nats),
      ...(hasPeers ? [cpu(row.cpu_us_per_op.peer)] : []),
      row.errors === 0
        ? '0'
        : Object.entries(row.errors_by_code)
            .map(([code, times]) => `${countText(times)} ${code}`)
            .join(', ')
    ])
  )
}

function ratioTable(ratios: readonly BenchRatio[]): string {
  return table(
    ['peer', 'op', 'load', 'throughput', 'p50', 'p99', 'CPU'],
    ratios.map(each => [
      systemText(each.peer, each.peer_mode),
      each.op,
      loadText({ ...each, rate: null }),
      timesText(each.throughput, each.spread.throughput),
      timesText(each.p50, each.spread.p50),
      timesText(each.p99, each.spread.p99),
      timesText(each.cpu, each.spread.cpu)
    ])
  )
}

function targetTable(targets: readonly JudgedTarget[]): string {
  return table(
    ['target', 'of', 'outcome', 'load', 'wanted', 'measured'],
    targets.map(({ what, figure, in_flight, wanted, ratio, min, max, outcome, why }) => [
      what,
      figure === 'cpu' ? 'CPU' : figure,
      why === '' ? outcome : `${outcome}: ${why}`,
      String(in_flight),
      `${wanted} ×`,
      timesText(ratio, min === null || max === null ? null : [min, max])
    ]),
    3
  )
}

export function systemText(system: string, mode: string): string {
  return mode === '' ? system : `${system}, ${mode}`
}

export function loadText({ in_flight, rate }: Pick<BenchRow, 'in_flight' | 'rate'>): string {
  if (in_flight !== null) return String(in_flight)
  return rate === null ? 'open' : `${countText(rate)}/s`
}

export function timesText(ratio: number | null, spread: Spread | null): string {
  if (ratio === null) return '–'
  return spread === null || spread[0] === spread[1] ? `${ratio} ×` : `${ratio} × (${spread[0]} … ${spread[1]})`
}

/** @param texts columns of words, at the beginning */
function table(head: string[], rows: readonly string[][], texts = 2): string {
  const built = new Table({
    head,
    style: { head: [], border: [] },
    // No line between rows: there are many.
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    colAligns: head.map((_, column) => (column < texts ? 'left' : 'right'))
  })
  for (const row of rows) built.push(row)
  return built.toString()
}

export function countText(number: number): string {
  return Math.round(number).toLocaleString('en-US')
}

export function millisecondsText(ms: number): string {
  return ms.toFixed(ms < 10 ? 3 : 1)
}

function cpu(microseconds: number | null): string {
  return microseconds === null ? '–' : microseconds.toFixed(1)
}
