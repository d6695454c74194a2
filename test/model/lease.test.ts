import fc from 'fast-check'
import t from 'tap'
import {
  finish,
  grant,
  hasLapsed,
  hasten,
  isRunning,
  type Leasable,
  leasable,
  type LeaseTerms,
  lose,
  nextLookMs,
  nextToRun,
  renew,
  revoke,
  schedule
} from '../../model/lease.ts'

const terms: LeaseTerms = { leaseMs: 5_000, crashesMax: 2, backoff: { baseMs: 1_000, maxMs: 8_000 }, runningMax: 2 }

function due(atMs: number, yieldMs = 0, isReady = true): Leasable {
  return leasable(yieldMs, atMs, isReady)
}

t.test('a lease holds for its time from each renewal, and lapses at its end', async t => {
  const item = due(0)
  grant(item, 1, 0, terms)
  t.notOk(hasLapsed(item, 4_999))
  t.equal(renew(item, 1, 7, 4_000, terms), 'held')
  t.notOk(hasLapsed(item, 8_999))
  t.ok(hasLapsed(item, 9_000))
  t.equal(nextLookMs([item], terms), 9_000)
})

t.test('whoever has an older fence has lost the lease: it neither renews nor finishes it', async t => {
  const item = due(0)
  grant(item, 1, 0, terms)
  lose(item, 5_000, 0, terms)
  t.equal(renew(item, 1, 7, 5_001, terms), 'lapsed', 'nobody holds it')
  grant(item, 2, 6_000, terms)
  t.equal(renew(item, 1, 7, 6_001, terms), 'lapsed')
  t.notOk(finish(item, 1, 6_002, 0))
  t.ok(isRunning(item))
  t.ok(finish(item, 2, 6_003, 60_000))
  t.equal(item.dueMs, 66_003)
  t.throws(() => grant(item, 2, 70_000, terms), /a fence rises/)
})

t.test('a holder that was started again goes on under its lease, until it has crashed too often', async t => {
  const item = due(0)
  grant(item, 1, 0, terms)
  t.equal(renew(item, 1, 7, 1, terms), 'held')
  t.equal(renew(item, 1, 8, 2, terms), 'restarted')
  t.equal(renew(item, 1, 7, 3, terms), 'lapsed', 'what its former self had sent')
  t.equal(renew(item, 1, 9, 4, terms), 'restarted')
  t.equal(renew(item, 1, 12, 5, terms), 'exhausted')
})

t.test('after losses in a row an item rests for longer and longer, up to a bound; a run in order ends the row', async t => {
  const item = due(0)
  const rests: number[] = []
  for (let fence = 1; fence <= 6; fence++) {
    grant(item, fence, 0, terms)
    lose(item, 0, 0.999_999, terms)
    rests.push(Math.round(item.dueMs))
  }
  t.same(rests, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000])
  hasten(item, 10)
  t.equal(Math.round(item.dueMs), 8_000, 'nothing hastens it meanwhile')
  grant(item, 7, 8_000, terms)
  finish(item, 7, 8_001, 60_000)
  hasten(item, 8_010)
  t.equal(item.dueMs, 8_010)
  hasten(item, 9_000)
  t.equal(item.dueMs, 8_010, 'a later time does not put it off')
  lose(item, 9_000, 0.5, terms)
  schedule(item, 9_500)
  t.match(item, { dueMs: 9_500, misses: 0 }, 'something has changed: the losses are forgotten')
})

t.test('asked for while it runs, it is begun again at its end; revoked, it waits for its time without a loss', async t => {
  const item = due(0)
  grant(item, 1, 0, terms)
  hasten(item, 5)
  finish(item, 1, 10, 60_000)
  t.equal(item.dueMs, 10)
  grant(item, 2, 10, terms)
  revoke(item, 20)
  t.match(item, { dueMs: 20, misses: 0, untilMs: undefined })
})

t.test('what yields more gives way to what yields less, but not for ever', async t => {
  const handoff = due(100_000, 0)
  const exchange = due(95_000, 30_000)
  t.equal(nextToRun([exchange, handoff], 100_000, terms), handoff)
  t.equal(nextToRun([due(65_000, 30_000), handoff], 100_000, terms)?.yieldMs, 30_000, 'it has waited for longer than it yields')
  t.equal(nextToRun([due(0, 0, false), due(200_000)], 100_000, terms), undefined, 'not ready, not due')
  grant(handoff, 1, 100_000, terms)
  grant(exchange, 2, 100_000, terms)
  t.equal(nextToRun([handoff, exchange, due(0)], 100_000, terms), undefined, 'as many run as may')
  t.equal(nextLookMs([handoff, exchange, due(0)], terms), 105_000)
})

t.test(
  'property: whatever happens, at most runningMax hold a lease, fences rise, and every ready item gets its turn',
  async () => {
    const happening = fc.record({
      item: fc.nat(5),
      kind: fc.constantFrom('done', 'lapse', 'crash', 'hasten', 'wait'),
      afterMs: fc.nat(3_000)
    })
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 200 }), happenings => {
        const items = Array.from({ length: 6 }, (_, index) => due(index * 10, (index % 3) * 1_000))
        const grants = items.map(() => 0)
        let nowMs = 0
        let fence = 0
        const begin = (): void => {
          for (let item = nextToRun(items, nowMs, terms); item !== undefined; item = nextToRun(items, nowMs, terms)) {
            grant(item, ++fence, nowMs, terms)
            grants[items.indexOf(item)]!++
          }
        }
        for (const { item: index, kind, afterMs } of happenings) {
          nowMs += afterMs
          const item = items[index]!
          const before = item.fence
          if (kind === 'done') finish(item, item.fence, nowMs, 500)
          else if (kind === 'hasten') hasten(item, nowMs)
          else if (kind === 'crash') renew(item, item.fence, item.holder + 1, nowMs, terms)
          for (const one of items) if (hasLapsed(one, nowMs)) lose(one, nowMs, 0.5, terms)
          begin()
          if (item.fence < before || items.filter(isRunning).length > terms.runningMax) return false
        }
        // Then all goes well: each one has its turn.
        const so = grants.slice()
        for (let step = 0; step < 200; step++) {
          nowMs += 1_000
          for (const item of items) if (isRunning(item)) finish(item, item.fence, nowMs, 1_000)
          begin()
        }
        return grants.every((count, index) => count > so[index]!)
      })
    )
  }
)
