import fc from 'fast-check'
import t from 'tap'
import type { Key } from '../../model/key.ts'
import { HotCache } from '../../storage/hot-cache.ts'
import { LmdbHarness } from './lmdb-harness.ts'

const nothing = { settled() {} }
const key = (number: number): Key => `b\0${number}` as Key

function record(cache: HotCache, text: string): Uint8Array {
  const bytes = cache.allocate(text.length)
  bytes.latin1Write(text)
  return bytes
}

/** What the store does: from the table, through the cache. @returns whether the cache had it */
function readThrough(cache: HotCache, partition: number, name: Key, table: (name: Key) => string | undefined): boolean {
  const cached = cache.get(partition, name)
  const stored = table(name)
  if (cached !== undefined) {
    if (Buffer.from(cached).toString('latin1') !== stored)
      throw new Error(`${JSON.stringify(name)}: cached ${cached}, stored ${stored}`)
    return true
  }
  if (stored !== undefined) cache.put(partition, name, record(cache, stored))
  return false
}

type Step = { readonly kind: 'read' | 'write' | 'erase'; readonly partition: number; readonly key: number; readonly size: number }
const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('read' as const, 'read' as const, 'read' as const, 'write' as const, 'erase' as const),
  partition: fc.integer({ min: 0, max: 2 }),
  key: fc.integer({ min: 0, max: 30 }),
  size: fc.constantFrom(0, 1, 100, 1_000, 5_000)
})

t.test(
  'hot cache: any reads, writes and erasures → what it has is what the table has, and its bytes are within the budget',
  t => {
    fc.assert(
      fc.property(fc.constantFrom(0, 500, 10_000, 60_000), fc.array(step, { maxLength: 400 }), (bytesMax, steps) => {
        const cache = new HotCache(bytesMax)
        const tables = [new Map<Key, string>(), new Map<Key, string>(), new Map<Key, string>()]
        let writes = 0
        for (const { kind, partition, key: number, size } of steps) {
          const table = tables[partition]!
          if (kind === 'read') readThrough(cache, partition, key(number), name => table.get(name))
          else {
            cache.drop(partition, key(number))
            if (kind === 'write') table.set(key(number), `${++writes}`.padEnd(size, '.'))
            else table.delete(key(number))
          }
          if (cache.figures().bytes > bytesMax) return false
        }
        return true
      })
    )
    t.end()
  }
)

t.test('hot cache: keys that are read again and again → a run through many keys that are read once leaves them in', t => {
  const cache = new HotCache(1_000_000)
  const stored = (name: Key): string => `value of ${name}`
  for (let round = 0; round < 6; round++) for (let hot = 0; hot < 200; hot++) readThrough(cache, 0, key(hot), stored)
  for (let cold = 1_000; cold < 101_000; cold++) readThrough(cache, 0, key(cold), stored)
  let had = 0
  for (let hot = 0; hot < 200; hot++) if (readThrough(cache, 0, key(hot), stored)) had++
  t.equal(had, 200)
  t.ok(cache.figures().pairs > 200)
  t.end()
})

t.test('hot cache: reads by Zipf’s law, room for a tenth of the keys → more than half of them hit', t => {
  const keys = 20_000
  const cache = new HotCache((keys / 10) * 300)
  const stored = (name: Key): string => name.padEnd(40, '.')
  let seed = 7
  const random = (): number => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32
  // exponent 1, by inversion of the integral
  const draw = (): number => Math.floor(Math.exp(random() * Math.log(keys)))
  let had = 0
  for (let read = 0; read < 100_000; read++) if (readThrough(cache, 0, key(draw()), stored) && read >= 50_000) had++
  t.ok(had > 30_000, `${had} of 50,000`)
  t.end()
})

t.test(
  'lmdb store with a hot cache: pairs written, moved to the table, read twice, written anew → never an older record',
  async t => {
    const harness = new LmdbHarness({
      hotCacheBytes: 20_000,
      segmentBytes: 4_096,
      batchBytesMax: 2_048,
      sealAfterMs: 5,
      lazyFlushMs: 5
    })
    t.teardown(() => harness.end())
    const store = await harness.open()
    const model = new Map<Key, string>()
    let seed = 3
    const random = (below: number): number => ((seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 8) % below
    const check = (name: Key): void => {
      const found = store.read(0, name)
      const text = found === undefined ? undefined : Buffer.from(found).toString('latin1')
      if (text !== model.get(name)) throw new Error(`${JSON.stringify(name)}: read ${text}, written ${model.get(name)}`)
    }
    for (let round = 0; round < 40; round++) {
      for (let write = 0; write < 10; write++) {
        const name = key(random(60))
        if (random(5) === 0) {
          store.erase(0, name, nothing)
          model.delete(name)
        } else {
          const text = `${round}/${write}`.padEnd(100, '.')
          store.write(0, name, Buffer.from(text, 'latin1'), 'committed', nothing)
          model.set(name, text)
        }
        for (let read = 0; read < 10; read++) check(key(random(60)))
      }
      if (round % 4 === 3) await harness.settled(store)
      for (let number = 0; number < 60; number++) check(key(number))
    }
    const { hits, misses, pairs, bytes } = store.cacheFigures()
    t.ok(hits > 100 && misses > 0 && pairs > 0, `${hits} hits, ${misses} misses, ${pairs} pairs`)
    t.ok(bytes <= 20_000)
  }
)

t.test('lmdb store with a hot cache: a corrupt record → refused each time, never cached', async t => {
  const harness = new LmdbHarness({ hotCacheBytes: 1_000_000, sealAfterMs: 5 })
  t.teardown(() => harness.end())
  let store = await harness.open()
  store.write(0, key(1), Buffer.from('once it was whole'), 'flushed', nothing)
  await harness.settled(store)
  await store.close()
  await harness.corrupt(0, key(1))
  store = await harness.open()
  for (let read = 0; read < 3; read++) t.throws(() => store.read(0, key(1)), { name: 'CorruptRecord' })
  t.equal(store.cacheFigures().pairs, 0)
  t.equal(store.figures().corruptRecords, 3)
})
