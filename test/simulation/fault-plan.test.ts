import fc from 'fast-check'
import t from 'tap'
import { drawFaults, type FaultKind, faultKinds } from '../../simulation/fault-plan.ts'
import { SeededRandom } from '../../runtime/random.ts'

const bounds = { hosts: ['h1', 'h2', 'h3', 'h4', 'h5'], threads: 2, fromMs: 3_000, untilMs: 123_000 }
const plan = (seed: number, kinds: readonly FaultKind[] = faultKinds) => drawFaults(kinds, bounds, new SeededRandom(seed))
const seeds = fc.integer({ min: 0, max: 1_000_000 })

t.test('fault plan: the same seed gives the same plan, another one another', async t => {
  fc.assert(fc.property(seeds, seed => t.same(plan(seed), plan(seed))))
  t.notSame(plan(1), plan(2))
})

t.test('fault plan: faults begin and end between the bounds, in order of their beginnings, at hosts that there are', async () => {
  fc.assert(
    fc.property(seeds, seed => {
      let before = 0
      return plan(seed).every(fault => {
        const isInOrder = fault.atMs >= before
        before = fault.atMs
        const isWithin = fault.atMs >= bounds.fromMs && fault.atMs + fault.lastsMs <= bounds.untilMs && fault.lastsMs >= 0
        const host = 'host' in fault ? fault.host : 'from' in fault ? fault.from : 'h1'
        return isInOrder && isWithin && bounds.hosts.includes(host) && (!('to' in fault) || fault.to !== fault.from)
      })
    })
  )
})

t.test('fault plan: a kind that is left out leaves the others as they were', async t => {
  fc.assert(
    fc.property(
      seeds,
      fc.subarray(faultKinds.filter(kind => !['wipe', 'restore', 'corrupt', 'remove'].includes(kind))),
      (seed, kinds) => {
        t.same(
          plan(seed, kinds),
          plan(seed).filter(fault => kinds.includes(fault.kind))
        )
      }
    )
  )
})

t.test(
  'fault plan: one fault at most destroys what was acknowledged; every kind comes up, cuts between datacenters where there are two',
  async t => {
    const two = { ...bounds, datacenters: [bounds.hosts.slice(0, 3), bounds.hosts.slice(3)] }
    const met = new Set<string>()
    const metByTwo = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const faults = plan(seed)
      for (const { kind } of faults) met.add(kind)
      for (const { kind } of drawFaults(faultKinds, two, new SeededRandom(seed))) metByTwo.add(kind)
      t.ok(faults.filter(({ kind }) => ['wipe', 'restore', 'corrupt', 'remove'].includes(kind)).length <= 1)
    }
    t.same([...met].sort(), faultKinds.filter(kind => kind !== 'dc-cut').sort())
    t.same([...metByTwo].sort(), [...faultKinds].sort())
  }
)
