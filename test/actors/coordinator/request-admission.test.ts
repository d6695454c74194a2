import t from 'tap'
import { BusyThread } from '../../simulation/busy-thread.ts'

const costs = { arrival: 0.001, answer: 0.001, read: 0.01, write: 0.01 }

function limited(rate: number): BusyThread {
  const thread = new BusyThread(costs)
  thread.tell({ kind: 'buckets', table: { b: { version: 1, writer: 'h1', properties: { rate } } } })
  return thread
}

t.test(
  'bucket rate: more requests than it allows → a second’s worth passes, then the rate; the rest hears rate_limited at once',
  async t => {
    const thread = limited(100)
    thread.load(1_000, 1_000, 4_000)
    thread.run(5_000)
    const passed = thread.asked.filter(each => ['got', 'written'].includes(each.answer))
    const refused = thread.asked.filter(each => each.answer === 'rate_limited')
    t.equal(passed.length + refused.length, thread.asked.length)
    t.ok(passed.length >= 399 && passed.length <= 401, `${passed.length} passed: 100 at once, and 100 in each of three seconds`)
    t.ok(refused.every(each => each.answeredMs - each.sentMs < 5))
  }
)

t.test('bucket rate: fewer requests than it allows, or none set → all pass', async t => {
  for (const thread of [limited(1_000), limited(0)]) {
    thread.load(500, 1_000, 3_000)
    thread.run(4_000)
    t.ok(thread.asked.every(each => ['got', 'written'].includes(each.answer)))
  }
})

t.test('bucket rate: taken back → all pass from then on', async t => {
  const thread = limited(1)
  thread.load(100, 1_000, 2_000)
  thread.run(2_000)
  thread.tell({ kind: 'buckets', table: { b: { version: 2, writer: 'h1', properties: { rate: 0 } } } })
  thread.load(100, 2_000, 3_000)
  thread.run(4_000)
  const late = thread.asked.filter(each => each.sentMs >= 2_010)
  t.ok(late.every(each => ['got', 'written'].includes(each.answer)))
})
