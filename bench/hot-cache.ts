import { zipfKeys } from '../api/bench/workload.ts'
import { keyOfText } from '../model/key.ts'
import { HotCache } from '../storage/hot-cache.ts'
import { ask } from './question.ts'

const recordBytes = 160
const partitions = 256

/* `node --expose-gc build/bench/hot-cache.js [--keys 100000] [--ms 100] [--json]`: records of 160 bytes, 256 partitions. */
await ask('What does the cache of hot values cost a get that hits, one that misses, and a write?', bench => {
  const count = bench.option('keys', 100_000)
  const keys = Array.from({ length: count }, (_, index) => keyOfText('default', `user:${index}:profile`))
  const partitionOf = (index: number): number => Math.imul(index, 0x9e3779b1) >>> 24
  /** As `LmdbStore` does it after a miss: room first, then the record is copied into it. */
  const read = (cache: HotCache, index: number): void => {
    const record = cache.allocate(recordBytes)
    record[0] = index
    cache.put(partitionOf(index) % partitions, keys[index]!, record)
  }
  const entry = recordBytes + 256
  const whole = new HotCache(count * entry * 12)
  for (let index = 0; index < count; index++) read(whole, index)
  if (whole.figures().pairs !== count) throw new Error(`${whole.figures().pairs} of ${count} pairs fit`)
  let found = 0
  const get = (cache: HotCache) => (operations: number) => {
    for (let at = 0; at < operations; at++) {
      const index = (at * 7919) % count
      if (cache.get(partitionOf(index), keys[index]!) !== undefined) found++
    }
  }
  bench.measure('get, hit', get(whole))
  const empty = new HotCache(0)
  bench.measure('get, miss', get(empty))
  const small = new HotCache((count / 10) * entry)
  let next = 0
  bench.measure('put of a new one, something has to go', operations => {
    for (let at = 0; at < operations; at++) read(small, (next = (next + 1) % count))
  })
  bench.measure('write: drop, and read again', operations => {
    for (let at = 0; at < operations; at++) {
      const index = (next = (next + 1) % count)
      whole.drop(partitionOf(index), keys[index]!)
      read(whole, index)
    }
  })
  for (const share of [0.01, 0.1, 0.5]) {
    const cache = new HotCache(count * share * entry)
    const draw = zipfKeys(count, 0.99, Math.random)
    const gets = (operations: number): void => {
      for (let at = 0; at < operations; at++) {
        const index = draw()
        if (cache.get(partitionOf(index), keys[index]!) === undefined) read(cache, index)
      }
    }
    gets(count * 5)
    const before = cache.figures()
    gets(count * 5)
    const { hits, misses } = cache.figures()
    bench.measure(`get, put where missing; zipf 0.99, room for ${share * 100} %`, gets, {
      hit_share: (hits - before.hits) / (hits + misses - before.hits - before.misses)
    })
  }
  if (found === 0) throw new Error('nothing was found')
})
