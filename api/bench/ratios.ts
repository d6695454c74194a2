import type { RoundFigures } from './figures.ts'
import type { BenchRow } from './row.ts'
import type { RowOperation } from './target.ts'

/** Of the ratios of round i of one and round i of the other: the median, and between which they lie. */
export interface PairedRatio {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** From … to, over the rounds. */
export type Spread = readonly [min: number, max: number]

/** This store's figure divided by the peer's, in the same run. */
export interface BenchRatio {
  readonly peer: string
  readonly peer_mode: string
  readonly op: RowOperation
  readonly in_flight: number | null
  readonly throughput: number
  readonly p50: number
  readonly p99: number
  /** Of all processes together; null where it cannot be told. */
  readonly cpu: number | null
  readonly spread: {
    readonly throughput: Spread
    readonly p50: Spread
    readonly p99: Spread
    readonly cpu: Spread | null
  }
}

export type RatioFigure = 'throughput' | 'p50' | 'p99' | 'cpu'

const figureOf: Readonly<Record<RatioFigure, (figures: RoundFigures) => number | null>> = {
  throughput: figures => figures.throughput,
  p50: figures => latency(figures, figures.p50_ms),
  p99: figures => latency(figures, figures.p99_ms),
  cpu: figures => figures.cpu_us_per_op
}

/** A round in which nothing succeeded has none, rather than the best there is. */
function latency({ throughput }: RoundFigures, ms: number): number | null {
  return throughput > 0 ? ms : null
}

/**
 * Rounds that ran next to each other are compared, since the machine's own ups and downs are the same for both.
 * @returns undefined where no pair of rounds has both figures
 */
export function pairedRatio(
  own: Pick<BenchRow, 'figures_of_rounds'>,
  other: Pick<BenchRow, 'figures_of_rounds'>,
  figure: RatioFigure
): PairedRatio | undefined {
  const of = figureOf[figure]
  const ratios: number[] = []
  const rounds = Math.min(own.figures_of_rounds.length, other.figures_of_rounds.length)
  for (let round = 0; round < rounds; round += 1) {
    const a = of(own.figures_of_rounds[round]!)
    const b = of(other.figures_of_rounds[round]!)
    if (a !== null && b !== null && b > 0) ratios.push(a / b)
  }
  if (ratios.length === 0) return undefined
  ratios.sort((a, b) => a - b)
  const middle = ratios.length >> 1
  const median = ratios.length % 2 === 1 ? ratios[middle]! : (ratios[middle - 1]! + ratios[middle]!) / 2
  return { median: rounded(median), min: rounded(ratios[0]!), max: rounded(ratios.at(-1)!) }
}

/** The usual mode of `system` against each mode of each other system, of the same operation and load. */
export function ratiosOf(rows: readonly BenchRow[], system = 'carillon'): BenchRatio[] {
  const ratios: BenchRatio[] = []
  for (const own of rows) {
    if (own.system !== system || own.mode !== '') continue
    for (const other of rows) {
      if (other.system === system || other.op !== own.op || other.in_flight !== own.in_flight) continue
      const throughput = pairedRatio(own, other, 'throughput')
      const p50 = pairedRatio(own, other, 'p50')
      const p99 = pairedRatio(own, other, 'p99')
      const cpu = pairedRatio(own, other, 'cpu')
      if (throughput === undefined || p50 === undefined || p99 === undefined) continue
      ratios.push({
        peer: other.system,
        peer_mode: other.mode,
        op: own.op,
        in_flight: own.in_flight,
        throughput: throughput.median,
        p50: p50.median,
        p99: p99.median,
        cpu: cpu?.median ?? null,
        spread: {
          throughput: spreadOf(throughput),
          p50: spreadOf(p50),
          p99: spreadOf(p99),
          cpu: cpu === undefined ? null : spreadOf(cpu)
        }
      })
    }
  }
  return ratios
}

function spreadOf({ min, max }: PairedRatio): Spread {
  return [min, max]
}

/** Three significant digits: a ratio of 0.004 is no 0. */
function rounded(ratio: number): number {
  return Number(ratio.toPrecision(3))
}
