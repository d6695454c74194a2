import fc from 'fast-check'
import t from 'tap'
import {
  compare,
  counterOf,
  covers,
  descends,
  emptyVector,
  epochOf,
  join,
  raised,
  uidOf,
  vnodeIdOf,
  type VersionVector
} from '../../model/version-vector.ts'

const vnode = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 2 ** 52 - 1 }))
const vector: fc.Arbitrary<VersionVector> = fc
  .uniqueArray(fc.tuple(vnode, fc.integer({ min: 1, max: 5 })), { selector: ([id]) => id, maxLength: 6 })
  .map(entries => entries.sort(([a], [b]) => a - b).flat())

t.test('vnode id: uid and epoch come back, at both ends of their ranges', async t => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 0, max: 0xf_ffff }), (uid, epoch) => {
      const id = vnodeIdOf(uid, epoch)
      return Number.isSafeInteger(id) && id < 2 ** 52 && uidOf(id) === uid && epochOf(id) === epoch
    })
  )
  t.throws(() => vnodeIdOf(2 ** 32, 0), RangeError)
  t.throws(() => vnodeIdOf(-1, 0), RangeError)
  t.throws(() => vnodeIdOf(1, 2 ** 20), RangeError)
  t.throws(() => vnodeIdOf(1, 0.5), RangeError)
})

t.test('join: commutative, associative, idempotent, and the least that descends from both', async () => {
  fc.assert(
    fc.property(vector, vector, vector, (a, b, c) => {
      const ab = join(a, b)
      return (
        compare(ab, join(b, a)) === 'equal' &&
        compare(join(ab, c), join(a, join(b, c))) === 'equal' &&
        join(a, a) === a &&
        descends(ab, a) &&
        descends(ab, b) &&
        (!descends(c, a) || !descends(c, b) || descends(c, ab)) &&
        ab.every((id, at) => at % 2 === 1 || at === 0 || ab[at - 2]! < id)
      )
    }),
    { numRuns: 2000 }
  )
})

t.test('join: returns an argument itself where it descends from the other', async () => {
  fc.assert(
    fc.property(vector, vector, (a, b) => {
      if (descends(a, b)) return join(a, b) === a
      if (descends(b, a)) return join(a, b) === b
      return true
    })
  )
})

t.test('compare: agrees with descends both ways', async () => {
  fc.assert(
    fc.property(vector, vector, (a, b) => {
      const expected = descends(a, b) ? (descends(b, a) ? 'equal' : 'after') : descends(b, a) ? 'before' : 'concurrent'
      return compare(a, b) === expected
    }),
    { numRuns: 2000 }
  )
})

t.test('covers: an entry covers each counter up to its own, and an unknown vnode none', async t => {
  const known: VersionVector = [3, 10, 7, 2]
  t.ok(covers(known, 3, 10))
  t.ok(covers(known, 3, 4))
  t.notOk(covers(known, 3, 11))
  t.notOk(covers(known, 5, 1))
  t.equal(counterOf(known, 7), 2)
  t.equal(counterOf(emptyVector, 7), 0)
})

t.test('raised: never lowers, keeps the order, and returns the vector itself where nothing changes', async () => {
  fc.assert(
    fc.property(vector, vnode, fc.integer({ min: 1, max: 9 }), (a, id, counter) => {
      const b = raised(a, id, counter)
      if (counterOf(a, id) >= counter) return b === a
      return (
        counterOf(b, id) === counter &&
        compare(b, join(a, [id, counter])) === 'equal' &&
        b.length === join(a, [id, counter]).length
      )
    })
  )
})
