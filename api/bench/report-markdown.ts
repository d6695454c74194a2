import { cpuSum } from './process-cpu.ts'
import type { BenchReport } from './report.ts'
import { countText, loadText, millisecondsText, systemText, timesText } from './report-text.ts'

/** The report as Markdown, for documents: the machine and the versions, then rows, ratios and targets as tables. */
export function markdownBench(report: BenchReport): string {
  const { machine, value_bytes, keys, zipf, seconds, rounds, systems, skipped = [], ratios = [], targets = [] } = report
  const versions = systems.filter(({ version }) => version !== '').map(({ system, version }) => `${system} ${version}`)
  const parts = [
    `${machine.cores} × ${machine.cpu}, ${machine.memory_gb} GB, ${machine.os}, Node ${machine.node}; ${versions.join(', ')}. ` +
      `${value_bytes}-byte values, ${countText(keys)} keys${zipf > 0 ? `, zipf ${zipf}` : ''}, median of ${rounds} rounds of ${seconds} s.`,
    table(
      ['system', 'promise', 'operation', 'load', 'per second', 'p50 ms', 'p99 ms', 'CPU µs/op'],
      4,
      report.rows.map(row => [
        systemText(row.system, row.mode),
        row.promise,
        row.op,
        loadText(row),
        countText(row.throughput),
        millisecondsText(row.p50_ms),
        millisecondsText(row.p99_ms),
        cpuSum(row.cpu_us_per_op)?.toFixed(1) ?? '–'
      ])
    )
  ]
  if (ratios.length > 0) {
    const head = ['Carillon ÷ peer', 'operation', 'load', 'throughput', 'p50', 'p99', 'CPU']
    parts.push(
      table(
        head,
        3,
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
    )
  }
  if (targets.length > 0) {
    parts.push(
      table(
        ['target', 'of', 'in flight', 'outcome', 'wanted', 'measured'],
        4,
        targets.map(({ what, figure, in_flight, wanted, ratio, min, max, outcome, why }) => [
          what,
          figure === 'cpu' ? 'CPU' : figure,
          String(in_flight),
          why === '' ? outcome : `${outcome}: ${why}`,
          `${wanted} ×`,
          timesText(ratio, min === null || max === null ? null : [min, max])
        ])
      )
    )
  }
  const less = systems.filter(each => each.less !== '').map(({ system, less }) => `- ${system} ${less}.`)
  const missing = skipped.map(({ peer, reason }) => `- ${peer} was left out: ${reason}.`)
  if (less.length + missing.length > 0) parts.push([...less, ...missing].join('\n'))
  return `${parts.join('\n\n')}\n`
}

/** @param texts columns of words, at the beginning; figures behind them stand to the right */
function table(head: readonly string[], texts: number, rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map((_, column) => (column < texts ? '---|' : '--:|')).join('')}`, ...rows.map(line)].join('\n')
}
