import type { Day } from './day.ts'

/** After Okabe and Ito, as the other plots. */
const colours = { rate: '#0072b2', scaled: '#d55e00', fixed: '#8c8c8c' }
const [width, panelHeight] = [760, 150]
const [left, right, top, bottom] = [60, 16, 34, 22]
const headHeight = 26
const hoursOfDay = 24

interface Line {
  readonly name: string
  readonly colour: string
  readonly values: readonly (readonly [hour: number, value: number])[]
}

/** Three panels over a day: requests a second, hosts, p99; scaled beside hosts that stay as many as the busiest minute needs. */
export function dayPlot(scaled: Day, fixed: Day): string {
  const of = (day: Day, value: (minute: Day['minutes'][number]) => number): Line['values'] =>
    day.minutes.map(minute => [minute.hour, value(minute)] as const)
  const panels: { readonly title: string; readonly lines: readonly Line[]; readonly isLogarithmic: boolean }[] = [
    {
      title: 'Requests a second',
      isLogarithmic: false,
      lines: [{ name: '', colour: colours.rate, values: of(scaled, ({ rate }) => rate) }]
    },
    {
      title: 'Hosts',
      isLogarithmic: false,
      lines: [
        {
          name: `scaled: ${Math.round(scaled.hostHours)} host-hours`,
          colour: colours.scaled,
          values: of(scaled, ({ hosts }) => hosts)
        },
        { name: `fixed: ${Math.round(fixed.hostHours)}`, colour: colours.fixed, values: of(fixed, ({ hosts }) => hosts) }
      ]
    },
    {
      title: 'p99, ms (model)',
      isLogarithmic: true,
      lines: [
        { name: 'scaled', colour: colours.scaled, values: of(scaled, ({ p99Ms }) => p99Ms) },
        { name: 'fixed', colour: colours.fixed, values: of(fixed, ({ p99Ms }) => p99Ms) }
      ]
    }
  ]
  const height = headHeight + panels.length * panelHeight
  const title = 'A day with a spike at noon, simulated'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">
<style>
text { font: 12px system-ui, sans-serif; fill: #24292f }
.small { font-size: 10px; fill: #57606a }
.head { font-weight: 600 }
.grid { stroke: #d0d7de; stroke-width: 1 }
.line { fill: none; stroke-width: 1.6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .grid { stroke: #3d444d }
}
</style>
<text class="small" x="8" y="16">${title}</text>
${panels.map((panel, index) => `<g transform="translate(0 ${headHeight + index * panelHeight})">${drawn(panel.title, panel.lines, panel.isLogarithmic)}</g>`).join('\n')}
</svg>
`
}

function drawn(title: string, lines: readonly Line[], isLogarithmic: boolean): string {
  const values = lines.flatMap(line => line.values.map(([, value]) => value))
  const ticks = isLogarithmic ? decades(Math.min(...values), Math.max(...values)) : steps(Math.max(...values))
  const [floor, ceiling] = [ticks[0]!, ticks.at(-1)!]
  const x = (hour: number): number => rounded(left + (hour / hoursOfDay) * (width - left - right))
  const share = (value: number): number =>
    isLogarithmic ? Math.log(value / floor) / Math.log(ceiling / floor) : (value - floor) / (ceiling - floor)
  const y = (value: number): number => rounded(top + (1 - share(value)) * (panelHeight - top - bottom))
  const parts = [`<text class="head" x="${left}" y="14">${title}</text>`]
  let column = left
  for (const { name, colour } of lines.filter(line => line.name !== '')) {
    parts.push(
      `<rect x="${column + 130}" y="6" width="9" height="9" fill="${colour}"/>`,
      `<text class="small" x="${column + 143}" y="14">${name}</text>`
    )
    column += 170
  }
  for (const tick of ticks)
    parts.push(
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${y(tick)}" y2="${y(tick)}"/>`,
      `<text class="small" x="${left - 6}" y="${y(tick) + 4}" text-anchor="end">${shortText(tick)}</text>`
    )
  for (let hour = 0; hour <= hoursOfDay; hour += 3)
    parts.push(`<text class="small" x="${x(hour)}" y="${panelHeight - 8}" text-anchor="middle">${hour}:00</text>`)
  for (const { colour, values: points } of lines.toReversed())
    parts.push(
      `<polyline class="line" stroke="${colour}" points="${thinned(points)
        .map(([hour, value]) => `${x(hour)},${y(value)}`)
        .join(' ')}"/>`
    )
  return parts.join('\n')
}

/** Points between two equal ones say nothing. */
function thinned(points: Line['values']): Line['values'] {
  return points.filter(([, value], at) => value !== points[at - 1]?.[1] || value !== points[at + 1]?.[1])
}

function decades(lowest: number, highest: number): number[] {
  const ticks: number[] = []
  for (let power = Math.floor(Math.log10(lowest)); power <= Math.ceil(Math.log10(highest)); power++) ticks.push(10 ** power)
  return ticks
}

/** About four of them, from 0. */
function steps(highest: number): number[] {
  const power = 10 ** Math.floor(Math.log10(highest / 4))
  const step = ([1, 2, 5].find(each => each * power * 4 >= highest) ?? 10) * power
  return Array.from({ length: Math.ceil(highest / step) + 1 }, (_, index) => index * step)
}

function shortText(value: number): string {
  return value >= 1_000 ? `${value / 1_000} k` : String(Number(value.toPrecision(3)))
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
