import { stringify } from 'yaml'

const slowestShown = 5
const slowSeconds = 1

/** The line of a file that has ended. */
export function fileLine({ name, tally, seconds }) {
  const mark = tally.failed > 0 ? 'FAIL' : 'ok  '
  const counts = [count(tally.passed, 'passed'), count(tally.failed, 'failed'), count(tally.skipped, 'skipped')]
    .filter(Boolean)
    .join(', ')
  return `${mark} ${name}  ${counts}  ${seconds.toFixed(1)} s`
}

/** What failed in a file, in full: printed as the file ends, so that a run that is cut short has told it. */
export function failureReport({ name, tally }) {
  const parts = []
  for (const failure of tally.failures) {
    parts.push(`\n✗ ${heading(name, failure)}`)
    if (!failure.name.endsWith(failure.message)) parts.push(indent(failure.message))
    if (failure.diagnosis !== undefined) parts.push(indent(describe(failure.diagnosis)))
    if (failure.output !== undefined) parts.push(indent(`output:\n${indent(failure.output.trimEnd())}`))
  }
  return `${parts.join('\n')}\n`
}

/** What failed in all files, a line each. */
export function failureList(results) {
  const lines = results.flatMap(({ name, tally }) => tally.failures.map(failure => `  ✗ ${heading(name, failure)}`))
  return `\nFailed, told in full above:\n${lines.join('\n')}`
}

/** The slowest files, where any took over a second. */
export function slowestReport(results) {
  const slow = results.filter(result => result.seconds > slowSeconds).sort((a, b) => b.seconds - a.seconds)
  if (slow.length === 0) return ''
  return `\nSlowest files:\n${slow
    .slice(0, slowestShown)
    .map(result => `  ${result.seconds.toFixed(1).padStart(6)} s  ${result.name}`)
    .join('\n')}`
}

/** The last line: `N passed, N failed`, and `, N skipped` where any were. */
export function summaryLine(results) {
  const sum = field => results.reduce((total, result) => total + result.tally[field], 0)
  const skipped = sum('skipped')
  return `${sum('passed')} passed, ${sum('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

/** tap's diagnosis without what repeats the name; multi-line texts stand as they are. */
function describe(diagnosis) {
  const lines = []
  for (const [field, value] of Object.entries(diagnosis)) {
    if (field === 'at' && typeof value === 'object' && value !== null)
      lines.push(`at: ${value.fileName}:${value.lineNumber}:${value.columnNumber}`)
    else if (typeof value === 'string' && value.includes('\n')) lines.push(`${field}:\n${indent(value.trimEnd())}`)
    else lines.push(stringify({ [field]: value }).trimEnd())
  }
  return lines.join('\n')
}

function heading(file, failure) {
  return failure.name === '' ? file : `${file} › ${failure.name}`
}

function count(number, word) {
  return number > 0 ? `${number} ${word}` : ''
}

function indent(text) {
  return text.replace(/^(?=.)/gm, '    ')
}
