import fc from 'fast-check'
import t from 'tap'
import { Outbox } from '../../bus/batch.ts'
import { addressOf, type Bus, type Lane, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { creditMessageBytesMin } from '../../bus/credit.ts'
import { Inbox } from '../../bus/inbox.ts'
import { MemoryNetwork, type MemoryNetworkOptions } from '../../bus/memory-bus.ts'
import { limits } from '../../model/limits.ts'
import { SeededRandom } from '../../runtime/random.ts'
import { VirtualClock } from '../../runtime/virtual-clock.ts'
import { contractCodec, envelopeTo, type Numbered, numberedMessage, Recorder } from '../contract/bus-harness.ts'

const a = threadAddressOf('a', 'data-0')
const b = threadAddressOf('b', 'data-0')
const window = 100_000
const held = 200_000
const size = 1_000
/** Bytes of such a message in its frame, about. */
const weight = 1_030

const greeting = 4_000_000_000

/** What a thread got, and what it was told has not left. */
class Teller extends Recorder {
  readonly refusals: number[] = []
  refused(replyTo: Ref): void {
    this.refusals.push(replyTo.correlation)
  }
  get numbers(): number[] {
    return this.messages.map(message => (message as Numbered).number).filter(number => number !== greeting)
  }
}

class Pair {
  readonly clock = new VirtualClock()
  readonly network: MemoryNetwork
  readonly at = new Map<string, Teller>()
  readonly bus = new Map<string, Bus>()

  constructor(options: Partial<MemoryNetworkOptions> = {}, seed = 1) {
    const random = new SeededRandom(seed)
    this.network = new MemoryNetwork({
      schedule: (delayMs, fn) => void this.clock.after(delayMs, fn),
      now: () => this.clock.now(),
      random: () => random.next(),
      codec: contractCodec,
      credit: { creditBytesMax: window, heldBytesMax: held },
      weather: { delayMinMs: 1, delayMaxMs: 1 },
      ...options
    })
    for (const thread of [a, b]) this.start(thread)
  }

  start(thread: typeof a): void {
    const end = this.network.bus(thread)
    const teller = new Teller()
    end.listen(teller)
    this.bus.set(thread, end)
    this.at.set(thread, teller)
  }

  /** One message; it leaves at `flush`. */
  send(from: typeof a, to: typeof a, number: number, lane: Lane = 'data', budgetMs = 0, bytes = size): boolean {
    const replyTo = { address: addressOf(from, 'asker'), correlation: number, incarnation: 1 }
    const message = { ...numberedMessage(0, number, bytes), replyTo }
    return this.bus.get(from)!.send(envelopeTo({ address: addressOf(to, 'x') }, message, { lane, budgetMs }))
  }

  flush(thread: typeof a): void {
    this.bus.get(thread)!.flush()
  }

  /** Turns of both threads, one each millisecond. */
  run(ms: number): void {
    for (let passed = 0; passed < ms; passed++) {
      this.clock.advance(1)
      for (const thread of [a, b]) this.flush(thread)
    }
  }

  /** So that each knows of the other. */
  meet(): void {
    this.send(a, b, greeting)
    this.send(b, a, greeting)
    this.run(3)
    this.send(a, b, greeting)
    this.run(3)
    for (const teller of this.at.values()) teller.envelopes.length = 0
  }
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index)

t.test(
  'credit: a receiver that stands still → so many bytes leave, so many wait, the rest is refused; control passes',
  async t => {
    const pair = new Pair()
    pair.meet()
    pair.network.pause('b')
    const bytesBefore = pair.bus.get(a)!.figures().bytesOut
    const taken = range(0, 1_000).filter(number => {
      const isTaken = pair.send(a, b, number)
      if (number % 10 === 0) pair.flush(a)
      return isTaken
    })
    pair.flush(a)
    const left = pair.bus.get(a)!.figures().bytesOut - bytesBefore
    t.ok(left >= window - weight && left <= window + 12 * weight, `${left} bytes have left`)
    t.ok(taken.length * weight >= window + held - weight && taken.length * weight <= window + held + 12 * weight)
    t.same(taken, range(0, taken.length), 'the first ones')
    for (let number = 5_000; number < 5_050; number++) t.ok(pair.send(a, b, number, 'control'))
    pair.run(100)
    t.same(pair.at.get(a)!.refusals, [], 'they wait')
    pair.network.resume('b')
    pair.run(50)
    const numbers = pair.at.get(b)!.numbers
    t.same(
      numbers.filter(number => number < 5_000),
      taken,
      'all that was taken arrives in its order, once'
    )
    t.same(
      numbers.filter(number => number >= 5_000),
      range(5_000, 5_050)
    )
    t.ok(numbers.indexOf(5_000) < numbers.indexOf(taken.at(-1)!), 'control has not waited')
  }
)

t.test(
  'credit: a receiver that goes on standing still → what waits is refused, then all is at once, and it recovers',
  async t => {
    const pair = new Pair()
    pair.meet()
    pair.network.pause('b')
    const taken = range(0, 200).filter(number => pair.send(a, b, number))
    t.equal(taken.length, 200)
    pair.run(limits.creditAskMs * (limits.creditAsksMax + 1) + 20)
    const { refusals } = pair.at.get(a)!
    t.ok(refusals.length > 50 && refusals.length < 150)
    t.same(refusals, range(200 - refusals.length, 200), 'those that have not left, each once')
    t.notOk(pair.send(a, b, 201), 'refused at once')
    t.ok(pair.send(a, b, 202, 'control'))
    const bytesBefore = pair.bus.get(a)!.figures().bytesOut
    for (let number = 300; number < 1_300; number++) {
      pair.send(a, b, number)
      pair.run(1)
    }
    t.ok(pair.bus.get(a)!.figures().bytesOut - bytesBefore < 5_000, 'a second of refusals costs some questions')
    pair.network.resume('b')
    pair.run(limits.creditAskMs * 2)
    t.same(pair.at.get(b)!.numbers, [...range(0, 200 - refusals.length), 202])
    t.ok(pair.send(a, b, 203))
    pair.run(5)
    t.equal(pair.at.get(b)!.numbers.at(-1), 203)
  }
)

t.test(
  'credit: what waits, with a budget, while the receiver takes little → refused when its time is up, not earlier',
  async t => {
    const pair = new Pair({ weather: { delayMinMs: 100, delayMaxMs: 100 } })
    pair.meet()
    pair.run(500)
    pair.at.get(b)!.envelopes.length = 0
    // A window each 200 ms: three of them have left after half a second.
    const taken = range(0, 280).filter(number => pair.send(a, b, number, 'data', 150))
    pair.run(149)
    t.same(pair.at.get(a)!.refusals, [])
    pair.run(1_000)
    const { refusals } = pair.at.get(a)!
    t.ok(refusals.length > 150)
    t.same([...pair.at.get(b)!.numbers, ...refusals], taken)
  }
)

t.test('credit: questions and answers of like size → nothing is sent but these', async t => {
  const pair = new Pair()
  pair.meet()
  const before = pair.bus.get(a)!.figures()
  for (let number = 0; number < 1_000; number++) {
    t.ok(pair.send(a, b, number))
    t.ok(pair.send(b, a, number))
    pair.run(3)
  }
  const after = pair.bus.get(a)!.figures()
  t.equal(after.batchesOut - before.batchesOut, 1_000)
  t.equal(after.batchesIn - before.batchesIn, 1_000)
})

t.test('credit: messages one way alone → a short frame comes back for each quarter of what may be under way', async t => {
  const pair = new Pair()
  const before = pair.bus.get(a)!.figures()
  for (let number = 0; number < 1_000; number++) {
    t.ok(pair.send(a, b, number))
    pair.run(3)
  }
  t.equal(pair.at.get(b)!.envelopes.length, 1_000)
  const notes = pair.bus.get(a)!.figures().batchesIn - before.batchesIn
  t.ok(notes >= 30 && notes <= Math.ceil((1_000 * weight) / (window / 4)), `${notes} notes`)
  t.same(pair.at.get(a)!.envelopes, [])
})

t.test(
  'credit: small messages count for more than their bytes → no more of them under way than a mailbox should take',
  async t => {
    const pair = new Pair()
    pair.meet()
    pair.network.pause('b')
    for (let number = 0; number < 5_000; number++) pair.send(a, b, number, 'data', 0, 0)
    pair.flush(a)
    pair.clock.advance(5)
    pair.network.resume('b')
    pair.clock.advance(0)
    const { length } = pair.at.get(b)!.envelopes
    const most = Math.ceil(window / creditMessageBytesMin)
    t.ok(length <= most && length >= most - 10, `${length} of ${most}`)
  }
)

t.test('credit: the receiver starts anew with all credit used up → the sender goes on; so where the sender does', async t => {
  const pair = new Pair()
  pair.meet()
  pair.network.isolate('b')
  for (let number = 0; number < 150; number++) pair.send(a, b, number)
  pair.run(20)
  pair.start(b)
  pair.network.heal()
  pair.run(limits.creditAskMs * 2)
  t.ok(pair.at.get(b)!.envelopes.length > 40, 'what had waited')
  pair.start(a)
  for (let number = 1_000; number < 1_090; number++) t.ok(pair.send(a, b, number))
  pair.run(5)
  t.same(pair.at.get(b)!.numbers.slice(-90), range(1_000, 1_090))
})

t.test(
  'credit: batches lost, doubled, late and out of order, threads that start anew → once it calms down all passes',
  async () => {
    const event = fc.record({
      from: fc.constantFrom(a, b),
      what: fc.constantFrom('send', 'send', 'send', 'send', 'restart', 'cut', 'mend', 'pause', 'resume'),
      messages: fc.nat(150),
      ms: fc.nat(60)
    })
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 40 }), fc.nat(1_000), async (events, seed) => {
        const pair = new Pair({ weather: { delayMinMs: 1, delayMaxMs: 30, loss: 0.2, duplication: 0.2, reordering: 0.5 } }, seed)
        pair.meet()
        let number = 0
        for (const { from, what, messages, ms } of events) {
          const to = from === a ? b : a
          const host = from === a ? 'a' : 'b'
          if (what === 'send') for (let i = 0; i < messages; i++) pair.send(from, to, number++)
          else if (what === 'restart') pair.start(from)
          else if (what === 'cut') pair.network.cut(host, host === 'a' ? 'b' : 'a')
          else if (what === 'mend') pair.network.mend(host, host === 'a' ? 'b' : 'a')
          else if (what === 'pause') pair.network.pause(host)
          else pair.network.resume(host)
          pair.run(ms)
        }
        for (const host of ['a', 'b']) pair.network.resume(host)
        pair.network.heal()
        pair.network.setWeather({ loss: 0, duplication: 0, reordering: 0 })
        // The first ones may find it still short; they, or its questions, mend that.
        for (const [from, to] of [[a, b] as const, [b, a] as const]) pair.send(from, to, number++)
        pair.run(limits.creditAskMs + 100)
        for (const [from, to] of [[a, b] as const, [b, a] as const]) {
          const first = number
          for (let i = 0; i < 90; i++) if (!pair.send(from, to, number++)) return false
          pair.run(100)
          const got = pair.at.get(to)!.numbers.filter(each => each >= first)
          if (got.length !== 90 || got.some((each, index) => each !== first + index)) return false
          if (pair.bus.get(from)!.isShort === true) return false
        }
        return true
      }),
      { numRuns: 60 }
    )
  }
)

t.test('credit: one who cannot be told later → no more under way than both bounds together, and refused at once', async t => {
  const pair = new Pair()
  const bus = pair.network.bus(a)
  pair.bus.set(a, bus)
  const plain = new Recorder()
  bus.listen({ deliver: each => plain.deliver(each), delivered() {}, unreachable() {} })
  pair.meet()
  pair.network.pause('b')
  const taken = range(0, 1_000).filter(number => pair.send(a, b, number))
  pair.flush(a)
  t.ok(Math.abs(taken.length * weight - window - held) < 12 * weight)
  pair.network.resume('b')
  pair.run(100)
  t.same(pair.at.get(b)!.numbers, taken)
  t.ok(pair.send(a, b, 1_000))
})

function framesOf(numbers: readonly number[]): Buffer[] {
  const frames: Buffer[] = []
  const outbox = new Outbox(a, contractCodec, (_, frame) => void frames.push(Buffer.from(frame.view())))
  for (const number of numbers) outbox.add(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, number)))
  outbox.flush()
  return frames
}

t.test('credit: a receiver of an earlier version → the note is a message to nobody, those behind it are read', async t => {
  const [frame] = framesOf([1, 2])
  // It does not look at the flags.
  frame![2] = 0
  const inbox = new Inbox(b, contractCodec, error => t.fail(error.message))
  const teller = new Teller()
  inbox.open(frame!, each => teller.deliver(each))
  t.same(
    teller.envelopes.map(({ to, lane, message }) => [to.address, lane, message.kind]),
    [
      [addressOf(b, 'credit'), 'control', 'credit'],
      [addressOf(b, 'x'), 'data', 'numbered'],
      [addressOf(b, 'x'), 'data', 'numbered']
    ]
  )
})

t.test('credit: a sender of an earlier version, and one that goes back to it → nothing is limited', async t => {
  const [withNote] = framesOf([1])
  const outbox = new Outbox(b, contractCodec, () => {}, { creditBytesMax: window, heldBytesMax: 0 })
  const inbox = new Inbox(b, contractCodec, error => t.fail(error.message), false, outbox.ledger)
  const more = (): boolean => outbox.add(envelopeTo({ address: addressOf(a, 'x') }, numberedMessage(0, 1, size)))
  const old = Buffer.from([0xca, 1, 0, a.length, ...Buffer.from(a)])
  inbox.open(old, () => {})
  for (let i = 0; i < 1_000; i++) t.ok(more())
  outbox.flush()
  inbox.open(withNote!, () => {})
  const taken = range(0, 1_000).filter(more).length
  t.ok(taken > 90 && taken < 110, `${taken} of 1,000`)
  inbox.open(old, () => {})
  for (let i = 0; i < 1_000; i++) t.ok(more())
})

t.test(
  'credit: notes cut short, or with numbers that are nonsense → no throw, and nothing is believed that cannot be',
  async () => {
    const [frame] = framesOf([1])
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(80), (numbers, cut) => {
        const outbox = new Outbox(b, contractCodec, () => {}, { creditBytesMax: window })
        const inbox = new Inbox(b, contractCodec, () => {}, false, outbox.ledger)
        for (let i = 0; i < 200; i++) outbox.add(envelopeTo({ address: addressOf(a, 'x') }, numberedMessage(0, i, size)))
        outbox.flush()
        const bad = Buffer.from(frame!)
        bad.set(numbers, bad.indexOf('credit', bad.indexOf('credit') + 1) + 10)
        inbox.open(bad.subarray(0, bad.length - cut), () => {})
        outbox.settle()
        const account = outbox.ledger.open(a)
        return account.underWay <= 200 * weight
      })
    )
  }
)
