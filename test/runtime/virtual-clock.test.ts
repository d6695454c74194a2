import fc from 'fast-check'
import t from 'tap'
import { SeededRandom } from '../../runtime/random.ts'
import { VirtualClock } from '../../runtime/virtual-clock.ts'

t.test(
  'virtual clock: events happen by time, then in the order of scheduling; cancelled ones do not, whatever is scheduled',
  t => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ delay: fc.integer({ min: 0, max: 9 }), cancel: fc.boolean(), nested: fc.boolean() }), {
          maxLength: 80
        }),
        events => {
          const clock = new VirtualClock()
          const happened: [number, number][] = []
          let sequence = 0
          const schedule = (delay: number, nested: boolean): { cancel(): void } => {
            const mine = sequence++
            const at = clock.now() + delay
            return clock.after(delay, () => {
              if (clock.now() !== at) throw new Error('at the wrong time')
              happened.push([at, mine])
              if (nested) schedule(delay % 3, false)
            })
          }
          let cancelled = 0
          for (const { delay, cancel, nested } of events) {
            const handle = schedule(delay, nested)
            if (cancel) {
              handle.cancel()
              cancelled += 1
            }
          }
          clock.run(100)
          const sorted = happened.toSorted(([a, i], [b, j]) => a - b || i - j)
          return (
            JSON.stringify(sorted) === JSON.stringify(happened) &&
            happened.length === sequence - cancelled &&
            clock.now() === 100 &&
            clock.waiting === 0
          )
        }
      )
    )
    t.end()
  }
)

t.test('virtual clock: a paused host holds its events back, in order; an ended one loses them; others go on', t => {
  const clock = new VirtualClock()
  const log: string[] = []
  const [a, b, c] = ['a', 'b', 'c'].map(name => clock.host(name))
  for (const host of [a!, b!, c!]) {
    for (const delay of [10, 20]) host.after(delay, () => log.push(`${host.name}${delay}@${clock.now()}`))
  }
  a!.pause()
  b!.end()
  clock.run(30)
  t.same(log, ['c10@10', 'c20@20'])
  t.ok(a!.paused)
  a!.resume()
  clock.run(31)
  t.same(log.slice(2), ['a10@30', 'a20@30'])
  t.end()
})

t.test('virtual clock: each host has its own wall time; monotonic time is common', t => {
  const clock = new VirtualClock(1_000_000)
  const ahead = clock.host('ahead', 3_600_000)
  const right = clock.host('right')
  clock.run(500)
  t.equal(right.wallMs(), 1_000_500)
  t.equal(ahead.wallMs(), 4_600_500)
  ahead.wallOffsetMs = -3_600_000
  t.equal(ahead.wallMs(), -2_599_500)
  t.equal(ahead.now(), right.now())
  t.end()
})

t.test('virtual clock: run(until) stops before later events; a bound stops a program that never rests', t => {
  const clock = new VirtualClock()
  let late = false
  clock.after(11, () => (late = true))
  t.equal(clock.run(10), 0)
  t.equal(clock.now(), 10)
  t.notOk(late)
  const forever = (): void => clock.defer(forever)
  forever()
  t.equal(clock.run(10, 1_000), 1_000)
  t.throws(() => clock.after(Number.NaN, forever), RangeError)
  t.end()
})

t.test('random: the same seed gives the same stream; a fork depends on seed and name alone', t => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.string(), (seed, name) => {
      const a = new SeededRandom(seed)
      const b = new SeededRandom(seed)
      for (let i = 0; i < 10; i += 1) {
        const x = a.next()
        if (x !== b.next() || x < 0 || x >= 1) return false
      }
      return (
        a.fork(name).next() === new SeededRandom(seed).fork(name).next() &&
        a.fork(`${name}x`).next() !== a.fork(`${name}y`).next()
      )
    })
  )
  const random = new SeededRandom(42)
  const counts = new Array<number>(10).fill(0)
  for (let i = 0; i < 100_000; i += 1) counts[random.below(10)]! += 1
  t.ok(
    counts.every(count => Math.abs(count - 10_000) < 500),
    `even: ${counts.join(' ')}`
  )
  t.throws(() => new SeededRandom(-1), RangeError)
  t.end()
})
