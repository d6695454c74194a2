import t, { type Test } from 'tap'
import { addressOf, type Envelope, type Message, type Receiver, type ThreadAddress, threadAddressOf } from '../../bus/bus.ts'
import { PortBus, PortExchange, portUnconfirmedMax } from '../../runtime/port-bus.ts'
import { until } from './until.ts'

const a = threadAddressOf('h', 'a')
const b = threadAddressOf('h', 'b')

class Recorder implements Receiver {
  readonly envelopes: Envelope[] = []
  readonly gone: ThreadAddress[] = []
  batches = 0
  deliver(envelope: Envelope): void {
    this.envelopes.push(envelope)
  }
  delivered(): void {
    this.batches += 1
  }
  unreachable(thread: ThreadAddress): void {
    this.gone.push(thread)
  }
}

function envelope(to: ThreadAddress, message: Message, rest: Partial<Envelope> = {}): Envelope {
  const ref = { address: addressOf(to, 'x'), correlation: 0, incarnation: 0 }
  return { to: ref, lane: 'data', budgetMs: 0, traceparent: undefined, message, ...rest }
}

/** Two ends in one thread: ports make no difference of it. */
function pair(t: Test): { exchange: PortExchange; busA: PortBus; busB: PortBus; atA: Recorder; atB: Recorder } {
  const exchange = new PortExchange()
  const [busA, busB] = [new PortBus(a, exchange.attach(a)), new PortBus(b, exchange.attach(b))]
  const [atA, atB] = [new Recorder(), new Recorder()]
  busA.listen(atA)
  busB.listen(atB)
  t.teardown(async () => {
    await Promise.all([busA.close(), busB.close()])
    exchange.close()
  })
  return { exchange, busA, busB, atA, atB }
}

t.test('port bus: what was queued in one turn arrives as one batch, as it was, in its order', async t => {
  const { busA, atB } = pair(t)
  const to = { address: addressOf(b, 'y'), correlation: 7, incarnation: 3 }
  const replyTo = { address: addressOf(a, 'z'), correlation: 9, incarnation: 2 }
  const message = { kind: 'put', replyTo, bytes: new Uint8Array([1, 2, 3]), map: new Map([['k', 1]]) } as Message
  const sent: Envelope[] = [
    { to, lane: 'control', budgetMs: 250, traceparent: '00-x', message },
    envelope(b, { kind: 'second' }),
    envelope(b, { kind: 'third' })
  ]
  for (const one of sent) t.ok(busA.send(one))
  busA.flush()
  await until('the batch', () => atB.batches > 0)
  t.same(atB.envelopes, sent)
  t.equal(atB.batches, 1)
  t.match(busA.figures(), { messagesOut: 3, batchesOut: 1, refused: 0 })
})

t.test('port bus: both begin to talk at once → each hears all of the other, in order', async t => {
  const { busA, busB, atA, atB } = pair(t)
  for (let i = 0; i < 300; i += 1) {
    busA.send(envelope(b, { kind: `${i}` }))
    busB.send(envelope(a, { kind: `${i}` }))
    if (i % 7 === 0) {
      busA.flush()
      busB.flush()
    }
    if (i % 50 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  busA.flush()
  busB.flush()
  await until('all arrive', () => atA.envelopes.length === 300 && atB.envelopes.length === 300)
  for (const at of [atA, atB]) t.ok(at.envelopes.every((one, i) => one.message.kind === `${i}`))
})

t.test('port bus: nobody of that name, and one that goes → the sender is told; a new life of it is found again', async t => {
  const { exchange, busA, busB, atA, atB } = pair(t)
  busA.send(envelope(threadAddressOf('h', 'nobody'), { kind: 'lost' }))
  busA.flush()
  await until('the hint', () => atA.gone.length === 1)
  busA.send(envelope(b, { kind: 'first' }))
  busA.flush()
  await until('the first', () => atB.envelopes.length === 1)
  await busB.close()
  await until('the hint', () => atA.gone.includes(b))
  const again = new PortBus(b, exchange.attach(b))
  const atAgain = new Recorder()
  again.listen(atAgain)
  t.teardown(() => again.close())
  busA.send(envelope(b, { kind: 'second' }))
  busA.flush()
  await until('the second', () => atAgain.envelopes.length === 1)
  t.equal(atAgain.envelopes[0]?.message.kind, 'second')
})

t.test('port bus: a message that cannot be cloned is dropped and counted; the others of its batch arrive', async t => {
  const { busA, busB, atB } = pair(t)
  busA.send(envelope(b, { kind: 'hello' }))
  busA.flush()
  await until('the introduction', () => atB.envelopes.length === 1)
  busA.send(envelope(b, { kind: 'good' }))
  busA.send(envelope(b, { kind: 'bad', work: () => undefined } as Message))
  busA.send(envelope(b, { kind: 'good too' }))
  busA.flush()
  await until('the others', () => atB.envelopes.length === 3)
  t.same(
    atB.envelopes.map(one => one.message.kind),
    ['hello', 'good', 'good too']
  )
  t.equal(busA.figures().malformed, 1)
  t.ok(busB.connected)
})

t.test(
  'I24: port bus: a receiver that does not confirm → sends are refused beyond the limit; they go on when it has',
  async t => {
    const { busA, atB } = pair(t)
    let taken = 0
    for (let i = 0; i < portUnconfirmedMax + 10; i += 1) {
      if (busA.send(envelope(b, { kind: 'x' }))) taken += 1
      if (i % 1_000 === 0) busA.flush()
    }
    busA.flush()
    t.equal(taken, portUnconfirmedMax)
    t.equal(busA.figures().refused, 10)
    t.ok(busA.send(envelope(b, { kind: 'c' }, { lane: 'control' })), 'control is taken all the same')
    busA.flush()
    await until('they arrive', () => atB.envelopes.length === portUnconfirmedMax + 1)
    await until('it takes more', () => busA.send(envelope(b, { kind: 'x' })))
  }
)

t.test('port bus: closed → it refuses; a second receiver is refused', async t => {
  const { busA } = pair(t)
  t.throws(() => busA.listen(new Recorder()), /has a receiver already/)
  await busA.close()
  t.notOk(busA.send(envelope(b, { kind: 'x' })))
  t.notOk(busA.connected)
})
