import fc from 'fast-check'
import t from 'tap'
import { OwedLedger } from '../../actors/replication/owed-ledger.ts'
import { type Key, keyOfText, systemKeysEnd } from '../../model/key.ts'
import { decodeOwed, encodeOwed, keyOfOwed, owedEnd, owedKeyOf, owedStart, owedTagOf, tagOfOwed } from '../../model/owed.ts'

t.test('any note → its key names datacenter and key, lies among the system’s own, and its bytes say the same again', async () => {
  const note = fc.record({
    sinceMs: fc.nat(2 ** 31 - 1).map(seconds => seconds * 1000),
    digest: fc.maxSafeNat(),
    siblings: fc.uint8Array({ maxLength: 40 })
  })
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), note, (dc, text, owed) => {
      const key = keyOfText('b', text)
      const owedKey = owedKeyOf(owedTagOf(dc), key)
      const read = decodeOwed(encodeOwed(owed))
      return (
        owedKey > owedStart &&
        owedKey < owedEnd &&
        owedKey < (systemKeysEnd as string) &&
        tagOfOwed(owedKey) === owedTagOf(dc) &&
        keyOfOwed(owedKey) === key &&
        read.sinceMs === owed.sinceMs &&
        read.digest === owed.digest &&
        Buffer.compare(read.siblings, owed.siblings) === 0
      )
    })
  )
})

t.test('bytes that are too short → a sentence', async t => {
  t.throws(() => decodeOwed(new Uint8Array(3)), /has 3 bytes/)
})

t.test(
  'I13: notes come, are replaced, delivered, counted anew, in any order → the ledger adds up, and knows the oldest',
  async () => {
    const step = fc.record({
      what: fc.constantFrom('keep', 'deliver', 'recount'),
      partition: fc.nat(1),
      key: fc.nat(4).map(n => `k${n}` as Key),
      tag: fc.nat(1)
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const ledger = new OwedLedger()
        const notes = new Map<string, { partition: number; tag: number; sinceMs: number }>()
        for (const partition of [0, 1]) ledger.open(partition, [])
        for (const [at, { what, partition, key, tag }] of steps.entries()) {
          const name = `${partition} ${tag} ${key}`
          const known = notes.get(name)
          if (what === 'keep') {
            const sinceMs = known?.sinceMs ?? at * 1000
            ledger.kept(partition, tag, sinceMs, known !== undefined)
            notes.set(name, { partition, tag, sinceMs })
          } else if (what === 'deliver' && known !== undefined) {
            ledger.settled(partition, tag, known.sinceMs, true)
            notes.delete(name)
          } else if (what === 'recount')
            ledger.open(
              partition,
              [...notes.values()].filter(note => note.partition === partition)
            )
          const { created, superseded, delivered, pending } = ledger.figures
          if (created !== superseded + delivered + pending || pending !== notes.size) return false
          const oldest = [...notes.values()].filter(note => note.tag === 0).map(note => note.sinceMs)
          if (ledger.oldestMs(0) !== (oldest.length === 0 ? undefined : Math.min(...oldest))) return false
        }
        return true
      })
    )
  }
)
