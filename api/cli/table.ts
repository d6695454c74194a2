import type { TextSink } from './terminal.ts'
import { painted, printable } from './terminal.ts'

const borderless = Object.freeze({
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  '
})

/** Rows under headings, in columns, with a newline at the end. Cells are made safe for a screen; `paint` colours one afterwards. */
export async function tableOf(
  sink: TextSink,
  headings: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  paint: (cell: string, column: number) => string = cell => cell
): Promise<string> {
  const { default: Table } = await import('cli-table3')
  const table = new Table({
    head: headings.map(heading => painted(sink, 'bold', heading)),
    chars: borderless,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: headings.map((_, column) =>
      rows.length > 0 && rows.every(row => typeof row[column] === 'number') ? 'right' : 'left'
    )
  })
  for (const row of rows) table.push(row.map((cell, column) => paint(printable(String(cell)).replaceAll('\n', ' '), column)))
  const lines = table.toString().split('\n')
  return `${lines.map(line => line.trimEnd()).join('\n')}\n`
}
