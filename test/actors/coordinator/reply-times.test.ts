import fc from 'fast-check'
import t from 'tap'
import { ReplyTimes } from '../../../actors/coordinator/reply-times.ts'
import { SeededRandom } from '../../../runtime/random.ts'

function after(replies: number, usualMs: number, draw: (random: SeededRandom) => number): ReplyTimes {
  const times = new ReplyTimes(usualMs)
  const random = new SeededRandom(7)
  for (let reply = 0; reply < replies; reply++) times.record(draw(random))
  return times
}

t.test('evenly spread replies of 0 to 200 ms → it rests near 190 ms, from whichever side it begins', async t => {
  for (const usualMs of [20, 190, 480]) {
    const sums = { hedge: 0 }
    const times = new ReplyTimes(usualMs)
    const random = new SeededRandom(7)
    for (let reply = 0; reply < 20_000; reply++) {
      times.record(random.next() * 200)
      if (reply >= 10_000) sums.hedge += times.hedgeMs
    }
    const mean = sums.hedge / 10_000
    t.ok(mean > 175 && mean < 205, `from ${usualMs} ms: ${mean.toFixed(1)} ms`)
  }
})

t.test('one reply in twenty is late: about so many reads ask a further replica', async t => {
  const times = new ReplyTimes(50)
  const random = new SeededRandom(3)
  let late = 0
  for (let reply = 0; reply < 40_000; reply++) {
    const tookMs = 15 - 20 * Math.log(1 - random.next())
    if (tookMs > times.hedgeMs) late++
    times.record(tookMs)
  }
  t.ok(late / 40_000 > 0.04 && late / 40_000 < 0.06, `${late} of 40000`)
})

t.test('replies of a fraction of a millisecond → never below 10 ms; replies of a minute → never above 500 ms', async t => {
  t.equal(after(10_000, 50, () => 0.2).hedgeMs, 10)
  t.equal(after(1_000, 50, () => 60_000).hedgeMs, 500)
})

t.test('after a long quick time a slow one is noticed within 200 replies', async t => {
  const times = after(100_000, 50, () => 0.2)
  for (let reply = 0; reply < 200; reply++) times.record(400)
  t.ok(times.hedgeMs > 300, `${times.hedgeMs} ms`)
})

t.test('whatever the replies take, the hedge stays between 10 and 500 ms', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.array(fc.double({ min: 0, max: 1e6, noNaN: true })), (usualMs, replies) => {
      const times = new ReplyTimes(usualMs)
      for (const tookMs of replies) times.record(tookMs)
      return times.hedgeMs >= 10 && times.hedgeMs <= 500
    })
  )
})
