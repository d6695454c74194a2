import t from 'tap'
import { RecentWrites } from '../../actors/recent-writes.ts'
import type { Address, Ref } from '../../bus/bus.ts'

const max = 4

function from(correlation: number, incarnation = 1): Ref {
  return { address: 'h.api.store' as Address, correlation, incarnation }
}

t.test('a write is begun once, whoever sends its message again', async t => {
  const recent = new RecentWrites(max)
  t.equal(recent.begin(from(1)), true)
  t.equal(recent.begin(from(1)), false)
  t.equal(recent.begin(from(2)), true, 'another request')
  t.equal(recent.begin(from(1, 2)), true, 'another life of its sender')
})

t.test('a write that had no effect may be begun again', async t => {
  const recent = new RecentWrites(max)
  recent.begin(from(1))
  recent.forget(from(1))
  t.equal(recent.begin(from(1)), true)
})

t.test(`at least the last ${max} are remembered, at most twice as many`, async t => {
  const recent = new RecentWrites(max)
  for (let correlation = 1; correlation <= 2 * max; correlation++) recent.begin(from(correlation))
  for (let correlation = max + 1; correlation <= 2 * max; correlation++) t.equal(recent.begin(from(correlation)), false)
  t.equal(recent.begin(from(1)), true, 'long ago')
})
