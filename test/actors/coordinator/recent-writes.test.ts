import fc from 'fast-check'
import t from 'tap'
import { RecentWrites } from '../../../actors/coordinator/recent-writes.ts'
import type { Address, Ref } from '../../../bus/bus.ts'

const max = 4

function from(correlation: number, incarnation = 1, address = 'h.api.store'): Ref {
  return { address: address as Address, correlation, incarnation }
}

t.test('a write is begun once, whoever sends its message again', async t => {
  const recent = new RecentWrites(max)
  t.equal(recent.begin(from(1), 0), true)
  t.equal(recent.begin(from(1), 0), false)
  t.equal(recent.begin(from(1), 2), true, 'it was passed on, and came back')
  t.equal(recent.begin(from(2), 0), true, 'another request')
  t.equal(recent.begin(from(1, 2), 0), true, 'another life of its sender')
})

t.test(`at least the last ${max} are remembered, at most twice as many`, async t => {
  const recent = new RecentWrites(max)
  for (let correlation = 1; correlation <= 2 * max; correlation++) recent.begin(from(correlation), 0)
  for (let correlation = max + 1; correlation <= 2 * max; correlation++) t.equal(recent.begin(from(correlation), 0), false)
  t.equal(recent.begin(from(1), 0), true, 'long ago')
})

t.test('any requests, in any order, some of them twice: each is begun the first time, and only then', async () => {
  const count = 512
  const ref = fc.record({
    address: fc.constantFrom('a.data-0.store', 'a.data-1.store', 'b.data-0.store', 'c1.c.client'),
    correlation: fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat()),
    incarnation: fc.oneof(fc.nat({ max: 3 }), fc.maxSafeNat()),
    hops: fc.nat({ max: 2 })
  })
  fc.assert(
    fc.property(fc.array(ref, { maxLength: count }), requests => {
      const recent = new RecentWrites(count)
      const begun = new Set<string>()
      return requests.every(request => {
        const id = JSON.stringify(request)
        const isNew = !begun.has(id)
        begun.add(id)
        return recent.begin(from(request.correlation, request.incarnation, request.address), request.hops) === isNew
      })
    }),
    { numRuns: 300 }
  )
})
