import { cpuSum } from './process-cpu.ts'
import type { BenchReport } from './report.ts'
import { systemText } from './report-text.ts'
import type { BenchRow } from './row.ts'

/** Colours that stay apart on white and on black, for people who tell few colours apart, too (after Okabe and Ito). */
const colours = ['#0072b2', '#56b4e9', '#e69f00', '#d55e00', '#009e73', '#cc79a7', '#8c8c8c', '#b5a800', '#7a5ccf', '#a0522d']

const panelWidth = 330
const panelHeight = 190
const [marginLeft, marginRight, marginTop, marginBottom] = [54, 10, 44, 12]
const legendLineHeight = 20
const legendColumnWidth = 240
const titleHeight = 30
const ticksWanted = 5
const barGap = 4
const barWidthMax = 48

interface Figure {
  readonly title: string
  of(row: BenchRow): number | null
}

const figures: readonly Figure[] = [
  { title: 'operations per second', of: row => row.throughput },
  { title: 'CPU of all processes, µs per operation', of: row => cpuSum(row.cpu_us_per_op) }
]

/**
 * Throughput and CPU per operation as bars: a line of panels for each operation and figure, a panel with a scale of its own for
 * each load, a bar for each system.
 */
export function plotSvg(report: BenchReport): string {
  const rows = report.rows.filter(row => row.op !== 'request')
  const systems = [...new Set(rows.map(row => row.system))]
  const names = systems.flatMap(system => [...new Set(rows.filter(row => row.system === system).map(nameOf))])
  const ops = [...new Set(rows.map(row => row.op))]
  const loads = [...new Set(rows.map(loadOf))]
  const width = Math.max(2, loads.length) * panelWidth
  const legendColumns = Math.max(1, Math.floor(width / legendColumnWidth))
  const legendHeight = Math.ceil(names.length / legendColumns) * legendLineHeight
  const top = titleHeight + legendHeight
  const lines = ops.flatMap(op => figures.map(figure => ({ op, figure })))
  const height = top + lines.length * panelHeight
  const panels = lines.flatMap(({ op, figure }, line) =>
    loads.map((load, column) => {
      const own = rows.filter(row => row.op === op && loadOf(row) === load)
      const place = `translate(${column * panelWidth} ${top + line * panelHeight})`
      return `<g transform="${place}">${panel(`${op}, ${load}`, figure, own, names)}</g>`
    })
  )
  const { machine, value_bytes, rounds, seconds } = report
  const title = `${machine.cores} × ${machine.cpu}, Node ${machine.node}; ${value_bytes}-byte values, median of ${rounds} × ${seconds} s`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.small { font-size: 11px; fill: #57606a }
.value { font-size: 9px }
.head { font-weight: 600 }
.grid { stroke: #d0d7de; stroke-width: 1 }
.axis { stroke: #57606a; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .grid { stroke: #3d444d }
  .axis { stroke: #9198a1 }
}
</style>
<text class="small" x="8" y="18">${escaped(title)}</text>
${legend(names, legendColumns)}
${panels.join('\n')}
</svg>
`
}

function legend(names: readonly string[], columns: number): string {
  return names
    .map((name, index) => {
      const x = 8 + (index % columns) * legendColumnWidth
      const y = titleHeight + Math.floor(index / columns) * legendLineHeight
      return `<rect x="${x}" y="${y}" width="12" height="12" fill="${colourOf(index)}"/><text x="${x + 18}" y="${y + 10}">${escaped(name)}</text>`
    })
    .join('\n')
}

function panel(title: string, figure: Figure, rows: readonly BenchRow[], names: readonly string[]): string {
  const bars = rows
    .map(row => ({ name: nameOf(row), value: figure.of(row) }))
    .filter((bar): bar is { name: string; value: number } => bar.value !== null)
    .toSorted((a, b) => names.indexOf(a.name) - names.indexOf(b.name))
  const most = Math.max(0, ...bars.map(bar => bar.value))
  const step = tickStep(most)
  const ceiling = Math.max(step, Math.ceil(most / step) * step)
  const [innerWidth, innerHeight] = [panelWidth - marginLeft - marginRight, panelHeight - marginTop - marginBottom]
  const bottom = marginTop + innerHeight
  const parts = [
    `<text class="head" x="${marginLeft}" y="14">${escaped(title)}</text>`,
    `<text class="small" x="${marginLeft}" y="28">${escaped(figure.title)}</text>`
  ]
  for (let tick = 0; tick <= ceiling + step / 2; tick += step) {
    const y = round(bottom - (tick / ceiling) * innerHeight)
    parts.push(
      `<line class="grid" x1="${marginLeft}" x2="${panelWidth - marginRight}" y1="${y}" y2="${y}"/>`,
      `<text class="small" x="${marginLeft - 6}" y="${y + 4}" text-anchor="end">${shortText(tick)}</text>`
    )
  }
  const pitch = Math.min(barWidthMax, innerWidth / Math.max(1, bars.length))
  for (const [index, { name, value }] of bars.entries()) {
    const barHeight = (value / ceiling) * innerHeight
    const [x, y] = [round(marginLeft + index * pitch + barGap / 2), round(bottom - barHeight)]
    const shape = `x="${x}" y="${y}" width="${round(pitch - barGap)}" height="${round(barHeight)}"`
    parts.push(
      `<rect ${shape} fill="${colourOf(names.indexOf(name))}"><title>${escaped(`${name}: ${valueText(value)}`)}</title></rect>`,
      `<text class="value" x="${round(x + (pitch - barGap) / 2)}" y="${round(y - 3)}" text-anchor="middle">${shortText(value, 3)}</text>`
    )
  }
  parts.push(`<line class="axis" x1="${marginLeft}" x2="${panelWidth - marginRight}" y1="${bottom}" y2="${bottom}"/>`)
  return parts.join('\n')
}

/** 1, 2 or 5 times a power of ten, so that about `ticksWanted` of them reach `most`. */
export function tickStep(most: number): number {
  if (!(most > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(most / ticksWanted))
  const factor = [1, 2, 5].find(each => each * power * ticksWanted >= most) ?? 10
  return factor * power
}

function shortText(value: number, digits = 4): string {
  return value >= 1_000 ? `${Number((value / 1_000).toPrecision(digits))}k` : String(Number(value.toPrecision(digits)))
}

function valueText(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)))
}

function nameOf(row: BenchRow): string {
  return systemText(row.system, row.mode)
}

function loadOf(row: BenchRow): string {
  return row.in_flight === null ? `${row.rate ?? 0} per second` : `${row.in_flight} in flight`
}

function colourOf(index: number): string {
  return colours[index % colours.length]!
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
