import t from 'tap'
import { blockRow, namedRow, seatRows } from '../../model/seat-rows.ts'

t.test('rows: each is a shuffled row of equal steps between 0 and 1', async t => {
  for (const row of [...seatRows(64, 3, 7, 40), namedRow(64, 9)]) {
    const steps = [...row].sort((a, b) => a - b).map(score => Math.floor(score * 64))
    t.same(
      steps,
      steps.map((_, at) => at)
    )
    t.ok(row.every(score => score > 0 && score < 1))
  }
})

t.test('rows: row k is the same however many there are, and another for another seed', async t => {
  const few = seatRows(128, 3, 7, 5)
  const many = seatRows(128, 3, 7, 30)
  t.same(few, many.slice(0, 5))
  t.notSame(seatRows(128, 3, 8, 5), few)
})

t.test(
  'rows: the lowest 3 of the first n rows take each row nearly alike, for every n from 3 to 80, long before any cap',
  async t => {
    const rows = seatRows(1024, 3, 1, 80)
    for (let n = 3; n <= 80; n++) {
      const loads = new Array<number>(n).fill(0)
      for (let partition = 0; partition < 1024; partition++) {
        const order = Array.from({ length: n }, (_, at) => at).sort((a, b) => rows[a]![partition]! - rows[b]![partition]!)
        for (const winner of order.slice(0, 3)) loads[winner]!++
      }
      const most = Math.max(...loads) / ((3 * 1024) / n)
      if (most > 1.2) t.fail(`${n} rows: the fullest wins ${most} × its share`)
    }
  }
)

t.test('rows: of several rows a host has the lowest score, as the chance that it comes to', async t => {
  const rows = seatRows(512, 3, 7, 6)
  t.equal(blockRow(rows.slice(2, 3)), rows[2])
  const block = blockRow(rows.slice(1, 5))
  for (let partition = 0; partition < 512; partition++) {
    const lowest = Math.min(...rows.slice(1, 5).map(row => row[partition]!))
    t.ok(Math.abs(block[partition]! - (1 - (1 - lowest) ** 4)) < 1e-9 && block[partition]! < 1)
  }
  t.throws(() => blockRow([]), RangeError)
})
