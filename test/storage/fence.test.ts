import t from 'tap'
import { keyOfText, type Key } from '../../model/key.ts'
import { openTableForWriting, tablePrefix, type Table } from '../../storage/table.ts'
import { Outcome, scanAll } from '../contract/store-harness.ts'
import { LmdbHarness } from './lmdb-harness.ts'

const partitions = 8
const recordBytes = 140
const pageBytes = 4_096
const keyAt = (number: number): Key => keyOfText('bench', `key-${String(number).padStart(8, '0')}`)

interface Shape {
  readonly entryCount: number
  readonly treeLeafPageCount: number
}

/** Pairs in the order of their keys, over all partitions by turns, in several segments. @returns the table's shape then */
async function fill(harness: LmdbHarness, pairs: number, from = 0): Promise<Shape> {
  const store = await harness.open()
  const steps = 10
  for (let step = 0; step < steps; step++) {
    const writes: Promise<Outcome>[] = []
    for (let number = (pairs / steps) * step; number < (pairs / steps) * (step + 1); number++) {
      const outcome = new Outcome()
      store.write(number % partitions, keyAt(from + number), Buffer.alloc(recordBytes, 1), 'committed', outcome)
      writes.push(outcome.done)
    }
    for (const outcome of await Promise.all(writes)) if (outcome.fault !== undefined) throw new Error(outcome.fault.detail)
    await harness.settled(store)
  }
  await store.close()
  await harness.writer!.close()
  harness.writer = undefined
  const table = openTableForWriting(harness.directory)
  const shape = shapeOf(table)
  await table.close()
  return shape
}

function shapeOf(table: Table): Shape {
  return table.getStats() as unknown as Shape
}

void t.test(
  'table: 16,000 pairs in the order of their keys, 8 partitions by turns → pages are full, and no scan shows a fence',
  async t => {
    const harness = new LmdbHarness({ sealAfterMs: 5 })
    t.teardown(() => harness.end())
    const pairs = 16_000
    const { entryCount, treeLeafPageCount } = await fill(harness, pairs)
    t.equal(entryCount, pairs + 2 * partitions + 1)
    // Of a pair: 8 bytes of node, 2 of its place, the key with its partition, the record with its frame.
    const bytesOfPairs = pairs * (10 + 2 + keyAt(0).length + recordBytes + 6)
    t.ok(treeLeafPageCount * pageBytes < bytesOfPairs * 1.15, `${treeLeafPageCount} leaf pages for ${bytesOfPairs} bytes`)
    const store = await harness.open()
    for (let partition = 0; partition < partitions; partition++) {
      const found = scanAll(store, partition, 100)
      t.equal(found.length, pairs / partitions)
      t.equal(store.scan(partition, found.at(-1)![0], 100).next, undefined)
    }
    t.same(scanAll(store, partitions, 100), [])
  }
)

void t.test('table: partitions that had pairs before there were fences → they get none, and new ones do', async t => {
  const harness = new LmdbHarness({ sealAfterMs: 5 })
  t.teardown(() => harness.end())
  await fill(harness, 80)
  const table = openTableForWriting(harness.directory)
  for (let partition = 1; partition < partitions; partition++)
    for (const name of ['0', '1']) await table.remove(`${tablePrefix(partition)}\xff${name}`)
  await table.close()
  const { entryCount } = await fill(harness, 80, 80)
  t.equal(entryCount, 160 + 2 + 1)
  const store = await harness.open()
  for (let partition = 0; partition < partitions; partition++) t.equal(scanAll(store, partition, 7).length, 160 / partitions)
})
