import type { CountedRow } from './counted-row.ts'
import type { Prediction } from './prediction.ts'

/** After Okabe and Ito, as `api/bench/plot.ts` has them. */
const colours = { put: '#0072b2', get: '#d55e00', mixed: '#009e73', ideal: '#8c8c8c' }

const [panelWidth, panelHeight] = [380, 260]
const [left, right, top, bottom] = [56, 20, 48, 40]
const headHeight = 30
const labelHeight = 12

interface Line {
  readonly name: string
  readonly colour: string
  readonly isDashed?: boolean
  readonly points: readonly (readonly [hosts: number, value: number])[]
}

interface Panel {
  readonly title: string
  readonly unit: string
  readonly isLogarithmic: boolean
  readonly lines: readonly Line[]
  /** Measured, drawn as dots. */
  readonly dots: readonly Line[]
}

/**
 * Three panels over the number of hosts: throughput, NATS messages and bus messages of an operation, CPU of an operation.
 * Lines are the model's, dots were counted.
 */
export function scalingPlot(predictions: readonly Prediction[], counted: readonly CountedRow[]): string {
  const line = (name: string, colour: string, of: (one: Prediction) => number, isDashed = false): Line => ({
    name,
    colour,
    isDashed,
    points: predictions.map(one => [one.plan.hosts, of(one)] as const)
  })
  const dots = (name: string, colour: string, of: (row: CountedRow) => number): Line => ({
    name,
    colour,
    points: counted.map(row => [row.hosts, of(row)] as const)
  })
  const first = predictions[0]!
  const ideal = first.throughput / first.plan.hosts
  const panels: Panel[] = [
    {
      title: 'Throughput (model)',
      unit: 'operations a second, whole cluster',
      isLogarithmic: true,
      lines: [
        line('gets', colours.get, one => one.gets),
        line('mixed', colours.mixed, one => one.throughput),
        line('puts', colours.put, one => one.puts),
        line('mixed at 3 hosts, × n', colours.ideal, one => ideal * one.plan.hosts, true)
      ],
      dots: []
    },
    {
      title: 'Messages of one operation',
      unit: 'dots: bus messages, counted; lines: model, dashed: in NATS messages',
      isLogarithmic: false,
      lines: [
        line('put', colours.put, one => one.put.messages),
        line('get', colours.get, one => one.get.messages),
        line('', colours.put, one => one.put.batches, true),
        line('', colours.get, one => one.get.batches, true)
      ],
      dots: [dots('', colours.put, row => row.put), dots('', colours.get, row => row.get)]
    },
    {
      title: 'CPU of one operation (model)',
      unit: 'µs, hosts and nats-servers; dashed: nats-servers alone',
      isLogarithmic: false,
      lines: [
        line('put', colours.put, one => one.put.hostsUs + one.put.natsUs),
        line('get', colours.get, one => one.get.hostsUs + one.get.natsUs),
        line('', colours.put, one => one.put.natsUs, true),
        line('', colours.get, one => one.get.natsUs, true)
      ],
      dots: []
    }
  ]
  const { plan } = first
  const title = `${plan.coresPerHost} cores a host, N=${plan.replicas}, R=${plan.reads}, W=${plan.writes}, ${plan.valueBytes}-byte values; by hosts`
  const [width, height] = [panels.length * panelWidth, headHeight + panelHeight]
  const ends = [Math.min(...predictions.map(one => one.plan.hosts)), Math.max(...predictions.map(one => one.plan.hosts))] as const
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.small { font-size: 10px; fill: #57606a }
.head { font-weight: 600 }
.grid { stroke: #d0d7de; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .grid { stroke: #3d444d }
}
</style>
<text class="small" x="8" y="18">${title}</text>
${panels.map((panel, index) => `<g transform="translate(${index * panelWidth} ${headHeight})">${drawn(panel, ends)}</g>`).join('\n')}
</svg>
`
}

function drawn(panel: Panel, [fewest, most]: readonly [number, number]): string {
  const values = [...panel.lines, ...panel.dots].flatMap(({ points }) => points.map(([, value]) => value))
  const highest = Math.max(...values)
  const lowest = panel.isLogarithmic ? Math.min(...values) : 0
  const ticks = panel.isLogarithmic ? decades(lowest, highest) : steps(highest)
  const [floor, ceiling] = [panel.isLogarithmic ? Math.min(lowest, ticks[0]!) : 0, Math.max(highest, ticks.at(-1)!)]
  const innerWidth = panelWidth - left - right
  const innerHeight = panelHeight - top - bottom
  const x = (hosts: number): number => rounded(left + (Math.log(hosts / fewest) / Math.log(most / fewest)) * innerWidth)
  const height = (value: number): number =>
    panel.isLogarithmic ? Math.log(value / floor) / Math.log(ceiling / floor) : (value - floor) / (ceiling - floor)
  const y = (value: number): number => rounded(top + (1 - height(value)) * innerHeight)
  const parts = [
    `<text class="head" x="${left}" y="14">${panel.title}</text>`,
    `<text class="small" x="${left}" y="28">${panel.unit}</text>`,
    ...ticks.flatMap(tick => [
      `<line class="grid" x1="${left}" x2="${panelWidth - right}" y1="${y(tick)}" y2="${y(tick)}"/>`,
      `<text class="small" x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${shortText(tick)}</text>`
    ]),
    ...(panel.lines[0]?.points ?? []).map(
      ([hosts]) => `<text class="small" x="${x(hosts)}" y="${panelHeight - bottom + 16}" text-anchor="middle">${hosts}</text>`
    )
  ]
  for (const { colour, isDashed = false, points } of panel.lines) {
    const path = points.map(([hosts, value]) => `${x(hosts)},${y(value)}`).join(' ')
    parts.push(`<polyline class="line" stroke="${colour}"${isDashed ? ' stroke-dasharray="5 4"' : ''} points="${path}"/>`)
  }
  const named = panel.lines.filter(({ name }) => name !== '')
  for (const [index, { name, colour }] of named.entries()) {
    const column = left + 8 + index * (innerWidth / named.length)
    parts.push(
      `<rect x="${rounded(column)}" y="${panelHeight - labelHeight}" width="9" height="9" fill="${colour}"/>`,
      `<text class="small" x="${rounded(column + 13)}" y="${panelHeight - labelHeight + 8}">${name}</text>`
    )
  }
  for (const { colour, points } of panel.dots)
    for (const [hosts, value] of points) parts.push(`<circle cx="${x(hosts)}" cy="${y(value)}" r="3.5" fill="${colour}"/>`)
  return parts.join('\n')
}

function decades(lowest: number, highest: number): number[] {
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(lowest)); power <= Math.ceil(Math.log10(highest)); power++) ticks.push(10 ** power)
  return ticks
}

/** About five of them, from 0. */
function steps(highest: number): number[] {
  const power = 10 ** Math.floor(Math.log10(highest / 5))
  const step = ([1, 2, 5].find(each => each * power * 5 >= highest) ?? 10) * power
  return Array.from({ length: Math.ceil(highest / step) + 1 }, (_, index) => index * step)
}

function shortText(value: number): string {
  if (value >= 1e6) return `${value / 1e6} M`
  return value >= 1e3 ? `${value / 1e3} k` : String(Number(value.toPrecision(3)))
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
