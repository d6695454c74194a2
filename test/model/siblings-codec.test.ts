import fc from 'fast-check'
import t from 'tap'
import { emptyContext, withCounter, withDot } from '../../model/causal-context.ts'
import { MalformedBytes, readVarint, varintLength, writeVarint } from '../../model/dot-codec.ts'
import { emptySiblings, merge, relation, type Sibling, type Siblings } from '../../model/siblings.ts'
import { decodeSiblings, digestOf, encodeSiblings, relationOfBytes } from '../../model/siblings-codec.ts'
import { vnodeIdOf } from '../../model/version-vector.ts'

const vnode = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 3 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0xf_ffff }))
      .map(([u, e]) => vnodeIdOf(u, e))
  }
)
const counter = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 ** 53 - 1 }))
const time = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 2 ** 42 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(ms => ms + 0)
)
const contentType = fc.oneof(
  fc.constantFrom('', 'application/json', 'application/octet-stream', 'text/plain; charset=utf-8', 'text/html'),
  // Of deflated values; and of one that only seems to be twice.
  fc.constantFrom('\x01', '\x01application/json', '\x01text/html', '\x01\x01text/html'),
  fc.string({ unit: 'grapheme', maxLength: 40 })
)
const version = fc.record({
  vnode,
  counter,
  value: fc.uint8Array({ maxLength: 300 }),
  contentType,
  modifiedMs: time,
  expiresMs: time,
  tombstone: fc.boolean()
})
const siblings: fc.Arbitrary<Siblings> = fc
  .tuple(
    fc.uniqueArray(version, { selector: each => `${each.vnode}:${each.counter}`, maxLength: 5 }),
    fc.array(fc.tuple(vnode, counter), { maxLength: 4 }),
    fc.array(fc.tuple(vnode, counter), { maxLength: 4 })
  )
  .map(([versions, entries, dots]) => {
    let context = emptyContext
    for (const [id, count] of entries) context = withCounter(context, id, count)
    for (const [id, count] of dots) context = withDot(context, id, count)
    for (const each of versions) context = withDot(context, each.vnode, each.counter)
    return { context, versions: versions.sort((a, b) => a.vnode - b.vnode || a.counter - b.counter) }
  })

t.test('siblings: decode to what was encoded, value for value', async t => {
  fc.assert(
    fc.property(siblings, a => {
      const bytes = encodeSiblings(a)
      const b = decodeSiblings(bytes)
      const again = encodeSiblings(b)
      return (
        Buffer.from(bytes).equals(again) &&
        b.versions.length === a.versions.length &&
        a.context.vector.join() === b.context.vector.join() &&
        a.context.cloud.join() === b.context.cloud.join() &&
        a.versions.every((each, at) => {
          const other = b.versions[at]!
          return (
            each.vnode === other.vnode &&
            each.counter === other.counter &&
            each.contentType === other.contentType &&
            each.modifiedMs === other.modifiedMs &&
            each.expiresMs === other.expiresMs &&
            each.tombstone === other.tombstone &&
            Buffer.from(each.value).equals(other.value)
          )
        })
      )
    }),
    { numRuns: 3000 }
  )
  t.equal(decodeSiblings(encodeSiblings(emptySiblings)), emptySiblings)
})

t.test('siblings: values are views of the bytes that were decoded', async t => {
  const bytes = encodeSiblings({
    context: withCounter(emptyContext, 1, 1),
    versions: [
      { vnode: 1, counter: 1, value: new Uint8Array([1, 2, 3]), contentType: '', modifiedMs: 1, expiresMs: 0, tombstone: false }
    ]
  })
  const value = decodeSiblings(bytes).versions[0]!.value
  t.equal(value.buffer, bytes.buffer)
  t.same([...value], [1, 2, 3])
})

t.test('siblings: bytes cut anywhere, or with one byte more → MalformedBytes that says where', async t => {
  fc.assert(
    fc.property(siblings, fc.nat(), (a, where) => {
      const bytes = encodeSiblings(a)
      for (const broken of [bytes.subarray(0, where % bytes.length), Buffer.concat([bytes, new Uint8Array(1)])]) {
        try {
          decodeSiblings(broken)
          return false
        } catch (error) {
          if (!(error instanceof MalformedBytes) || error.offset < 0 || error.offset > broken.length) throw error
        }
      }
      return true
    }),
    { numRuns: 2000 }
  )
  t.throws(() => decodeSiblings(new Uint8Array([9, 0])), {
    name: 'MalformedBytes',
    message: 'siblings have format 9, this host knows 1 at byte 0',
    offset: 0
  })
})

t.test(
  'siblings: damaged or arbitrary bytes are refused with MalformedBytes, or are the one way to write what they hold',
  async () => {
    const damaged = fc.tuple(siblings, fc.nat(), fc.integer({ min: 1, max: 255 })).map(([a, where, flip]) => {
      const bytes = Buffer.from(encodeSiblings(a))
      const at = where % bytes.length
      bytes[at] = bytes[at]! ^ flip
      return bytes
    })
    const arbitrary = fc.uint8Array({ maxLength: 60 }).map(tail => Buffer.concat([new Uint8Array([1]), tail]))
    fc.assert(
      fc.property(fc.oneof(damaged, arbitrary), bytes => {
        try {
          return bytes.equals(encodeSiblings(decodeSiblings(bytes)))
        } catch (error) {
          return error instanceof MalformedBytes
        }
      }),
      { numRuns: 10_000 }
    )
  }
)

t.test('siblings: a count that cannot be true allocates nothing', async t => {
  t.throws(() => decodeSiblings(new Uint8Array([1, 9, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 0])), {
    message: /entries are more than fit/
  })
})

t.test('siblings: a time that is no number is not encoded', async t => {
  const broken: Sibling = {
    vnode: 1,
    counter: 1,
    value: new Uint8Array(),
    contentType: '',
    modifiedMs: NaN,
    expiresMs: 0,
    tombstone: false
  }
  t.throws(() => encodeSiblings({ context: withCounter(emptyContext, 1, 1), versions: [broken] }), RangeError)
})

t.test('digestOf: equal where context and dots are, whatever the values; different else', async () => {
  fc.assert(
    fc.property(siblings, siblings, (a, b) => {
      const changed: Siblings = { ...a, versions: a.versions.map(each => ({ ...each, value: new Uint8Array(7), modifiedMs: 1 })) }
      const same =
        relationOfBytes(encodeSiblings(a), encodeSiblings(b)) === 'equal' && a.context.vector.join() === b.context.vector.join()
      return (
        digestOf(encodeSiblings(a)) === digestOf(encodeSiblings(changed)) &&
        (digestOf(encodeSiblings(a)) === digestOf(encodeSiblings(b))) === same
      )
    }),
    { numRuns: 2000 }
  )
})

t.test('relationOfBytes: what relation says of the same siblings', async () => {
  fc.assert(
    fc.property(siblings, siblings, (a, b) => {
      const merged = merge(a, b)
      return [
        [a, b],
        [a, a],
        [a, merged],
        [merged, b]
      ].every(([x, y]) => relationOfBytes(encodeSiblings(x!), encodeSiblings(y!)) === relation(x!, y!))
    }),
    { numRuns: 2000 }
  )
})

t.test('varint: every number up to 2^53 - 1 comes back from as many bytes as were said', async () => {
  const edge = fc.integer({ min: 0, max: 53 }).chain(bits => fc.integer({ min: -2, max: 2 }).map(step => 2 ** bits + step))
  const number = fc.oneof(edge, fc.maxSafeNat()).filter(value => value >= 0 && value <= Number.MAX_SAFE_INTEGER)
  fc.assert(
    fc.property(number, value => {
      const bytes = new Uint8Array(10)
      const end = writeVarint(bytes, 1, value)
      const cursor = { bytes, at: 1 }
      return end === 1 + varintLength(value) && readVarint(cursor) === value && cursor.at === end
    }),
    { numRuns: 5000 }
  )
})
