import fc from 'fast-check'
import t from 'tap'
import { covers as seen } from '../../model/causal-context.ts'
import { admitted, isPurgeable, keptBeside, provenFloor, stripped, withoutPurged } from '../../model/floor.ts'
import { merge, type Sibling, type Siblings } from '../../model/siblings.ts'
import { covers, descends, type VersionVector } from '../../model/version-vector.ts'

const ids = [3, 5, 8]

function version(vnode: number, counter: number, tombstone = false): Sibling {
  const value = Buffer.from(`${vnode}:${counter}`)
  return { vnode, counter, value, contentType: '', modifiedMs: 0, expiresMs: 0, tombstone }
}

function siblings(versions: readonly Sibling[], vector: VersionVector = []): Siblings {
  const cloud = versions
    .filter(({ vnode, counter }) => !covers(vector, vnode, counter))
    .flatMap(({ vnode, counter }) => [vnode, counter])
  return { context: { vector, cloud }, versions }
}

const vectors = fc
  .tuple(...ids.map(() => fc.integer({ min: 0, max: 6 })))
  .map(counters => ids.flatMap((id, at) => (counters[at]! > 0 ? [id, counters[at]!] : [])))
const records = fc
  .tuple(
    fc.uniqueArray(fc.tuple(fc.constantFrom(...ids), fc.integer({ min: 1, max: 6 }), fc.boolean()), {
      selector: ([id, counter]) => `${id}:${counter}`,
      maxLength: 4
    }),
    vectors
  )
  .map(([dots, vector]) =>
    siblings(
      dots
        .map(([id, counter, tombstone]) => version(id, counter, tombstone))
        .sort((a, b) => a.vnode - b.vnode || a.counter - b.counter),
      vector
    )
  )

t.test('floor: what it does not cover comes in as it is, whatever else is there', async t => {
  fc.assert(
    fc.property(vectors, records, records, (floor, local, incoming) => {
      const taken = admitted(floor, local, incoming, undefined)
      const news = incoming.versions.filter(({ vnode, counter }) => !covers(floor, vnode, counter))
      return news.every(one => taken?.versions.includes(one))
    })
  )
  const one = siblings([version(3, 7)])
  t.equal(admitted([3, 6], undefined, one, undefined), one)
})

t.test('I12: floor: what it covers and is not here does not come in; nothing is left → nothing is stored', async t => {
  fc.assert(
    fc.property(vectors, records, (floor, incoming) => {
      const taken = admitted(floor, undefined, incoming, undefined)
      return (taken?.versions ?? []).every(({ vnode, counter }) => !covers(floor, vnode, counter))
    })
  )
  t.equal(admitted([3, 6], undefined, siblings([version(3, 6)]), undefined), undefined)
  t.equal(
    admitted([3, 6], undefined, siblings([version(3, 6, true)]), [3, 6]),
    undefined,
    'a tombstone that was purged stays away'
  )
})

t.test(
  'I5: floor: a replica that lost a version takes it back from one whose floor is as high, not from one that went back',
  async t => {
    const held = siblings([version(3, 4)], [3, 4])
    t.equal(admitted([3, 6], undefined, held, [3, 6, 5, 1]), held)
    t.equal(admitted([3, 6], undefined, held, [3, 5]), undefined)
    t.equal(admitted([3, 6], undefined, held, undefined), undefined)
  }
)

t.test('floor: what is stored beside a purged value never replaces anything by itself', async t => {
  fc.assert(
    fc.property(vectors, records, records, (floor, incoming, elsewhere) => {
      const taken = admitted(floor, undefined, incoming, undefined)
      if (taken === undefined || taken === incoming || taken.context === incoming.context) return true
      // All that another replica holds survives the merge, but for what is the same dot.
      const merged = merge(taken, elsewhere)
      return elsewhere.versions.every(({ vnode, counter }) =>
        taken.versions.some(one => one.vnode === vnode && one.counter === counter)
          ? true
          : merged.versions.some(one => one.vnode === vnode && one.counter === counter)
      )
    })
  )
  t.same(
    admitted([3, 6], undefined, siblings([version(3, 4), version(5, 1)], [3, 4, 5, 1]), undefined),
    siblings([version(5, 1)])
  )
})

t.test('floor: a record is purged only where it says nothing but deleted, and nothing that is still on its way', async t => {
  const deleted = siblings([version(3, 4, true)], [3, 4, 5, 2])
  t.ok(isPurgeable([3, 4, 5, 2], deleted))
  t.notOk(isPurgeable([3, 4, 5, 1], deleted), 'what it replaced may still come')
  t.notOk(isPurgeable([3, 4, 5, 2], siblings([version(3, 4, true), version(5, 2)], [3, 4, 5, 2])))
  fc.assert(
    fc.property(vectors, records, (floor, record) => {
      // What was purged stays away: its dots are covered, and so is all that it had replaced.
      if (!isPurgeable(floor, record)) return true
      return (
        (record.versions.every(one => one.tombstone) &&
          admitted(floor, undefined, record, undefined)?.versions.length !== record.versions.length) ||
        record.versions.length === 0
      )
    })
  )
})

t.test('floor: who is told that a version is purged drops it, unless its own floor is as high', async t => {
  const held = siblings([version(3, 4), version(5, 9)], [3, 4, 5, 9])
  t.same(stripped(held, [3, 2], [3, 6]), siblings([version(5, 9)]))
  t.equal(stripped(held, [3, 6], [3, 6]), held)
  t.equal(stripped(siblings([version(3, 4)], [3, 4]), undefined, [3, 6]), undefined)
})

t.test(
  'I12: floor: who takes a key over drops what the floor covers and the owner does not know, and loses nothing else of either',
  async t => {
    const holds = (record: Siblings | undefined, one: Sibling): boolean =>
      record?.versions.some(({ vnode, counter }) => vnode === one.vnode && counter === one.counter) === true
    const knows = ({ context }: Siblings, { vnode, counter }: Sibling): boolean => seen(context, vnode, counter)
    fc.assert(
      fc.property(vectors, records, fc.option(records, { nil: undefined }), (floor, own, theirs) => {
        const kept = keptBeside(own, floor, theirs)
        const merged = theirs === undefined ? kept : kept === undefined ? theirs : merge(kept, theirs)
        const plain = theirs === undefined ? own : merge(own, theirs)
        for (const one of merged?.versions ?? []) {
          if (covers(floor, one.vnode, one.counter) && !(theirs !== undefined && holds(theirs, one))) return false
        }
        // What a plain merge keeps and the floor does not speak of stays.
        return plain.versions.every(
          one =>
            holds(merged, one) ||
            (covers(floor, one.vnode, one.counter) && !(theirs !== undefined && (holds(theirs, one) || knows(theirs, one))))
        )
      })
    )
    const stale = siblings([version(3, 4)], [3, 4])
    t.equal(keptBeside(stale, [3, 6], undefined), undefined)
    t.equal(keptBeside(stale, [3, 3], undefined), stale)
    t.equal(keptBeside(stale, [3, 6], stale), stale)
    t.same(keptBeside(siblings([version(3, 4), version(5, 1)], [3, 4, 5, 1]), [3, 6], undefined), siblings([version(5, 1)]))
  }
)

t.test('I12: a read leaves out what one replica has purged and another went back to', async t => {
  const old = siblings([version(3, 4)], [3, 4])
  const nothing = siblings([])
  t.same(
    withoutPurged(old, [
      { siblings: old, floor: undefined },
      { siblings: nothing, floor: [3, 6] }
    ]).versions,
    []
  )
  t.equal(
    withoutPurged(old, [
      { siblings: old, floor: [3, 6] },
      { siblings: nothing, floor: [3, 6] }
    ]),
    old
  )
})

t.test('floor: never beyond what every owner has seen, twice, nor beyond what may still be on its way', async t => {
  const witness = fc.record({ floor: fc.constant<VersionVector>([]), seen: vectors, seenBefore: vectors })
  fc.assert(
    fc.property(fc.array(witness, { minLength: 1, maxLength: 4 }), vectors, (witnesses, minting) => {
      const floor = provenFloor(witnesses, minting)
      for (const { seen, seenBefore } of witnesses) if (!descends(seen, floor) || !descends(seenBefore, floor)) return false
      for (let at = 0; at < minting.length; at += 2) if (covers(floor, minting[at]!, minting[at + 1]! + 1)) return false
      return true
    })
  )
  const seen = [3, 6, 5, 2]
  t.same(provenFloor([{ floor: [8, 1], seen, seenBefore: seen }], [3, 4, 5, 0]), [3, 4, 8, 1])
})
