import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { keyOfText, type Key } from '../../model/key.ts'
import { LmdbStore } from '../../storage/lmdb-store.ts'
import { frameRecord, recordHeaderBytes } from '../../storage/record.ts'
import type { TableWriterPort } from '../../storage/table-writer-protocol.ts'
import { openTableForWriting, tablePrefix } from '../../storage/table.ts'
import { Outcome, put, scanAll } from '../contract/store-harness.ts'
import { LmdbHarness } from './lmdb-harness.ts'

void t.test('while segments move from memory to the table, no read and no scan ever misses or goes back', async t => {
  const harness = new LmdbHarness({ segmentBytes: 3_000, sealAfterMs: 5 })
  t.teardown(() => harness.end())
  const store = await harness.open()
  const keys: Key[] = Array.from({ length: 40 }, (_, number) => keyOfText('b', `k${String(number).padStart(3, '0')}`))
  const newest = new Map<Key, number>()
  let missed = 0
  let reads = 0
  let round = 0
  let isOver = false
  const watch = (): void => {
    for (const [key, number] of newest) {
      const record = store.read(1, key)
      reads++
      if (record === undefined || Number.parseInt(Buffer.from(record).toString(), 10) !== number) missed++
    }
    if (reads % 7 === 0 && scanAll(store, 1, 9).length !== newest.size) missed++
    if (!isOver) setImmediate(watch)
  }
  watch()
  while (harness.writer!.figures().segments < 150) {
    round++
    const writes: Promise<Outcome>[] = []
    for (const [at, key] of keys.entries()) {
      if ((at + round) % 4 !== 0) continue
      const outcome = new Outcome()
      store.write(1, key, Buffer.from(`${round}:`.padEnd(150, '.')), at % 2 === 0 ? 'committed' : 'flushed', outcome)
      newest.set(key, round)
      writes.push(outcome.done)
    }
    for (const outcome of await Promise.all(writes)) if (outcome.fault !== undefined) throw new Error(outcome.fault.detail)
  }
  isOver = true
  await harness.settled(store)
  t.equal(missed, 0, `${reads} reads`)
  t.equal(await put(store, 2, keys[0]!, Buffer.from('end')), undefined)
})

void t.test(
  'a read that looked at the table just before the segment arrived there finds the pair when memory forgets it',
  async t => {
    const harness = new LmdbHarness()
    t.teardown(() => harness.end())
    await (await harness.open()).close()
    const table = openTableForWriting(harness.directory)
    type Told = Parameters<TableWriterPort['seal']>[2]
    let sealed: (told: Told) => void = () => {}
    const isSealed = new Promise<Told>(resolve => (sealed = resolve))
    const tableWriter: TableWriterPort = { seal: (_segment, _recycle, told) => sealed(told) }
    const store = LmdbStore.open({ directory: harness.directory, thread: 1, generation: 1, tableWriter, sealAfterMs: 5 })
    const key = keyOfText('b', 'moving')
    const record = Buffer.from('record')
    await put(store, 1, key, record)
    // The store's own timers do not keep a process alive.
    const alive = setInterval(() => {}, 1_000)
    const told = await isSealed
    clearInterval(alive)
    // In one turn, so that nothing else renews the view of the table.
    store.read(1, keyOfText('b', 'other'))
    const framed = Buffer.alloc(recordHeaderBytes + record.length)
    frameRecord(framed, 0, 1, key, record)
    table.putSync(tablePrefix(1) + key, framed)
    told(undefined, undefined)
    t.equal(store.figures().memoryTablePairs, 0)
    t.same(store.read(1, key), record)
    await store.close()
    await table.close()
  }
)

void t.test('log files: several are kept while writes go on; once everything is in the table, one is', async t => {
  const harness = new LmdbHarness({ segmentBytes: 2_000, sealAfterMs: 10 })
  t.teardown(() => harness.end())
  const store = await harness.open()
  const files = (): string[] => readdirSync(join(harness.directory, 'log'))
  const key = keyOfText('b', 'again')
  const put = (round: number): Promise<Outcome> => {
    const outcome = new Outcome()
    store.write(1, key, Buffer.from(`${round}:`.padEnd(900, '.')), 'flushed', outcome)
    return outcome.done
  }
  for (let round = 0, spares = 0; spares < 2; round++) {
    if (round > 2_000) throw new Error('no two files were kept to be written over')
    const outcomes = await Promise.all([put(round), put(round), put(round), put(round), put(round), put(round)])
    t.ok(outcomes.every(({ fault }) => fault === undefined))
    spares = Math.max(spares, files().filter(file => file.endsWith('.spare')).length)
  }
  await harness.settled(store)
  const isTrimmed = (): boolean => files().length === 1 && files()[0]!.endsWith('.spare')
  for (const untilMs = Date.now() + 5_000; !isTrimmed(); await new Promise(setImmediate))
    if (Date.now() > untilMs) throw new Error(`left over: ${files().join(' ')}`)
  t.equal((await put(-1)).fault, undefined)
  t.match(Buffer.from(store.read(1, key)!).toString(), /^-1:/, 'and it goes on')
})

for (const sync of ['commit', 'overlapping', 'data'] as const) {
  void t.test(
    `table synced by ${sync}: what was sealed is in the table before its segment goes, and a new start finds it`,
    async t => {
      const harness = new LmdbHarness({ segmentBytes: 2_000, sealAfterMs: 5, tableSync: sync }, undefined, {
        sync,
        commitBytesMax: 500
      })
      t.teardown(() => harness.end())
      const store = await harness.open()
      const keys = Array.from({ length: 60 }, (_, number) => keyOfText('b', `k${String(number).padStart(3, '0')}`))
      for (const key of keys) t.equal(await put(store, 1, key, Buffer.from(key.padEnd(150, '.'))), undefined)
      await harness.settled(store)
      await harness.kill()
      const again = await harness.open()
      t.equal(harness.report!.segments, 0)
      t.same(
        scanAll(again, 1, 100).map(([key]) => key),
        keys
      )
    }
  )
}
