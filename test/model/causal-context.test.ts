import fc from 'fast-check'
import t from 'tap'
import {
  contextOfWrite,
  counterSeen,
  covers,
  decodeContext,
  descends,
  emptyContext,
  encodeContext,
  entriesOf,
  equal,
  join,
  withCounter,
  withDot,
  type CausalContext
} from '../../model/causal-context.ts'
import { isFault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { vnodeIdOf } from '../../model/version-vector.ts'

const vnode = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 4 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0xf_ffff }))
      .map(([u, e]) => vnodeIdOf(u, e))
  }
)
const counter = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 6 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 ** 53 - 1 }) }
)
const dots = fc.array(fc.tuple(vnode, counter), { maxLength: 6 })
const context: fc.Arbitrary<CausalContext> = fc.tuple(dots, dots).map(([entries, singles]) => {
  let built = emptyContext
  for (const [id, count] of entries) built = withCounter(built, id, count)
  for (const [id, count] of singles) built = withDot(built, id, count)
  return built
})

function isCanonical({ vector, cloud }: CausalContext): boolean {
  for (let at = 2; at < vector.length; at += 2) if (vector[at - 2]! >= vector[at]!) return false
  for (let at = 0; at < cloud.length; at += 2) {
    if (covers({ vector, cloud: [] }, cloud[at]!, cloud[at + 1]!)) return false
    if (at > 0 && (cloud[at - 2]! - cloud[at]! || cloud[at - 1]! - cloud[at + 1]!) >= 0) return false
  }
  return true
}

t.test('join: commutative, associative, idempotent, canonical, covers what either covers and nothing else', async () => {
  fc.assert(
    fc.property(context, context, context, vnode, counter, (a, b, c, id, count) => {
      const ab = join(a, b)
      return (
        isCanonical(ab) &&
        equal(ab, join(b, a)) &&
        equal(join(ab, c), join(a, join(b, c))) &&
        join(a, a) === a &&
        descends(ab, a) &&
        descends(ab, b) &&
        covers(ab, id, count) === (covers(a, id, count) || covers(b, id, count))
      )
    }),
    { numRuns: 3000 }
  )
})

t.test('join: returns an argument itself where it descends from the other', async () => {
  fc.assert(
    fc.property(context, context, (a, b) => {
      const ab = join(a, b)
      return join(a, ab) === ab && join(ab, b) === ab
    }),
    { numRuns: 2000 }
  )
})

t.test('descends: a partial order whose equality is equal bytes', async () => {
  fc.assert(
    fc.property(context, context, context, (a, b, c) => {
      const both = descends(a, b) && descends(b, a)
      return (
        both === equal(a, b) &&
        equal(a, b) === (encodeContext(a) === encodeContext(b)) &&
        (!descends(a, b) || !descends(b, c) || descends(a, c))
      )
    }),
    { numRuns: 2000 }
  )
})

t.test(
  'a dot of the cloud: covers itself only, and goes into an entry that is at least as high, not into the one before it',
  async t => {
    const base = withCounter(emptyContext, 7, 3)
    const beyond = withDot(base, 7, 4)
    t.same(beyond, { vector: [7, 3], cloud: [7, 4] }, 'not absorbed by being the next')
    t.notOk(covers(beyond, 7, 5))
    t.same(withCounter(beyond, 7, 9), { vector: [7, 9], cloud: [] })
    t.equal(withDot(base, 7, 2), base, 'covered already')
    t.equal(counterSeen(beyond, 7), 4)
    t.equal(counterSeen(beyond, 8), 0)
  }
)

t.test('contextOfWrite: what the writer had seen and its own dot, in no more entries than a client may send', async t => {
  let known = withCounter(emptyContext, 1, 5)
  for (let count = 1; count <= 3 * limits.contextEntriesMax; count++) {
    known = contextOfWrite(known, { vnode: 2, counter: 2 * count })
    if (entriesOf(known) > limits.contextEntriesMax) t.fail(`${entriesOf(known)} entries`)
    if (!covers(known, 2, 2 * count) || covers(known, 2, 2 * count - 1)) t.fail(`wrong after ${count} writes`)
  }
  t.ok(covers(known, 1, 5))
  t.notOk(isFault(decodeContext(encodeContext(known))))
  let mixed = emptyContext
  for (let count = 1; count <= limits.contextEntriesMax; count++) mixed = withDot(mixed, count, 1)
  mixed = contextOfWrite(mixed, { vnode: 9, counter: 3 })
  t.equal(entriesOf(mixed), limits.contextEntriesMax)
  t.ok(covers(mixed, 9, 3))
})

t.test('token: decodes to the context it was made of', async () => {
  fc.assert(
    fc.property(context, a => {
      const b = decodeContext(encodeContext(a))
      return !isFault(b) && equal(a, b)
    }),
    { numRuns: 3000 }
  )
})

t.test('token: any one character changed, left out, put in or cut off is a bad_request that says what to do', async () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  fc.assert(
    fc.property(context, fc.nat(), fc.nat(63), fc.constantFrom('change', 'drop', 'insert', 'cut'), (a, where, letter, how) => {
      const token = encodeContext(a)
      const at = where % token.length
      const put = how === 'change' || how === 'insert' ? alphabet[letter]! : ''
      const rest = how === 'cut' ? '' : token.slice(how === 'insert' ? at : at + 1)
      const altered = token.slice(0, at) + put + rest
      if (altered === token) return true
      const result = decodeContext(altered)
      return (
        isFault(result) &&
        result.code === 'bad_request' &&
        result.detail.startsWith('context ') &&
        /read|write/.test(result.detail)
      )
    }),
    { numRuns: 5000 }
  )
})

t.test('token: arbitrary text never throws and is never taken for a context', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.uint8Array({ maxLength: 60 }).map(b => Buffer.from(b).toString('base64url'))
      ),
      text => isFault(decodeContext(text))
    ),
    { numRuns: 3000 }
  )
})

t.test('token: empty, too long, or with more entries than a client may send → bad_request with the limit', async t => {
  t.match(decodeContext(''), { code: 'bad_request', detail: /context is empty/ })
  t.match(decodeContext('A'.repeat(1_000_000)), { code: 'bad_request', detail: /1000000 characters, the limit is/ })
  let many = emptyContext
  for (let count = 1; count <= limits.contextEntriesMax; count++)
    many = withDot(many, vnodeIdOf(4_000_000_000, 1_000_000 - count), 2 ** 53 - count)
  t.notOk(isFault(decodeContext(encodeContext(many))), 'as many as allowed')
  many = withDot(many, 5, 5)
  t.match(decodeContext(encodeContext(many)), {
    code: 'bad_request',
    limit: limits.contextEntriesMax,
    size: limits.contextEntriesMax + 1
  })
})
