import fc from 'fast-check'
import t from 'tap'
import { HintLedger, hintLedgerOf } from '../../../actors/vnode/hint-ledger.ts'
import { vnodeIdOf } from '../../../model/version-vector.ts'
import { CountingDotClock } from '../../../storage/dot-clock.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { VirtualDisk } from '../../../storage/virtual-disk.ts'

function balance({ figures }: HintLedger): boolean {
  const { created, delivered, superseded, pending } = figures
  return created === delivered + superseded + pending && pending >= 0
}

t.test(
  'I13: hints are kept, replaced and delivered in any order → the ledger balances, and knows what is on the disk',
  async () => {
    const step = fc.record({ target: fc.integer({ min: 1, max: 3 }), key: fc.nat(4), isKept: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step), fc.array(fc.nat(3), { maxLength: 4 }), (steps, found) => {
        const ledger = new HintLedger(true)
        const onDisk = new Set<string>()
        for (const [key, target] of found.entries()) onDisk.add(`${target}/old${key}`)
        const counted = new Map<number, number>()
        for (const target of found) counted.set(target, (counted.get(target) ?? 0) + 1)
        const hints = ledger.open(0, counted)
        for (const { target, key, isKept } of steps) {
          const id = `${target}/${key}`
          hints.unsettled++
          if (isKept) {
            hints.targets.add(target)
            ledger.kept(hints, target, onDisk.has(id))
            onDisk.add(id)
          } else if (onDisk.delete(id)) ledger.delivered(hints, target)
          ledger.settled(hints)
        }
        const pending = new Map<number, number>()
        for (const id of onDisk) {
          const target = Number(id.slice(0, id.indexOf('/')))
          pending.set(target, (pending.get(target) ?? 0) + 1)
        }
        const listed = new Map([...ledger.pending()].map(({ target, pending: count }) => [target, count]))
        const isListed = listed.size === pending.size && [...pending].every(([target, count]) => listed.get(target) === count)
        const isWatched = [...pending.keys()].every(target => hints.targets.has(target)) && hints.targets.size === pending.size
        return balance(ledger) && ledger.figures.pending === onDisk.size && isListed && isWatched
      })
    )
  }
)

t.test(
  'what is found on the disk at the start counts as created, and a target that has all of its hints is looked for no more',
  async t => {
    const ledger = new HintLedger(false)
    const hints = ledger.open(
      3,
      new Map([
        [7, 2],
        [9, 1]
      ])
    )
    t.same(ledger.figures, { created: 3, superseded: 0, delivered: 0, pending: 3 })
    t.same(ledger.targets().sort(), [7, 9])
    t.equal(ledger.partition(3), hints)
    t.equal(ledger.partition(4), undefined)
    for (let delivery = 0; delivery < 2; delivery++) {
      hints.unsettled++
      ledger.delivered(hints, 7)
      ledger.settled(hints)
    }
    t.same([...ledger.pending()], [{ partition: 3, target: 9, pending: 1 }])
    t.same([...hints.targets], [9])
    t.ok(balance(ledger))
  }
)

t.test('a hint for the target is being written while the last one is delivered → readers go on to look for it', async t => {
  const ledger = new HintLedger(true)
  const hints = ledger.open(0, new Map([[7, 1]]))
  hints.unsettled += 2
  ledger.delivered(hints, 7)
  ledger.settled(hints)
  t.ok(hints.targets.has(7))
  ledger.kept(hints, 7, false)
  ledger.settled(hints)
  t.ok(hints.targets.has(7))
  t.equal(ledger.figures.pending, 1)
})

t.test('a hint is delivered and erased before it is flushed → nothing is pending once both are through', async t => {
  const ledger = new HintLedger(true)
  const hints = ledger.open(0, new Map())
  hints.unsettled += 2
  hints.targets.add(7)
  ledger.delivered(hints, 7)
  ledger.settled(hints)
  t.same(ledger.targets(), [], 'nothing to hand off meanwhile')
  ledger.kept(hints, 7, false)
  ledger.settled(hints)
  t.same(ledger.figures, { created: 1, superseded: 0, delivered: 1, pending: 0 })
  t.same([...ledger.pending()], [])
  t.equal(hints.targets.size, 0)
})

t.test('a hint is refused by the disk → readers look for hints of that host no more', async t => {
  const ledger = new HintLedger(true)
  const hints = ledger.open(0, new Map())
  hints.unsettled++
  hints.targets.add(7)
  ledger.settled(hints)
  t.equal(hints.targets.size, 0)
})

t.test('one ledger for each store, made once: it says whether the thread has minted anything before', async t => {
  const store = new MemoryStore({ disk: new VirtualDisk(), schedule: () => {}, commitMs: 0.2, flushMs: 1 })
  const dots = new CountingDotClock({ vnode: vnodeIdOf(1, 1), counter: 0 })
  const ledger = hintLedgerOf(store, dots)
  t.equal(ledger.open(0, new Map()).isComplete, true)
  t.equal(hintLedgerOf(store, dots), ledger)
  t.equal(dots.next(), 2, 'the second call takes no number')
  const other = new MemoryStore({ disk: new VirtualDisk(), schedule: () => {}, commitMs: 0.2, flushMs: 1 })
  t.equal(hintLedgerOf(other, dots).open(0, new Map()).isComplete, false)
})
