import fc from 'fast-check'
import t from 'tap'
import { hash32 } from '../../model/hash.ts'
import { HotKeys } from '../../model/hot-keys.ts'

const hashOf = (key: number): number => hash32(Buffer.from(`user:${key}`), 0)

t.test('hot keys: a key that was never read → 0; each read of it → one more', async t => {
  const sketch = new HotKeys()
  t.equal(sketch.readsOf(hashOf(1)), 0)
  t.equal(sketch.note(hashOf(1)), 1)
  t.equal(sketch.note(hashOf(1)), 2)
  t.equal(sketch.readsOf(hashOf(1)), 2)
  t.equal(sketch.readsOf(hashOf(2)), 0)
})

t.test('hot keys: a key read at an even pace → between half of its reads in a second and all of them', async t => {
  const sketch = new HotKeys()
  sketch.age(0)
  const seen: number[] = []
  for (let ms = 1; ms <= 10_000; ms++) {
    sketch.age(ms)
    const reads = sketch.note(hashOf(7))
    if (ms > 5_000) seen.push(reads)
  }
  t.ok(Math.min(...seen) >= 495, `${Math.min(...seen)}`)
  t.ok(Math.max(...seen) <= 1_000, `${Math.max(...seen)}`)
})

t.test('hot keys: half a second → all counters are halved; long silence → nothing is left of the largest', async t => {
  const sketch = new HotKeys()
  t.equal(sketch.age(1_000), 0, 'the first look begins the time')
  for (let read = 0; read < 101; read++) sketch.note(hashOf(1))
  t.equal(sketch.age(1_499), 0)
  t.equal(sketch.readsOf(hashOf(1)), 101)
  t.equal(sketch.age(1_500), 500)
  t.equal(sketch.readsOf(hashOf(1)), 50)
  t.equal(sketch.age(2_600), 1_000, 'two at once')
  t.equal(sketch.readsOf(hashOf(1)), 12)
  sketch.age(600_000)
  t.equal(sketch.readsOf(hashOf(1)), 0)
})

t.test('property: never fewer than the reads there were, halved as often as the sketch was, whatever else is read', async () => {
  const step = fc.oneof(
    { weight: 9, arbitrary: fc.record({ key: fc.integer({ min: 0, max: 20_000 }), times: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 1, arbitrary: fc.constant('age' as const) }
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), steps => {
      const sketch = new HotKeys()
      const truth = new Map<number, number>()
      let nowMs = 0
      sketch.age(nowMs)
      for (const each of steps) {
        if (each === 'age') {
          sketch.age((nowMs += 500))
          for (const [key, reads] of truth) truth.set(key, Math.floor(reads / 2))
          continue
        }
        for (let time = 0; time < each.times; time++) {
          truth.set(each.key, (truth.get(each.key) ?? 0) + 1)
          if (sketch.note(hashOf(each.key)) < truth.get(each.key)!) return false
        }
      }
      return [...truth].every(([key, reads]) => sketch.readsOf(hashOf(key)) >= reads)
    }),
    { numRuns: 200 }
  )
})

t.test(
  'property: fifty thousand reads of as many keys → no key that is read once seems to be read as often as a hot one',
  async () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), seed => {
        const sketch = new HotKeys()
        for (let key = 0; key < 50_000; key++) sketch.note(hashOf(seed + key))
        for (let key = 0; key < 50_000; key++) if (sketch.readsOf(hashOf(seed + key)) >= 64) return false
        return true
      }),
      { numRuns: 3 }
    )
  }
)
