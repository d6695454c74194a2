import fc from 'fast-check'
import t from 'tap'
import { Lane, Mailbox } from '../../runtime/mailbox.ts'

t.test('mailbox: a lane is a first-in first-out queue that refuses beyond its limit, whatever is put and taken', t => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(fc.boolean(), { maxLength: 400 }), (limit, puts) => {
      const lane = new Lane(limit)
      const model: number[] = []
      for (const [i, put] of puts.entries()) {
        if (put) {
          const taken = lane.put({ i }, i, i + 0.5, i % 3 === 0 ? `trace ${i}` : undefined)
          if (taken !== model.length < limit) return false
          if (taken) model.push(i)
        } else {
          const expected = model.shift()
          if (lane.take() !== (expected !== undefined)) return false
          if (expected === undefined) continue
          const right =
            (lane.item as { i: number }).i === expected &&
            lane.correlation === expected &&
            lane.deadlineMs === expected + 0.5 &&
            lane.traceparent === (expected % 3 === 0 ? `trace ${expected}` : undefined)
          if (!right) return false
        }
        if (lane.length !== model.length) return false
      }
      return true
    })
  )
  t.end()
})

t.test('mailbox: control is taken first; a full data lane takes nothing from it', t => {
  const mailbox = new Mailbox(2, 2)
  t.ok(mailbox.data.put('d1', 0, 0, undefined))
  t.ok(mailbox.data.put('d2', 0, 0, undefined))
  t.notOk(mailbox.data.put('d3', 0, 0, undefined))
  t.ok(mailbox.control.put('c1', 0, 0, undefined))
  t.ok(mailbox.control.put('c2', 0, 0, undefined))
  t.equal(mailbox.length, 4)
  const order: unknown[] = []
  for (let lane = mailbox.take(); lane !== undefined; lane = mailbox.take()) order.push(lane.item)
  t.same(order, ['c1', 'c2', 'd1', 'd2'])
  t.end()
})

t.test('mailbox: with a lane for replies → they go before other data, and a full data lane takes nothing from them', t => {
  const mailbox = new Mailbox(2, 2, 3)
  for (const name of ['d1', 'd2']) t.ok(mailbox.data.put(name, 0, 0, undefined))
  t.notOk(mailbox.data.put('d3', 0, 0, undefined))
  for (const name of ['r1', 'r2', 'r3']) t.ok(mailbox.replies.put(name, 0, 0, undefined))
  t.notOk(mailbox.replies.put('r4', 0, 0, undefined))
  t.ok(mailbox.control.put('c1', 0, 0, undefined))
  t.equal(mailbox.length, 6)
  const order: unknown[] = []
  for (let lane = mailbox.take(); lane !== undefined; lane = mailbox.take()) order.push(lane.item)
  t.same(order, ['c1', 'r1', 'r2', 'r3', 'd1', 'd2'])
  t.equal(mailbox.length, 0)
  t.end()
})

t.test('mailbox: dropping tells whom to answer, and forgets everything', t => {
  const mailbox = new Mailbox(8, 8)
  const replyTo = { address: 'h.t.a', correlation: 3, incarnation: 1 } as never
  mailbox.data.put({ kind: 'ask', replyTo }, 0, 0, undefined)
  mailbox.data.put({ kind: 'tell' }, 0, 0, undefined)
  const asked: unknown[] = []
  mailbox.drop(ref => asked.push(ref))
  t.same(asked, [replyTo])
  t.equal(mailbox.length, 0)
  t.end()
})
