import t from 'tap'
import { type Asked, BusyThread } from './busy-thread.ts'

/** A put takes about 1 ms of the thread, a get half of that, and refusing one a hundredth: 1,400 requests a second. */
const costs = { arrival: 0.005, answer: 0.005, read: 0.45, write: 0.5 }
const timeoutMs = 2_000

const succeeded = (asked: Asked): boolean => ['got', 'written', 'stored'].includes(asked.answer)
const tookMs = (asked: Asked): number => asked.answeredMs - asked.sentMs

/** Requests answered well in each second of the time. */
function goodput(asked: readonly Asked[], fromMs: number, toMs: number): number {
  const answered = asked.filter(each => succeeded(each) && each.answeredMs >= fromMs && each.answeredMs < toMs)
  return (answered.length * 1_000) / (toMs - fromMs)
}

const peak = Math.max(
  ...[1_200, 1_350, 1_500].map(perSecond => {
    const thread = new BusyThread(costs)
    thread.load(perSecond, 100, 3_100)
    thread.run(3_100)
    return goodput(thread.asked, 1_100, 3_100)
  })
)

for (const [name, times] of [
  ['three times', 3],
  ['ten times', 10]
] as const) {
  t.test(`I24: an open loop at ${name} the capacity → the excess is refused fast, goodput stays, and it recovers`, async t => {
    const thread = new BusyThread(costs)
    const endMs = 5_100
    thread.load(peak * times, 100, endMs)
    thread.run(endMs)
    const { asked } = thread
    const steady = asked.filter(each => each.sentMs >= 1_100 && each.sentMs < endMs - 1_000)
    const refused = steady.filter(each => each.answer === 'overloaded')
    const done = steady.filter(succeeded)
    t.equal(refused.length + done.length, steady.length, 'each has an answer, and none but these two')
    t.ok(refused.length > 0 && done.length > 0)
    t.ok(Math.max(...refused.map(tookMs)) < timeoutMs / 4, `refused after ${Math.max(...refused.map(tookMs))} ms at most`)
    t.ok(Math.max(...done.map(tookMs)) < timeoutMs / 2, `done after ${Math.max(...done.map(tookMs))} ms at most`)
    const good = goodput(asked, 1_100, endMs)
    t.ok(good >= 0.8 * peak, `goodput ${good} of ${peak} a second`)
    t.comment(
      `peak ${peak}, goodput ${good}, refused within ${Math.max(...refused.map(tookMs))} ms, ` +
        `served within ${Math.max(...done.map(tookMs))} ms, mailbox ${thread.mailboxMost}`
    )

    thread.load(peak / 2, endMs + 500, endMs + 2_500)
    thread.run(endMs + 4_500)
    const after = asked.filter(each => each.sentMs >= endMs + 500)
    t.ok(after.every(succeeded), 'half a second after the load has ended all is well')
    t.ok(asked.every(each => each.answer !== '' || each.sentMs < 1_100))
    t.same(thread.crashes, [])
  })
}

t.test(
  'I24: as many requests at once as the mailbox holds, and more → the excess is refused, no write is of unknown fate',
  async t => {
    const thread = new BusyThread({ arrival: 0.0005, answer: 0.0005, read: 0.045, write: 0.05 })
    thread.load(5_000_000, 100, 110)
    thread.run(5_000)
    const { asked } = thread
    t.ok(thread.mailboxMost > 32_000, `the mailbox held ${thread.mailboxMost}`)
    const answers = [...new Set(asked.map(each => each.answer))].sort()
    t.same(answers, ['got', 'overloaded', 'written'])
    const written = asked.filter(each => each.answer === 'written')
    t.comment(
      `${asked.length} requests, ${asked.filter(succeeded).length} served, within ${Math.max(...asked.filter(succeeded).map(tookMs))} ms; ` +
        `puts within ${Math.max(...written.map(tookMs))} ms`
    )
  }
)

t.test('I24: overloaded by clients → what other hosts ask of the replicas here is done all the same, and soon', async t => {
  const thread = new BusyThread(costs)
  thread.load(5_000, 100, 4_100)
  thread.replicates(100, 1_100, 4_100)
  thread.run(7_000)
  const replicates = thread.asked.filter(each => each.kind === 'replicate')
  t.ok(replicates.every(succeeded))
  t.ok(Math.max(...replicates.map(tookMs)) < 200)
})

t.test('a burst of two hundred requests at once → waits, and all of them are served', async t => {
  const thread = new BusyThread(costs)
  thread.load(1_000_000, 100, 100.2)
  thread.run(3_000)
  t.equal(thread.asked.length, 200)
  t.ok(thread.asked.every(succeeded))
})

t.test(
  'I24: a peer is frozen → requests that the others answer are served, however many wait for its answer besides',
  async t => {
    const thread = new BusyThread({ arrival: 0.001, answer: 0.001, read: 0.005, write: 0.005 }, 'frozen')
    thread.load(20_000, 100, 2_600)
    thread.run(2_600)
    thread.run(5_000)
    t.same([...new Set(thread.asked.map(each => each.answer))].sort(), ['got', 'written'])
    t.ok(Math.max(...thread.asked.map(tookMs)) < 100)
  }
)
