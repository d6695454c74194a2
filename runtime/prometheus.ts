import type { MetricSnapshot } from './metrics.ts'

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const prometheusContentType = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * The figures of all threads as one page: names get the prefix, series with equal labels are added up.
 * @param labels set on every series: the host, say
 */
export async function prometheusText(
  threads: readonly (readonly MetricSnapshot[])[],
  labels: Readonly<Record<string, string>> = {},
  prefix = 'carillon_'
): Promise<string> {
  // It loads half as much as a thread does: with the first question, not with the host.
  const { Counter, Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  registry.setDefaultLabels({ ...labels })
  const texts: string[] = []
  for (const family of mergedFamilies(threads)) {
    const labelNames = [...new Set(family.series.flatMap(series => Object.keys(series.labels)))]
    const name = `${prefix}${family.name}`
    if (family.type === 'histogram') {
      texts.push(histogramText(name, family, labels))
      continue
    }
    const options = { name, help: family.help, labelNames, registers: [registry] }
    if (family.type === 'counter') {
      const counter = new Counter(options)
      for (const series of family.series) counter.inc({ ...series.labels }, series.value)
    } else {
      const gauge = new Gauge(options)
      for (const series of family.series) gauge.set({ ...series.labels }, series.value)
    }
  }
  return `${await registry.metrics()}${texts.join('')}`
}

/** Added up over threads: one family per name, one series per set of labels. */
export function mergedFamilies(threads: readonly (readonly MetricSnapshot[])[]): readonly MetricSnapshot[] {
  const families = new Map<string, { first: MetricSnapshot; series: Map<string, MetricSnapshot['series'][number]> }>()
  for (const thread of threads) {
    for (const family of thread) {
      let merged = families.get(family.name)
      if (merged === undefined) families.set(family.name, (merged = { first: family, series: new Map() }))
      for (const series of family.series) {
        const key = JSON.stringify(Object.entries(series.labels).sort(([a], [b]) => (a < b ? -1 : 1)))
        const before = merged.series.get(key)
        merged.series.set(key, before === undefined ? series : added(before, series))
      }
    }
  }
  return [...families.values()].map(({ first, series }) => ({ ...first, series: [...series.values()] }))
}

function added(a: MetricSnapshot['series'][number], b: MetricSnapshot['series'][number]): MetricSnapshot['series'][number] {
  const value = a.value + b.value
  if (a.buckets === undefined || b.buckets === undefined) return { labels: a.labels, value }
  const { buckets: more } = b
  return { labels: a.labels, value, buckets: a.buckets.map((count, i) => count + (more[i] ?? 0)) }
}

/** prom-client fills histograms value by value; ours are counted already. */
function histogramText(name: string, family: MetricSnapshot, labels: Readonly<Record<string, string>>): string {
  const lines = [`# HELP ${name} ${escaped(family.help)}`, `# TYPE ${name} histogram`]
  for (const series of family.series) {
    const base = { ...labels, ...series.labels }
    let below = 0
    for (const [i, count] of (series.buckets ?? []).entries()) {
      below += count
      const le = i < (family.bounds?.length ?? 0) ? String(family.bounds![i]) : '+Inf'
      lines.push(`${name}_bucket${labelText({ ...base, le })} ${below}`)
    }
    lines.push(`${name}_sum${labelText(base)} ${series.value}`, `${name}_count${labelText(base)} ${below}`)
  }
  return `\n${lines.join('\n')}\n`
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value).replaceAll('"', '\\"')}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
