import fc from 'fast-check'
import t from 'tap'
import { QueueWait } from '../../model/queue-wait.ts'

t.test('queue wait: nothing under way → no wait; the oldest mark under way tells it', async t => {
  const wait = new QueueWait(4)
  t.equal(wait.waitedMs(50), 0)
  wait.put(10)
  wait.put(20)
  t.equal(wait.waitedMs(50), 40)
  wait.came(10)
  t.equal(wait.waitedMs(50), 30)
  wait.came(20)
  t.equal(wait.waitedMs(50), 0)
})

t.test('queue wait: a mark that was lost is passed over with the next one that comes', async t => {
  const wait = new QueueWait(4)
  for (const at of [10, 20, 30]) wait.put(at)
  wait.came(20)
  t.equal(wait.underWay, 1)
  t.equal(wait.waitedMs(50), 20)
})

t.test('queue wait: as many marks under way as there may be → no more are wanted, and another one is an error', async t => {
  const wait = new QueueWait(2)
  wait.put(1)
  t.ok(wait.wantsMark)
  wait.put(2)
  t.notOk(wait.wantsMark)
  t.throws(() => wait.put(3), RangeError)
  wait.came(1)
  t.ok(wait.wantsMark)
})

t.test('property: what it says is never more than the truth, and less by the time between two marks at most', async () => {
  const everyMs = 10
  // Each step: so many come in, so many are handled.
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 })), { maxLength: 100 })
  fc.assert(
    fc.property(steps, steps => {
      const wait = new QueueWait(256)
      const queue: { readonly cameMs: number; readonly isMark: boolean }[] = []
      for (const [step, [coming, handled]] of steps.entries()) {
        const nowMs = step * everyMs
        for (let count = 0; count < coming; count++) queue.push({ cameMs: nowMs, isMark: false })
        wait.put(nowMs)
        queue.push({ cameMs: nowMs, isMark: true })
        for (let count = 0; count < handled; count++) {
          const head = queue.shift()
          if (head === undefined) break
          if (head.isMark) wait.came(head.cameMs)
          else {
            const truth = nowMs - head.cameMs
            const said = wait.waitedMs(nowMs)
            if (said > truth || said < truth - everyMs) return false
          }
        }
      }
      return true
    })
  )
})
