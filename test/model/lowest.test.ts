import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { sortLowest } from '../../model/lowest.ts'

function lowestOf(numbers: readonly number[], count: number): { readonly front: number[]; readonly all: number[] } {
  const sorted = Float64Array.from(numbers)
  sortLowest(sorted, count)
  return { front: [...sorted.subarray(0, count)], all: [...sorted] }
}

const byValue = (a: number, b: number): number => a - b

t.test('the lowest of any numbers → first, as a sort has them, and all are there still', async t => {
  const few = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 600, size: 'max' })
  const many = fc.array(fc.double({ noNaN: true, min: 1e-300, max: 1e6 }), { maxLength: 600, size: 'max' })
  fc.assert(
    fc.property(fc.oneof(few, many), fc.double({ min: 0, max: 1, noNaN: true }), (numbers, share) => {
      const count = Math.round(numbers.length * share)
      const sorted = [...Float64Array.from(numbers).sort()]
      const { front, all } = lowestOf(numbers, count)
      assert.deepEqual(front, sorted.slice(0, count))
      assert.deepEqual(all.sort(byValue), sorted.sort(byValue))
    })
  )
  t.pass('holds')
})

t.test('numbers in order, in reverse, all alike, two kinds → the same', async t => {
  const length = 1_000
  const rows = {
    ascending: Array.from({ length }, (_, at) => at),
    descending: Array.from({ length }, (_, at) => length - at),
    alike: new Array<number>(length).fill(7),
    two: Array.from({ length }, (_, at) => at % 2),
    lastHighest: Array.from({ length }, (_, at) => (at === length - 1 ? 1 : 0))
  }
  for (const [name, numbers] of Object.entries(rows)) {
    const sorted = [...numbers].sort(byValue)
    for (const count of [0, 1, 63, 64, 65, 500, 999, 1_000])
      t.same(lowestOf(numbers, count).front, sorted.slice(0, count), `${count} of ${name}`)
  }
})
