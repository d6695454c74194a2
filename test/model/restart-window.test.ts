import fc from 'fast-check'
import t from 'tap'
import { backoffMs, restartWindow } from '../../model/restart-window.ts'

t.test('I21 restart window: intensity 3 in 5 s, the fourth restart within 5 s escalates, as in OTP', async t => {
  const window = restartWindow(3, 5000)
  t.same(
    [0, 1000, 2000, 5000].map(at => window.record(at)),
    ['restart', 'restart', 'restart', 'escalate'],
    'one that is exactly a period old counts'
  )
  const spread = restartWindow(3, 5000)
  t.same(
    [0, 1000, 2000, 5001, 6001, 7002].map(at => spread.record(at)),
    ['restart', 'restart', 'restart', 'restart', 'restart', 'restart']
  )
})

t.test('I21 restart window: intensity 0 escalates at the first restart, intensity 1 at the second', async t => {
  t.equal(restartWindow(0, 1000).record(0), 'escalate')
  const one = restartWindow(1, 1000)
  t.equal(one.record(0), 'restart')
  t.equal(one.record(1), 'escalate')
  t.equal(one.restartsWithin(1), 2)
  t.equal(one.restartsWithin(1002), 0)
})

t.test('I21 restart window: any intensity, period and times: what a list of all restarts says', async () => {
  fc.assert(
    fc.property(
      fc.nat(4),
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat(30), { maxLength: 40 }),
      (intensity, periodMs, steps) => {
        const window = restartWindow(intensity, periodMs)
        const all: number[] = []
        let nowMs = 0
        return steps.every(step => {
          nowMs += step
          all.push(nowMs)
          const within = all.filter(at => at >= nowMs - periodMs).length
          return (
            window.record(nowMs) === (within > intensity ? 'escalate' : 'restart') &&
            window.restartsWithin(nowMs) === Math.min(within, intensity + 1)
          )
        })
      }
    ),
    { numRuns: 3000 }
  )
})

t.test('restart window: an intensity or period that is none → RangeError', async t => {
  t.throws(() => restartWindow(-1, 1000), RangeError)
  t.throws(() => restartWindow(1.5, 1000), RangeError)
  t.throws(() => restartWindow(1, 0), RangeError)
  t.throws(() => restartWindow(1, Infinity), RangeError)
})

t.test('backoff: at once, then doubling from the base, never above the most', async t => {
  const options = { baseMs: 100, maxMs: 1000 }
  t.same(
    [0, 1, 2, 3, 4, 5, 6, 7, 5000].map(restarts => backoffMs(restarts, options)),
    [0, 0, 100, 200, 400, 800, 1000, 1000, 1000]
  )
})
