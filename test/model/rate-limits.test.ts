import fc from 'fast-check'
import t from 'tap'
import { RateLimits } from '../../model/rate-limits.ts'
import { TokenBucket } from '../../model/token-bucket.ts'

t.test('token bucket: a burst passes, then one every so often, and it says when', async t => {
  const bucket = new TokenBucket(10, 3, 0)
  t.same(
    [0, 0, 0, 0].map(nowMs => bucket.take(nowMs)),
    [0, 0, 0, 100]
  )
  t.equal(bucket.take(60), 40)
  t.equal(bucket.take(100), 0)
  t.equal(bucket.take(100), 100)
  t.notOk(bucket.isFull(300))
  t.ok(bucket.isFull(400))
})

t.test('token bucket: no rate at all, or a burst of less than one request, is an error', async t => {
  t.throws(() => new TokenBucket(0, 1, 0), RangeError)
  t.throws(() => new TokenBucket(1, 0.5, 0), RangeError)
})

t.test('property: in no time more pass than the burst and the rate allow; who waits as told passes', async () => {
  const rate = fc.integer({ min: 1, max: 50_000 }).map(number => number / 8)
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 300 })
  fc.assert(
    fc.property(rate, fc.integer({ min: 1, max: 50 }), gaps, (perSecond, burst, gaps) => {
      const bucket = new TokenBucket(perSecond, burst, 0)
      const passed: number[] = []
      let nowMs = 0
      for (const gap of gaps) {
        nowMs += gap
        let waitMs = bucket.take(nowMs)
        if (waitMs > 0 && gap % 2 === 0) {
          nowMs += waitMs
          waitMs = bucket.take(nowMs)
          if (waitMs > 0) return false
        }
        if (waitMs === 0) passed.push(nowMs)
      }
      return passed.every((from, index) =>
        passed.slice(index).every((to, more) => more + 1 <= burst + ((to - from) * perSecond) / 1000 + 0.001)
      )
    })
  )
})

t.test('rate limits: each name has its own; a name that was quiet is forgotten', async t => {
  const limits = new RateLimits(2)
  t.equal(limits.take('a', 1, 0), 0)
  t.equal(limits.take('a', 1, 0), 1_000)
  t.equal(limits.take('b', 1, 0), 0)
  t.equal(limits.size, 2)
  t.equal(limits.take('c', 1, 5_000), 0, 'a and b are full again, and make room')
  t.equal(limits.size, 1)
})

t.test('rate limits: more busy names than it tells apart → the further ones share one', async t => {
  const limits = new RateLimits(1)
  t.equal(limits.take('a', 1, 0), 0)
  t.equal(limits.take('b', 1, 0), 0)
  t.equal(limits.take('c', 1, 0), 1_000, 'b took what there was')
  t.equal(limits.size, 1)
})

t.test('rate limits: a limit that was changed holds at once', async t => {
  const limits = new RateLimits(4)
  t.equal(limits.take('a', 1, 0), 0)
  t.ok(limits.take('a', 1, 0) > 0)
  t.equal(limits.take('a', 1_000, 0), 0)
})
