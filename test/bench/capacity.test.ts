// test: soak, alone, seconds 90
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { within } from '../../bench/capacity/deviation.ts'

interface Answer {
  readonly rows: readonly {
    readonly what: string
    readonly predicted: number
    readonly measured?: number
    readonly outcome?: string
  }[]
}

t.test('capacity: an estimate up to 15 % off is within, one further off is not, none at all is not measured', async t => {
  t.equal(within('x', 115, 100).outcome, 'within 15 %')
  t.equal(within('x', 86, 100).outcome, 'within 15 %')
  t.equal(within('x', 116, 100).outcome, 'off')
  t.equal(within('x', 84, 100).outcome, 'off')
  for (const none of [undefined, Number.NaN, 0]) t.equal(within('x', 1, none).outcome, 'not measured')
})

t.test('capacity: three hosts with 20,000 pairs take on the disk what the estimate says, and memory of that order', async t => {
  const path = fileURLToPath(new URL('../../bench/capacity.js', import.meta.url))
  // Exit status 1 says that a row is off: heaps of so few pairs are mostly garbage, so here the rows are judged.
  const out = await new Promise<string>((resolve, reject) =>
    execFile(process.execPath, [path, '--quick', '--keys', '20000', '--json'], (error, output) =>
      output === '' ? reject(error ?? new Error('the bench said nothing')) : resolve(output)
    )
  )
  const { rows } = JSON.parse(out) as Answer
  const row = (what: string) => rows.find(each => each.what.startsWith(what))
  // Of so few pairs a good part of the table is pages that are free just now: the 15 % are for a million.
  t.ok(Math.abs(row('table')!.predicted / row('table')!.measured! - 1) < 0.25, JSON.stringify(row('table')))
  const memory = row('memory')
  if (memory?.outcome !== 'not measured') t.ok(Math.abs(memory!.predicted / memory!.measured! - 1) < 0.5, JSON.stringify(memory))
})
