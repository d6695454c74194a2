import fc from 'fast-check'
import t from 'tap'
import { mergedBytes } from '../../../actors/vnode/merged-bytes.ts'
import { type CausalContext, emptyContext, withCounter, withDot } from '../../../model/causal-context.ts'
import { merge, relation, resolveLastWriteWins, type Sibling, type Siblings } from '../../../model/siblings.ts'
import { decodeSiblings, encodeSiblings, holdsAllOf, outlineOf } from '../../../model/siblings-codec.ts'

/** A dot names one value for ever: so all of a version follows from it. */
function versionOf([vnode, counter]: readonly [number, number]): Sibling {
  return {
    vnode,
    counter,
    value: Buffer.from(`${vnode}:${counter}`),
    contentType: counter % 3 === 0 ? 'text/html' : '',
    modifiedMs: (vnode * 7 + counter * 5) % 11,
    expiresMs: counter % 4 === 0 ? 99 : 0,
    tombstone: counter % 5 === 0
  }
}

const dot = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 12 }))
const siblings: fc.Arbitrary<Siblings> = fc
  .tuple(
    fc.uniqueArray(dot, { selector: String, maxLength: 3 }),
    fc.array(dot, { maxLength: 3 }),
    fc.array(dot, { maxLength: 2 })
  )
  .map(([dots, entries, single]) => {
    let context: CausalContext = emptyContext
    for (const [vnode, counter] of entries) context = withCounter(context, vnode, counter)
    for (const [vnode, counter] of [...single, ...dots]) context = withDot(context, vnode, counter)
    return { context, versions: dots.map(versionOf).sort((a, b) => a.vnode - b.vnode || a.counter - b.counter) }
  })
const pair = fc.oneof(
  fc.tuple(siblings, siblings),
  siblings.map((a): [Siblings, Siblings] => [a, a]),
  fc.tuple(siblings, siblings).map(([a, b]): [Siblings, Siblings] => [a, merge(a, b)]),
  fc.tuple(siblings, siblings).map(([a, b]): [Siblings, Siblings] => [merge(a, b), a])
)

t.test('a record and what comes for it, any two → the bytes of their merge, resolved as the bucket wants it', async () => {
  fc.assert(
    fc.property(pair, fc.constantFrom('siblings' as const, 'last-write-wins' as const), ([ours, theirs], resolver) => {
      const merged = merge(ours, theirs)
      const wanted = encodeSiblings(resolver === 'siblings' ? merged : resolveLastWriteWins(merged))
      return Buffer.from(mergedBytes(encodeSiblings(ours), encodeSiblings(theirs), resolver)).equals(wanted)
    }),
    { numRuns: 3_000 }
  )
})

t.test('what one record adds to another, by outlines → as by their versions', async () => {
  fc.assert(
    fc.property(pair, ([a, b]) => {
      const how = relation(a, b)
      return holdsAllOf(outlineOf(encodeSiblings(a)), encodeSiblings(b)) === (how === 'after' || how === 'equal')
    }),
    { numRuns: 3_000 }
  )
})

t.test('outlines of bytes, damaged or not → what decoding them finds, or the same error', async t => {
  const damaged = fc.tuple(siblings, fc.nat(), fc.nat(255)).map(([a, where, flip]) => {
    const bytes = Buffer.from(encodeSiblings(a))
    const at = where % bytes.length
    bytes[at] = bytes[at]! ^ flip
    return bytes
  })
  const said = (work: () => unknown): unknown => {
    try {
      return work()
    } catch (error) {
      return String(error)
    }
  }
  fc.assert(
    fc.property(damaged, bytes => {
      const found = said(() => {
        const { context, versions } = decodeSiblings(bytes)
        const dots = versions.flatMap(({ vnode, counter }) => [vnode, counter])
        return { context, dots, hasTombstone: versions.some(({ tombstone }) => tombstone) }
      })
      return JSON.stringify(said(() => outlineOf(bytes))) === JSON.stringify(found)
    }),
    { numRuns: 3_000 }
  )
  t.pass()
})
