import type { Row } from '../question.ts'

/** How far an estimate may be off what is measured, as a share of it. */
export const deviationMax = 0.15

export interface DeviationRow extends Row {
  readonly outcome: 'within 15 %' | 'off' | 'not measured'
}

/** @param measured undefined where the system does not tell */
export function within(
  what: string,
  predicted: number,
  measured: number | undefined,
  figures: Readonly<Record<string, number>> = {}
): DeviationRow {
  if (measured === undefined || !Number.isFinite(measured) || measured <= 0)
    return { what, predicted, outcome: 'not measured', ...figures }
  const deviation = predicted / measured - 1
  return {
    what,
    predicted,
    measured,
    deviation_percent: deviation * 100,
    outcome: Math.abs(deviation) <= deviationMax ? 'within 15 %' : 'off',
    ...figures
  }
}
