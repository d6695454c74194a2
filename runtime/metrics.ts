/**
 * Figures that a thread keeps about itself. A handle is resolved once, at the start of an actor; counting an event is
 * one addition, without a look-up. Labels are few and bounded (kind, outcome, reason): never keys, never ids.
 */
export type Labels = Readonly<Record<string, string>>

export interface Counter {
  /** @param amount ≥ 0; default 1 */
  add(amount?: number): void
}

export interface Gauge {
  set(value: number): void
  add(amount: number): void
}

export interface Histogram {
  record(value: number): void
}

export interface Metrics {
  /** @param name without the product's prefix, ending in `_total` */
  counter(name: string, help: string, labels?: Labels): Counter
  gauge(name: string, help: string, labels?: Labels): Gauge
  /** A gauge that is read only when somebody looks. The newest reader of a series replaces the one before. */
  observe(name: string, help: string, read: () => number, labels?: Labels): void
  /** @param bounds upper bounds of the buckets, ascending; beyond the last one is infinity */
  histogram(name: string, help: string, bounds: readonly number[], labels?: Labels): Histogram
}

/** Buckets for durations in seconds, 50 µs to 10 s. */
export const durationBounds: readonly number[] = Object.freeze([
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10
])

/** Series that one name may have; more is a label that was not bounded. */
export const metricSeriesMax = 256

/** Plain data, so that it can cross threads. Merged over threads by sum. */
export interface MetricSnapshot {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  /** Histograms only. */
  readonly bounds?: readonly number[]
  readonly series: readonly SeriesSnapshot[]
}

export interface SeriesSnapshot {
  readonly labels: Labels
  /** Counter, gauge: the value. Histogram: the sum of what was recorded. */
  readonly value: number
  /** Histograms only: how many fell in each bucket, not cumulative; one more than there are bounds. */
  readonly buckets?: readonly number[]
}

class Value implements Counter, Gauge {
  value = 0
  read: (() => number) | undefined = undefined
  add(amount = 1): void {
    this.value += amount
  }
  set(value: number): void {
    this.value = value
  }
}

class Buckets implements Histogram {
  value = 0
  readonly bounds: readonly number[]
  readonly counts: number[]
  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }
  record(value: number): void {
    this.value += value
    let low = 0
    let high = this.bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (value <= this.bounds[middle]!) high = middle
      else low = middle + 1
    }
    this.counts[low] = this.counts[low]! + 1
  }
}

interface Family {
  readonly help: string
  readonly type: MetricSnapshot['type']
  readonly bounds: readonly number[] | undefined
  readonly series: Map<string, { readonly labels: Labels; readonly handle: Value | Buckets }>
}

/** The figures of one thread. */
export class MetricRegistry implements Metrics {
  readonly #families = new Map<string, Family>()

  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.#handle('counter', name, help, labels, undefined) as Value
  }

  gauge(name: string, help: string, labels: Labels = {}): Gauge {
    return this.#handle('gauge', name, help, labels, undefined) as Value
  }

  observe(name: string, help: string, read: () => number, labels: Labels = {}): void {
    const value = this.#handle('gauge', name, help, labels, undefined) as Value
    value.read = read
  }

  histogram(name: string, help: string, bounds: readonly number[], labels: Labels = {}): Histogram {
    return this.#handle('histogram', name, help, labels, bounds) as Buckets
  }

  snapshot(): MetricSnapshot[] {
    const all: MetricSnapshot[] = []
    for (const [name, family] of this.#families) {
      const series: SeriesSnapshot[] = []
      for (const { labels, handle } of family.series.values()) {
        if (handle instanceof Buckets) series.push({ labels, value: handle.value, buckets: handle.counts.slice() })
        else series.push({ labels, value: handle.read === undefined ? handle.value : handle.read() })
      }
      const { help, type, bounds } = family
      all.push(bounds === undefined ? { name, help, type, series } : { name, help, type, bounds, series })
    }
    return all
  }

  #handle(
    type: Family['type'],
    name: string,
    help: string,
    labels: Labels,
    bounds: readonly number[] | undefined
  ): Value | Buckets {
    let family = this.#families.get(name)
    if (family === undefined) {
      family = { help, type, bounds, series: new Map() }
      this.#families.set(name, family)
    } else if (family.type !== type) {
      throw new TypeError(`the metric ${name} is a ${family.type} already, not a ${type}`)
    }
    const key = JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)))
    const known = family.series.get(key)
    if (known !== undefined) return known.handle
    if (family.series.size >= metricSeriesMax) {
      throw new RangeError(`the metric ${name} has ${metricSeriesMax} series already: its labels are not bounded`)
    }
    const handle = type === 'histogram' ? new Buckets(family.bounds ?? []) : new Value()
    family.series.set(key, { labels: { ...labels }, handle })
    return handle
  }
}

const nothing = Object.freeze({ add() {}, set() {}, record() {} })

/** For whoever does not look. */
export const silentMetrics: Metrics = Object.freeze({
  counter: () => nothing,
  gauge: () => nothing,
  observe() {},
  histogram: () => nothing
})
