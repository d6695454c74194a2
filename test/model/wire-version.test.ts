import fc from 'fast-check'
import t from 'tap'
import { releaseOf, versionTold, wireRange, wireRangeOf, wireRefusal, wireSpoken } from '../../model/wire-version.ts'

const release = fc.stringMatching(/^[0-9]\.[0-9]{1,2}\.[0-9](-rc[0-9])?(\+[a-z]{1,5})?$/)
const range = fc
  .tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 20 }))
  .map(([least, more]) => ({ least, most: least + more }))
const told = fc.tuple(release, range).map(([one, of]) => versionTold(one, of))
const anyVersion = fc.oneof(told, release)

t.test('wire versions: release and range come back from what a row says', async () => {
  fc.assert(
    fc.property(release, range, (one, of) => {
      const version = versionTold(one, of)
      return releaseOf(version) === one && JSON.stringify(wireRangeOf(version)) === JSON.stringify(of)
    })
  )
})

t.test('wire versions: a row that says none, or nonsense, is of a host that speaks version 1', async t => {
  for (const version of [
    '',
    '0.1.0',
    '0.1.0+build',
    '0.1.0+wire.3-2',
    '0.1.0+wire.0-2',
    '0.1.0+wire.1',
    '0.1.0+wire.1-2x',
    '+wire.1-9999999'
  ])
    t.same(wireRangeOf(version), { least: 1, most: 1 }, version)
  t.equal(releaseOf('0.1.0'), '0.1.0')
})

t.test('wire versions: what is spoken is known to all members, and one more would not be', async () => {
  fc.assert(
    fc.property(fc.array(anyVersion, { minLength: 1, maxLength: 8 }), versions => {
      const knows = (one: number): boolean =>
        versions.every(version => wireRangeOf(version).least <= one && one <= wireRangeOf(version).most)
      const spoken = wireSpoken(versions)
      const known = Array.from({ length: 80 }, (_, one) => one).filter(knows)
      return spoken === known.at(-1)
    })
  )
})

t.test(
  'wire versions: who is let in understands what is spoken; who is not is told whether it is too old or too new',
  async t => {
    fc.assert(
      fc.property(anyVersion, fc.array(anyVersion, { minLength: 1, maxLength: 8 }), (version, others) => {
        const spoken = wireSpoken(others)
        const why = wireRefusal(version, others)
        if (spoken === undefined) return why === undefined
        const { least, most } = wireRangeOf(version)
        if (why === undefined) return least <= spoken && spoken <= most
        return why.startsWith(most < spoken ? 'it is too old' : 'it is too new') && (most < spoken || least > spoken)
      })
    )
    t.equal(
      wireRefusal('0.1.0', ['0.2.0+wire.1-2', '0.2.0+wire.1-2']),
      'it is too old: release 0.1.0 speaks wire versions 1 to 1, the cluster speaks 2; start it from a newer release'
    )
    t.equal(
      wireRefusal('0.4.0+wire.3-4', ['0.2.0+wire.1-2', '0.1.0']),
      'it is too new: release 0.4.0 speaks wire versions 3 to 4, the cluster speaks 1; first bring the other hosts to a release that speaks 3'
    )
    t.equal(wireRefusal('0.1.0', []), undefined, 'who is alone speaks as it likes')
  }
)

t.test('wire versions: this build speaks with the one before it', async t => {
  t.equal(wireSpoken([versionTold('0.2.0'), '0.1.0']), 1)
  t.equal(wireSpoken([versionTold('0.2.0'), versionTold('0.2.1')]), wireRange.most)
})
