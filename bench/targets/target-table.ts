import type { Row } from '../question.ts'

export const tableBegin = '<!-- targets by `node build/bench/targets.js --write`: begin -->'
export const tableEnd = '<!-- targets by `node build/bench/targets.js --write`: end -->'

/** The rows as a Markdown table: what is wanted, what was measured, and what that was made of. */
export function targetTable(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ what, wanted, measured, outcome, operations: _operations, cpu_ns: _ns, bytes: _bytes, ...figures }) => {
      const made = Object.entries(figures).filter(([, value]) => value !== undefined)
      return [what, wanted, measured, outcome, made.map(([name, value]) => `${nameText(name)} ${valueText(value)}`).join(', ')]
    }
  )
  return [['target', 'wanted', 'measured', 'outcome', 'of'], ['---', '--:', '--:', '---', '---'], ...lines]
    .map(cells => `| ${cells.map(cell => String(cell ?? '').replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n')
}

/** `at_rest_ms` → `at rest, ms`. */
function nameText(name: string): string {
  const unit = /_(ms|s|us|mb|kb|bytes)$/.exec(name)?.[1]
  const words = (unit === undefined ? name : name.slice(0, -unit.length - 1)).replaceAll('_', ' ')
  return unit === undefined ? words : `${words} (${{ us: 'µs', mb: 'MB', kb: 'KB' }[unit] ?? unit})`
}

function valueText(value: string | number | undefined): string {
  return typeof value === 'number' ? Number(value.toPrecision(3)).toLocaleString('en') : String(value)
}

/**
 * Put the table between its two comments.
 * @throws {Error} the document does not have them, each once and in order
 */
export function withTable(document: string, table: string): string {
  const begin = document.indexOf(tableBegin)
  const end = document.indexOf(tableEnd)
  if (begin < 0 || end < begin || document.lastIndexOf(tableBegin) !== begin || document.lastIndexOf(tableEnd) !== end)
    throw new Error(`the document does not have “${tableBegin}” and “${tableEnd}”, once each`)
  return `${document.slice(0, begin + tableBegin.length)}\n\n${table}\n\n${document.slice(end)}`
}
