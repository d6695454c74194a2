import type { Test } from 'tap'
import { addressOf, type Bus, type Envelope, everyHost, type Message, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { limits } from '../../model/limits.ts'
import { bodyOf, type BusHarness, envelopeTo, frameOf, type Numbered, numberedMessage, Recorder, until } from './bus-harness.ts'

/** A bus as the port describes it, whatever it is made of. */
export function busContract(t: Test, name: string, harness: () => Promise<BusHarness>): void {
  const a = threadAddressOf('a', 'data-0')
  const b = threadAddressOf('b', 'data-1')
  const c = threadAddressOf('c', 'system')

  async function pair(t: Test): Promise<{ world: BusHarness; busA: Bus; busB: Bus; atA: Recorder; atB: Recorder }> {
    const world = await harness()
    const [busA, busB] = [await world.connect(a), await world.connect(b)]
    const [atA, atB] = [new Recorder(), new Recorder()]
    busA.listen(atA)
    busB.listen(atB)
    t.teardown(() => world.close())
    await world.settle()
    return { world, busA, busB, atA, atB }
  }

  t.test(`${name}: two senders, 2,000 messages each in batches of any size → each sender's arrive in its order`, async t => {
    const { world, busA, busB, atB } = await pair(t)
    const busC = await world.connect(c)
    busC.listen(new Recorder())
    let taken = 0
    for (let number = 0; number < 2_000; number++) {
      for (const [from, bus] of [busA, busC].entries()) {
        if (bus.send(envelopeTo({ address: addressOf(b, `actor-${number % 5}`) }, numberedMessage(from, number, number % 100))))
          taken++
        if (number % (from * 7 + 3) === 0) bus.flush()
      }
      if (number % 500 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    busA.flush()
    busC.flush()
    t.equal(taken, 4_000)
    await until('all arrive', () => atB.envelopes.length === 4_000)
    for (const from of [0, 1]) {
      const got = (atB.messages as readonly Numbered[]).filter(message => message.from === from)
      t.strictSame(
        got.map(message => message.number),
        Array.from({ length: 2_000 }, (_, number) => number)
      )
      t.ok(got.every(message => Buffer.from(message.bytes).equals(Buffer.alloc(message.number % 100, message.number))))
    }
    t.equal(atB.envelopes[3]?.to.address.startsWith('b.data-1.actor-'), true)
    t.match(busB.figures(), { messagesIn: 4_000, malformed: 0 })
    t.match(busA.figures(), { messagesOut: 2_000, refused: 0 })
  })

  t.test(`${name}: ten messages and one flush → one batch; nothing leaves before`, async t => {
    const { busA, busB, atB } = await pair(t)
    for (let number = 0; number < 10; number++) busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, number)))
    t.equal(busA.figures().batchesOut, 0)
    busA.flush()
    busA.flush()
    await until('the batch arrives', () => atB.batches.length > 0)
    t.strictSame(atB.batches, [10])
    t.match(busA.figures(), { batchesOut: 1, messagesOut: 10 })
    t.match(busB.figures(), { batchesIn: 1, messagesIn: 10 })
  })

  t.test(`${name}: more than a batch may hold → it leaves by itself, in parts, complete and in order`, async t => {
    const { busA, atB } = await pair(t)
    const count = limits.batchMessagesMax * 3 + 5
    for (let number = 0; number < count; number++)
      busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, number)))
    t.equal(busA.figures().batchesOut, 3)
    busA.flush()
    await until('all arrive', () => atB.envelopes.length === count)
    t.strictSame(
      (atB.messages as readonly Numbered[]).map(message => message.number),
      Array.from({ length: count }, (_, number) => number)
    )
  })

  t.test(
    `${name}: references with and without correlation, incarnation, deadline, trace, lane → they arrive as they were`,
    async t => {
      const { busA, atB } = await pair(t)
      const large = Number.MAX_SAFE_INTEGER
      const replies: (Ref<never> | undefined)[] = [
        undefined,
        { address: addressOf(a, 'me'), correlation: 0, incarnation: 0 },
        { address: addressOf(a, 'me'), correlation: 12, incarnation: 0 },
        { address: addressOf(a, 'me'), correlation: large, incarnation: large },
        { address: addressOf(b, 'you'), correlation: 128, incarnation: 3 },
        { address: addressOf(c, 'third'), correlation: 1, incarnation: 2 },
        { address: addressOf(threadAddressOf('a', 'data-01'), 'me'), correlation: 1, incarnation: 2 }
      ]
      const sent: Envelope[] = []
      for (const replyTo of replies) {
        for (const kind of ['numbered', 'plain']) {
          const base = kind === 'numbered' ? numberedMessage(1, 2, 3) : { kind: 'plain', list: [1, 'two', null, { deep: true }] }
          const message = replyTo === undefined ? base : { ...base, replyTo }
          sent.push(envelopeTo({ address: addressOf(b, 'x') }, message))
          sent.push(
            envelopeTo({ address: addressOf(b, 'y-1_Z'), correlation: 300, incarnation: 70_000 }, message, {
              lane: 'control',
              budgetMs: 1_500
            })
          )
          sent.push(
            envelopeTo({ address: addressOf(b, 'x'), correlation: large }, message, {
              traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
            })
          )
        }
      }
      for (const envelope of sent) t.ok(busA.send(envelope))
      busA.flush()
      await until('all arrive', () => atB.envelopes.length === sent.length)
      t.strictSame(atB.envelopes, sent)
    }
  )

  t.test(`${name}: a plain message of every shape → equal on the other side, bytes as bytes`, async t => {
    const { busA, atB } = await pair(t)
    const message = {
      kind: 'shapes',
      nothing: null,
      yes: true,
      numbers: [0, -1, 1.5, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, 1e300, -0.25],
      text: 'grüße 🎐 \0',
      bytes: Buffer.from([0, 255, 1]),
      nested: { list: [[], {}, [{ a: [] }]], long: 'x'.repeat(70_000) },
      many: Array.from({ length: 70_000 }, (_, index) => index % 7)
    }
    busA.send(envelopeTo({ address: addressOf(b, 'x') }, message))
    busA.flush()
    await until('it arrives', () => atB.envelopes.length === 1)
    t.strictSame(atB.messages[0], message)
  })

  t.test(`${name}: a message near the limit arrives, also behind others; one above it is refused and harms no other`, async t => {
    const { busA, atB } = await pair(t)
    const to = { address: addressOf(b, 'x') }
    const near = limits.busMessageBytesMax - 100
    t.ok(busA.send(envelopeTo(to, numberedMessage(0, 1, 40_000))))
    t.notOk(busA.send(envelopeTo(to, numberedMessage(0, 2, limits.busMessageBytesMax))), 'above')
    t.ok(busA.send(envelopeTo(to, numberedMessage(0, 3, near))), 'below')
    t.ok(busA.send(envelopeTo(to, numberedMessage(0, 4, 10))))
    busA.flush()
    await until('three arrive', () => atB.envelopes.length === 3)
    t.strictSame(
      (atB.messages as readonly Numbered[]).map(message => [message.number, message.bytes.length]),
      [
        [1, 40_000],
        [3, near],
        [4, 10]
      ]
    )
    t.equal(busA.figures().refused, 1)
  })

  t.test(`${name}: a message that cannot be encoded throws at the sender, and the batch goes on without it`, async t => {
    const { busA, atB } = await pair(t)
    const to = { address: addressOf(b, 'x') }
    busA.send(envelopeTo(to, numberedMessage(0, 1)))
    t.throws(() => busA.send(envelopeTo(to, numberedMessage(-1, 2))), RangeError)
    busA.send(envelopeTo(to, numberedMessage(0, 3)))
    busA.flush()
    await until('two arrive', () => atB.envelopes.length === 2)
    t.strictSame(
      (atB.messages as readonly Numbered[]).map(message => message.number),
      [1, 3]
    )
  })

  t.test(`${name}: malformed frames of every sort → dropped, counted, and the next good one is handled`, async t => {
    const { world, busA, busB, atB } = await pair(t)
    const good = bodyOf('x', 7, Buffer.from([1, 2, 0]))
    const whole: readonly Buffer[] = [
      Buffer.alloc(1),
      Buffer.from('hello'),
      frameOf('a.data-0', [good], [0xca, 2, 0]),
      frameOf('a', [good]),
      frameOf('a.b.c', [good]),
      frameOf('a.>', [good]),
      frameOf('a.data-0', [good]).subarray(0, -1)
    ]
    const single: readonly Buffer[] = [
      Buffer.alloc(0),
      bodyOf('x', 9, Buffer.from([1])),
      bodyOf('x', 255, Buffer.from([1])),
      bodyOf('', 7, Buffer.from([1, 2, 0])),
      bodyOf('x.y', 7, Buffer.from([1, 2, 0])),
      bodyOf('x', 7, Buffer.from([1, 2, 50])),
      bodyOf('x', 7, Buffer.alloc(20, 0xff)),
      bodyOf('x', 0, Buffer.from([0xc0])),
      bodyOf('x', 0, Buffer.from([0x80])),
      bodyOf('x', 0, Buffer.from([0xd4, 0x72, 0x40])),
      bodyOf('x', 0, Buffer.alloc(200_000, 0x91))
    ]
    for (const frame of whole) await world.inject(b, frame)
    for (const body of single) await world.inject(b, frameOf('a.data-0', [good, body, good]))
    busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, 99)))
    busA.flush()
    await until('the last arrives', () => (atB.messages as readonly Numbered[]).some(message => message.number === 99))
    t.equal(atB.envelopes.length, single.length * 2 + 1, 'neighbours of a malformed message are handled')
    t.equal(busB.figures().malformed, whole.length + single.length)
  })

  t.test(`${name}: what a later version appends to a message is passed over`, async t => {
    const { world, atB } = await pair(t)
    await world.inject(
      b,
      frameOf('a.data-0', [bodyOf('x', 7, Buffer.from([1, 2, 0, 77, 78, 79])), bodyOf('x', 7, Buffer.from([1, 3, 0]))])
    )
    await until('both arrive', () => atB.envelopes.length === 2)
    t.strictSame(
      (atB.messages as readonly Numbered[]).map(message => message.number),
      [2, 3]
    )
  })

  t.test(`${name}: a thread without a listener → the sender is told that it is unreachable`, async t => {
    const { busA, atA } = await pair(t)
    busA.send(envelopeTo({ address: addressOf(threadAddressOf('gone', 'data-0'), 'x') }, numberedMessage(0, 1)))
    busA.flush()
    await until('the hint arrives', () => atA.unreachableThreads.length > 0)
    t.strictSame(atA.unreachableThreads, ['gone.data-0'])
    t.equal(atA.envelopes.length, 0)
  })

  t.test(
    `${name}: told to every host → each thread of that name hears it, in its own name; the sender, and other threads, don't`,
    async t => {
      const { world, busA, busB, atA, atB } = await pair(t)
      const [busD, busE] = [
        await world.connect(threadAddressOf('d', 'data-0')),
        await world.connect(threadAddressOf('e', 'data-0'))
      ]
      const [atD, atE] = [new Recorder(), new Recorder()]
      busD.listen(atD)
      busE.listen(atE)
      await world.settle()
      const everyone = threadAddressOf(everyHost, 'data-0')
      busB.send(envelopeTo({ address: addressOf(everyone, 'x') }, numberedMessage(0, 1)))
      busB.send(envelopeTo({ address: addressOf(threadAddressOf(everyHost, 'nobody'), 'x') }, numberedMessage(0, 9)))
      busB.flush()
      busA.send(envelopeTo({ address: addressOf(everyone, 'x') }, numberedMessage(0, 2)))
      busA.flush()
      const numbersAt = (at: Recorder): unknown[] => (at.messages as readonly Numbered[]).map(message => message.number).sort()
      await until('both are told both', () => atD.envelopes.length === 2 && atE.envelopes.length === 2)
      busE.send(envelopeTo({ address: addressOf(a, 'x') }, numberedMessage(0, 3)))
      busE.flush()
      await until('the last arrives', () => atA.envelopes.length === 2)
      t.strictSame([numbersAt(atA), numbersAt(atB), numbersAt(atD), numbersAt(atE)], [[1, 3], [], [1, 2], [1, 2]])
      t.strictSame(
        [atD, atE].map(at => at.envelopes[0]?.to.address as string),
        ['d.data-0.x', 'e.data-0.x']
      )
      t.strictSame(atB.unreachableThreads, [])
    }
  )

  t.test(`${name}: two clusters on one network, same addresses → they do not hear each other`, async t => {
    const { world, busA, atB } = await pair(t)
    const [otherA, otherB] = [await world.connect(a, 'other'), await world.connect(b, 'other')]
    const [atOtherA, atOtherB] = [new Recorder(), new Recorder()]
    otherA.listen(atOtherA)
    otherB.listen(atOtherB)
    await world.settle()
    busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, 1)))
    otherA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, 2)))
    busA.flush()
    otherA.flush()
    await until('both arrive', () => atB.envelopes.length > 0 && atOtherB.envelopes.length > 0)
    t.strictSame(
      (atB.messages as readonly Numbered[]).map(message => message.number),
      [1]
    )
    t.strictSame(
      (atOtherB.messages as readonly Numbered[]).map(message => message.number),
      [2]
    )
  })

  t.test(`${name}: close → what was queued still leaves; afterwards it refuses`, async t => {
    const { busA, atB } = await pair(t)
    for (let number = 0; number < 100; number++) busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, number)))
    await busA.close()
    await until('all arrive', () => atB.envelopes.length === 100)
    t.notOk(busA.connected)
    t.notOk(busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, 1))))
    t.equal(busA.figures().refused, 1)
    await busA.close()
  })

  t.test(`${name}: a thread sends to itself → it arrives like any other`, async t => {
    const { busA, atA } = await pair(t)
    busA.send(envelopeTo({ address: addressOf(a, 'x') }, { kind: 'plain', number: 5 } as Message))
    busA.flush()
    await until('it arrives', () => atA.envelopes.length === 1)
    t.strictSame(atA.messages, [{ kind: 'plain', number: 5 }])
    t.strictSame(atA.unreachableThreads, [])
  })

  t.test(`${name}: a receiver that keeps bytes of messages → they stay as they were`, async t => {
    const { busA, atB } = await pair(t)
    for (let number = 0; number < 300; number++) {
      busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, number, 5_000)))
      if (number % 10 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    busA.flush()
    await until('all arrive', () => atB.envelopes.length === 300)
    t.ok((atB.messages as readonly Numbered[]).every(message => Buffer.alloc(5_000, message.number).equals(message.bytes)))
  })

  t.test(`${name}: a second receiver on one bus → refused`, async t => {
    const { busA } = await pair(t)
    t.throws(() => busA.listen(new Recorder()), /one receiver/)
  })
}
