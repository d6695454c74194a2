import fc from 'fast-check'
import { randomFillSync } from 'node:crypto'
import t from 'tap'
import { deflateRawSync } from 'node:zlib'
import { writeVarint } from '../../model/dot-codec.ts'
import { emptyContext, withCounter } from '../../model/causal-context.ts'
import { limits } from '../../model/limits.ts'
import { merge, type Sibling, type Siblings } from '../../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import {
  deflated,
  isDeflatable,
  isDeflated,
  MalformedValue,
  plainType,
  plainVersion,
  plainVersions,
  type TypedValue
} from '../../model/value-coding.ts'

const version = (given: TypedValue, vnode = 1, counter = 1): Sibling => ({
  vnode,
  counter,
  modifiedMs: 5,
  expiresMs: 0,
  tombstone: false,
  ...given
})
const alone = (sibling: Sibling): Siblings => ({
  context: withCounter(emptyContext, sibling.vnode, sibling.counter),
  versions: [sibling]
})
const isSame = (a: Sibling, b: TypedValue): boolean =>
  a.contentType === b.contentType && Buffer.from(a.value).equals(Buffer.from(b.value))
const contentType = fc.constantFrom('', 'application/json', 'application/octet-stream', 'text/html; charset=utf-8')
const json = Buffer.from(
  JSON.stringify(Array.from({ length: 60 }, (_, id) => ({ id, name: `name-${id}`, isOpen: id % 2 === 0 })))
)

/** Bytes with something in common, as texts have; some repeated from before, some by chance. */
const text = fc
  .array(fc.tuple(fc.constantFrom('"name":"', 'true,', 'Depends', ', lib', '0.0'), fc.uint8Array({ maxLength: 6 })), {
    minLength: 1,
    maxLength: 600
  })
  .map(pieces => Buffer.concat(pieces.flatMap(([word, bytes]) => [Buffer.from(word), bytes])))

const chance = (bytes: number): Uint8Array => randomFillSync(new Uint8Array(bytes))

t.test('deflated: any value that gets smaller comes back with its type, through a record and without one', async t => {
  let smaller = 0
  fc.assert(
    fc.property(fc.oneof(text, fc.uint8Array({ maxLength: 2_000 })), contentType, (value, type) => {
      const given = { value, contentType: type }
      const stored = deflated(given)
      if (stored === undefined) return true
      smaller++
      if (stored.value.length > value.length * (7 / 8) || !isDeflated(stored.contentType)) return false
      const [decoded] = decodeSiblings(encodeSiblings(alone(version(stored)))).versions
      return isSame(plainVersion(version(stored)), given) && isSame(plainVersion(decoded!), given) && isSame(decoded!, stored)
    }),
    { numRuns: 500 }
  )
  t.ok(smaller > 50, `${smaller} got smaller`)
})

t.test('deflated: equal values have equal bytes; the same type but for the mark', async t => {
  const one = deflated({ value: json, contentType: 'application/json' })!
  const other = deflated({ value: Buffer.from(json), contentType: 'application/json' })!
  t.same(one, other)
  t.equal(plainType(one.contentType), 'application/json')
  t.ok(one.value.length < json.length / 3)
})

t.test('values not worth it: small, large, by chance → not tried; hardly smaller → stored as they came', async t => {
  t.ok(isDeflatable(json))
  t.notOk(isDeflatable(json.subarray(0, limits.deflatedBytesMin - 1)))
  t.ok(isDeflatable(json.subarray(0, limits.deflatedBytesMin)))
  t.notOk(isDeflatable(new Uint8Array(limits.deflatedBytesMax + 1)))
  for (const bytes of [512, 1_024, 8_192, 65_536]) t.notOk(isDeflatable(chance(bytes)), `${bytes} bytes by chance`)
  t.ok(isDeflatable(Buffer.from('Příliš žluťoučký kůň úpěl ďábelské ódy. 圧縮は測ってから。'.repeat(20))))
  const sevenBits = Buffer.from(chance(600).map(byte => byte & 0x7f))
  t.ok(isDeflatable(sevenBits))
  t.equal(deflated({ value: sevenBits, contentType: '' }), undefined)
})

t.test('plain versions: what nothing was done to is itself; of a mixture each is as it was written', async t => {
  const plain = version({ value: Buffer.from('as it came'), contentType: 'text/plain' }, 2, 1)
  const small = version(deflated({ value: json, contentType: 'application/json' })!, 1, 7)
  t.equal(plainVersion(plain), plain)
  const untouched = [plain]
  t.equal(plainVersions(untouched), untouched)
  const merged = merge(alone(small), alone(plain))
  const [first, second] = plainVersions(decodeSiblings(encodeSiblings(merged)).versions)
  t.ok(isSame(first!, { value: json, contentType: 'application/json' }))
  t.same([first!.vnode, first!.counter, first!.modifiedMs], [1, 7, 5])
  t.ok(isSame(second!, plain))
})

t.test('records of before: a type without the mark decodes as ever, and its bytes did not change', async t => {
  const record = encodeSiblings(alone(version({ value: Buffer.from('{}'), contentType: 'application/json' })))
  t.equal(Buffer.from(record).toString('hex'), '0109010001010001000101040000000000001440027b7d')
})

t.test(
  'a damaged compressed value: any byte changed, or cut anywhere → MalformedValue, or a value of the length it claims',
  async () => {
    const stored = deflated({ value: json, contentType: 'application/json' })!
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean(), (where, flip, isCut) => {
        const at = where % stored.value.length
        const bytes = Buffer.from(isCut ? stored.value.subarray(0, at) : stored.value)
        if (!isCut) bytes[at] = bytes[at]! ^ flip
        try {
          // Beyond damage the record's checksum sees, deflate cannot tell one letter from another.
          return plainVersion(version({ ...stored, value: bytes })).value.length <= limits.pairBytesCeiling
        } catch (error) {
          return error instanceof MalformedValue
        }
      }),
      { numRuns: 3_000 }
    )
  }
)

t.test('arbitrary bytes as a compressed value → MalformedValue or a bounded value, never anything else', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      try {
        return plainVersion(version({ value: bytes, contentType: '\x01' })).value.length <= limits.pairBytesCeiling
      } catch (error) {
        return error instanceof MalformedValue
      }
    }),
    { numRuns: 5_000 }
  )
})

t.test('a bomb: 64 MB in 64 KB, whatever length it claims → refused, before it is blown up', async t => {
  const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 })
  for (const [claimed, why] of [
    [64 * 1024 * 1024, /it claims 67108864 bytes, a value has at most 524288/],
    [2 ** 53 - 1, /it claims/],
    [limits.pairBytesCeiling, /cannot be read/],
    [0, /cannot be read/]
  ] as const) {
    const head = new Uint8Array(10)
    const length = writeVarint(head, 0, claimed)
    const value = Buffer.concat([head.subarray(0, length), bomb])
    const before = process.memoryUsage().arrayBuffers
    t.throws(() => plainVersion(version({ value, contentType: '\x01text/plain' }, 3, 9)), {
      name: 'MalformedValue',
      message: why,
      vnode: 3,
      counter: 9
    })
    t.ok(process.memoryUsage().arrayBuffers - before < 4 * 1024 * 1024, `${claimed}: memory stays where it was`)
  }
})
