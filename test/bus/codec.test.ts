import fc from 'fast-check'
import { Packr } from 'msgpackr'
import t from 'tap'
import { Outbox } from '../../bus/batch.ts'
import { Inbox } from '../../bus/inbox.ts'
import { addressOf, type Envelope, type Message, threadAddressOf } from '../../bus/bus.ts'
import { codecRegistry, MalformedFrame, type MessageCodec, Reader, Writer } from '../../bus/codec.ts'
import { readPlain, writePlain } from '../../bus/plain-value.ts'
import { limits } from '../../model/limits.ts'
import { bodyOf, contractCodec, envelopeTo, frameOf, numberedMessage } from '../contract/bus-harness.ts'

const self = threadAddressOf('a', 'data-0')
const other = threadAddressOf('b', 'data-0')

function readerOf(writer: Writer): Reader {
  return new Reader().open(Buffer.from(writer.view()))
}

/** With a prototype, as literals have. */
function record<T extends object>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>
}

const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 })
const latin1 = fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes).toString('latin1'))

t.test('writer and reader: any sequence of fields, from a buffer of one byte on → comes back equal', async t => {
  const field = fc.oneof(
    record({ type: fc.constant('u8' as const), value: uint(8) }),
    record({ type: fc.constant('u16' as const), value: uint(16) }),
    record({ type: fc.constant('u32' as const), value: uint(32) }),
    record({ type: fc.constant('varint' as const), value: fc.oneof(fc.maxSafeNat(), uint(7), uint(14), uint(31), uint(32)) }),
    record({ type: fc.constant('f64' as const), value: fc.double({ noNaN: true }) }),
    record({ type: fc.constant('latin1' as const), value: latin1 }),
    record({ type: fc.constant('utf8' as const), value: fc.string({ unit: 'grapheme', maxLength: 200 }) }),
    record({ type: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)) })
  )
  fc.assert(
    fc.property(fc.array(field, { maxLength: 40 }), fields => {
      const writer = new Writer(1)
      for (const { type, value } of fields) (writer[type] as (value: unknown) => void).call(writer, value)
      const reader = readerOf(writer)
      t.strictSame(
        fields.map(({ type }) => reader[type]()),
        fields.map(({ value }) => value)
      )
      t.equal(reader.remaining, 0)
    }),
    { numRuns: 200 }
  )
})

t.test('writer: numbers that are no varints, text that is not latin1 → RangeError', async t => {
  const writer = new Writer()
  for (const value of [-1, 0.5, 200.5, 2 ** 53, Number.NaN, Infinity])
    t.throws(() => writer.varint(value), RangeError, String(value))
  for (const text of ['Ā', `${'x'.repeat(100)}🎐`]) t.throws(() => writer.latin1(text), RangeError)
})

t.test('reader: any read at any cut of any bytes → a value or MalformedFrame, never past the end', async t => {
  const reads = ['u8', 'u16', 'u32', 'f64', 'varint', 'bytes', 'latin1', 'utf8', 'count'] as const
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(40),
      fc.array(fc.constantFrom(...reads), { maxLength: 10 }),
      (bytes, cut, list) => {
        const reader = new Reader().open(bytes, 0, Math.min(cut, bytes.length))
        try {
          for (const read of list) reader[read]()
        } catch (error) {
          t.type(error, MalformedFrame)
        }
        t.ok(reader.position <= reader.end)
      }
    ),
    { numRuns: 1_000 }
  )
  t.throws(() => new Reader().open(Buffer.alloc(9, 0xff)).varint(), MalformedFrame)
})

t.test('plain values: whatever JSON can say, and bytes → equal', async t => {
  const bytes = fc.uint8Array({ maxLength: 300 }).map(list => Buffer.from(list))
  const value = fc.letrec(tie => ({
    any: fc.oneof(
      { maxDepth: 5 },
      fc.jsonValue(),
      bytes,
      fc.array(tie('any')),
      fc.dictionary(
        fc.string().filter(key => key !== '__proto__'),
        tie('any')
      )
    )
  })).any
  fc.assert(
    fc.property(value, value => {
      const writer = new Writer()
      writer.u8(1)
      writePlain(value, writer)
      writer.u8(2)
      const reader = readerOf(writer)
      reader.u8()
      t.strictSame(readPlain(reader), normal(value))
      t.equal(reader.u8(), 2)
    }),
    { numRuns: 300 }
  )
})

/** Objects without a prototype, and −0, do not travel as such. */
function normal(value: unknown): unknown {
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return value === 0 ? 0 : value
  if (Array.isArray(value)) return value.map(normal)
  return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, normal(held)]))
}

t.test('plain values: extensions, prototypes, nesting, sizes that lie → MalformedFrame, and nothing comes to life', async t => {
  const rich = new Packr({ useRecords: false, moreTypes: true, structuredClone: true })
  const hostile: Record<string, Buffer> = {
    regexp: rich.pack({ kind: 'x', evil: /(a+)+$/ }),
    error: rich.pack({ kind: 'x', evil: new Error('boo') }),
    set: rich.pack({ kind: 'x', evil: new Set([1]) }),
    date: rich.pack({ kind: 'x', evil: new Date() }),
    record: new Packr({ useRecords: true }).pack({ kind: 'x', evil: { a: 1 } }),
    prototype: rich.pack(JSON.parse('{"kind":"x","__proto__":{"polluted":true}}')),
    'nested prototype': rich.pack(JSON.parse('{"kind":"x","a":[{"__proto__":{"polluted":true}}]}')),
    'number as key': Buffer.from([0x81, 0x01, 0x02]),
    'array as key': Buffer.from([0x81, 0x91, 0xa9, ...Buffer.from('__proto__'), 0x02]),
    'deep arrays': Buffer.alloc(200_000, 0x91),
    'deep maps': Buffer.concat(Array.from({ length: 100_000 }, () => Buffer.from([0x81, 0xa0]))),
    'long array': Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
    'long map': Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1, 0x61]),
    'long text': Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff, 0x61]),
    'long bytes': Buffer.from([0xc6, 0x7f, 0xff, 0xff, 0xff, 0x61]),
    'never used': Buffer.from([0xc1]),
    nothing: Buffer.alloc(0)
  }
  for (const [name, bytes] of Object.entries(hostile)) {
    t.throws(() => readPlain(new Reader().open(bytes)), MalformedFrame, name)
  }
  t.notOk('polluted' in {})
  const deep = Buffer.concat([Buffer.alloc(limits.decodeDepthMax, 0x91), Buffer.from([0xc0])])
  t.ok(readPlain(new Reader().open(deep)))
  t.throws(() => readPlain(new Reader().open(Buffer.concat([Buffer.from([0x91]), deep]))), MalformedFrame)
})

t.test('registry: tags out of range or given twice, kinds given twice → RangeError at once', async t => {
  const codec = (tag: number, kind: string): MessageCodec => ({ tag, kind, write() {}, read: () => ({ kind }) })
  for (const tag of [0, 255, 1.5, -1]) t.throws(() => codecRegistry([codec(tag, 'x')]), RangeError)
  t.throws(() => codecRegistry([codec(1, 'x'), codec(1, 'y')]), /tag 1 is given to both x and y/)
  t.throws(() => codecRegistry([codec(1, 'x'), codec(2, 'x')]), /x has two codecs/)
})

t.test('registry: without plain messages → a kind that has no codec is refused by the writer and by the reader', async t => {
  const strict = codecRegistry([{ tag: 1, kind: 'known', write() {}, read: () => ({ kind: 'known' }) }], { plain: false })
  const writer = new Writer()
  t.throws(() => strict.write({ kind: 'unknown' }, writer), /unknown has no codec/)
  contractCodec.write({ kind: 'unknown' }, writer)
  t.throws(() => strict.read(readerOf(writer)), MalformedFrame)
  const known = new Writer()
  strict.write({ kind: 'known' }, known)
  t.strictSame(strict.read(readerOf(known)), { kind: 'known' })
})

function frames(envelopes: readonly Envelope[]): Buffer[] {
  const out: Buffer[] = []
  const outbox = new Outbox(other, contractCodec, (_, frame) => {
    out.push(Buffer.from(frame.view()))
    outbox.recycle(frame)
  })
  for (const envelope of envelopes) outbox.add(envelope)
  outbox.flush()
  return out
}

const name = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
const ref = record({
  address: fc
    .tuple(fc.constantFrom('a.data-0', 'b.data-0', 'b.data-01', 'client.k3VxYq8ZbN0aTn5sWc7LdE'), name)
    .map(parts => parts.join('.') as never),
  correlation: fc.maxSafeNat(),
  incarnation: fc.oneof(fc.constant(0), fc.maxSafeNat())
})
const envelope = record({
  to: record({
    address: name.map(actor => addressOf(self, actor)),
    correlation: fc.oneof(fc.constant(0), fc.maxSafeNat()),
    incarnation: fc.nat()
  }),
  lane: fc.constantFrom('data' as const, 'control' as const),
  budgetMs: fc.nat(86_400_000),
  traceparent: fc.option(fc.stringMatching(/^[0-9a-f-]{55}$/), { nil: undefined }),
  message: fc.oneof(
    record({ number: fc.maxSafeNat(), size: fc.nat(100) }).map(({ number, size }) => numberedMessage(1, number, size) as Message),
    record({ kind: fc.constant('plain'), text: fc.string() })
  ),
  replyTo: fc.option(ref, { nil: undefined })
}).map(({ replyTo, ...rest }): Envelope => (replyTo === undefined ? rest : { ...rest, message: { ...rest.message, replyTo } }))

t.test('frames: an address that is none, or a name too long → RangeError at the sender, and the batch goes on', async t => {
  const out: Buffer[] = []
  const outbox = new Outbox(other, contractCodec, (_, frame) => out.push(Buffer.from(frame.view())))
  const good = envelopeTo({ address: addressOf(self, 'x') }, numberedMessage(1, 2))
  outbox.add(good)
  for (const address of ['a.b', 'a.b.c.d', 'a.b.c d', 'a.>.c', '', 'a.b.', `a.b.${'c'.repeat(65)}`]) {
    t.throws(() => outbox.add(envelopeTo({ address: address as never }, numberedMessage(1, 3))), RangeError, address)
  }
  const replyTo = { address: addressOf(other, 'y'.repeat(300)), correlation: 0, incarnation: 0 }
  t.throws(() => outbox.add(envelopeTo({ address: addressOf(self, 'x') }, { ...numberedMessage(1, 4), replyTo })), RangeError)
  outbox.add(good)
  outbox.flush()
  const inbox = new Inbox(self, contractCodec, error => t.fail(error.message))
  for (const frame of out) inbox.open(frame, () => {})
  t.equal(inbox.messages, 2)
})

t.test('frames: any envelopes → equal and in order after a trip', async t => {
  fc.assert(
    fc.property(fc.array(envelope, { maxLength: 30 }), envelopes => {
      const got: Envelope[] = []
      const inbox = new Inbox(self, contractCodec, error => t.fail(error.message))
      for (const frame of frames(envelopes)) inbox.open(frame, one => got.push(one))
      t.strictSame(got, envelopes)
      t.equal(inbox.messages, envelopes.length)
    }),
    { numRuns: 200 }
  )
})

t.test('I28: frames with flipped, cut or random bytes → no throw; what is dropped is counted; prototypes stay', async t => {
  const good = frames([
    envelopeTo({ address: addressOf(self, 'x') }, numberedMessage(1, 2, 30)),
    envelopeTo(
      { address: addressOf(self, 'y'), correlation: 5, incarnation: 2 },
      { kind: 'plain', list: [1, { a: 'b' }] } as Message,
      { budgetMs: 9 }
    )
  ])[0] as Buffer
  let malformed = 0
  const open = (frame: Uint8Array): void => {
    const inbox = new Inbox(self, contractCodec, error => t.type(error, MalformedFrame))
    let delivered = 0
    inbox.open(frame, one => {
      delivered++
      if (typeof one.message.kind !== 'string') t.fail('a message without kind')
    })
    if (inbox.messages !== delivered) t.fail('miscounted')
    malformed += inbox.malformed
  }
  for (let cut = 0; cut < good.length; cut++) open(good.subarray(0, cut))
  for (let at = 0; at < good.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(good)
      flipped[at] = (flipped[at] as number) ^ (1 << bit)
      open(flipped)
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => open(bytes)),
    { numRuns: 500 }
  )
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), fc.constantFrom(0, 7), (payloads, tag) =>
      open(
        frameOf(
          'b.data-0',
          payloads.map(payload => bodyOf('x', tag, payload))
        )
      )
    ),
    { numRuns: 500 }
  )
  t.ok(malformed > 500, `${malformed} dropped`)
  t.strictSame(Object.keys(Object.prototype), [])
})

t.test(
  'frames: a codec that throws something else on nonsense → malformed all the same; a receiver that throws → not swallowed',
  async t => {
    const brittle = codecRegistry([
      {
        tag: 1,
        kind: 'brittle',
        write() {},
        read() {
          throw new TypeError('undefined is not a function')
        }
      }
    ])
    const told: Error[] = []
    const inbox = new Inbox(self, brittle, error => told.push(error))
    const good = bodyOf('x', 0, Buffer.from([0x81, 0xa4, ...Buffer.from('kind'), 0xa1, 0x78]))
    const frame = frameOf('b.data-0', [bodyOf('x', 1, Buffer.alloc(0)), good])
    const got: Envelope[] = []
    inbox.open(frame, one => got.push(one))
    t.equal(got.length, 1)
    t.match(told, [{ name: 'MalformedFrame', message: /undefined is not a function/ }])
    t.throws(
      () =>
        inbox.open(frame, () => {
          throw new Error('receiver')
        }),
      /receiver/
    )
  }
)

t.test('frames: a receiver that opens another frame while one is open → both are read to their ends', async t => {
  const inbox = new Inbox(self, contractCodec)
  const frame = frames(
    [1, 2, 3].map(number => envelopeTo({ address: addressOf(self, 'x') }, numberedMessage(1, number)))
  )[0] as Buffer
  let depth = 0
  let count = 0
  const deliver = (): void => {
    count++
    if (depth > 0) return
    depth++
    inbox.open(frame, deliver)
    depth--
  }
  inbox.open(frame, deliver)
  t.equal(count, 12)
})
