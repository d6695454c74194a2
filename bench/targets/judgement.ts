import type { Row } from '../question.ts'

/** What is wanted of a figure: at least or at most the bound, with the unit of both. */
export interface Wanted {
  readonly is: '≤' | '≥'
  readonly bound: number
  /** As it stands behind a number: '×', 'ms'. */
  readonly unit: string
}

/** A row of a question about targets: what `bench/targets.ts` makes its table of. */
export interface TargetRow extends Row {
  readonly wanted: string
  readonly measured: string
  /** '' where nothing is wanted: a figure beside the others. */
  readonly outcome: 'met' | 'missed' | 'not measured' | ''
}

export function atMost(bound: number, unit: string): Wanted {
  return { is: '≤', bound, unit }
}

export function atLeast(bound: number, unit: string): Wanted {
  return { is: '≥', bound, unit }
}

/**
 * @param measured undefined or not finite: it could not be measured, and `why` says so
 * @param wanted undefined: nothing is, the figure stands beside those that are judged
 * @param figures what it was made of, with units in their names
 */
export function judged(
  what: string,
  measured: number | undefined,
  wanted: Wanted,
  figures: Readonly<Record<string, number | string | undefined>> = {}
): TargetRow {
  const { is, bound, unit } = wanted
  const head = { what, wanted: `${is} ${bound} ${unit}` }
  if (measured === undefined || !Number.isFinite(measured)) return { ...head, measured: '–', outcome: 'not measured', ...figures }
  const isMet = is === '≤' ? measured <= bound : measured >= bound
  return { ...head, measured: `${short(measured)} ${unit}`, outcome: isMet ? 'met' : 'missed', ...figures }
}

/** Three digits, and never an exponent. */
export function short(figure: number): string {
  return Math.abs(figure) >= 1_000 ? Math.round(figure).toLocaleString('en') : String(Number(figure.toPrecision(3)))
}
