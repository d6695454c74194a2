import fc from 'fast-check'
import t from 'tap'
import { capacityOf, type CapacityEstimate, estimateCapacity } from '../../../model/capacity/capacity.ts'
import { capacityDefaults, type CapacityPlan } from '../../../model/capacity/capacity-plan.ts'
import { limits } from '../../../model/limits.ts'

const plan: CapacityPlan = {
  ...capacityDefaults,
  keys: 1e8,
  keyBytes: 24,
  valueBytes: 400,
  readsPerSecond: 40_000,
  writesPerSecond: 10_000
}

const anyPlan: fc.Arbitrary<CapacityPlan> = fc
  .record({
    keys: fc.integer({ min: 1, max: 2_000_000_000 }),
    keyBytes: fc.integer({ min: 1, max: 512 }),
    valueBytes: fc.integer({ min: 0, max: 20_000 }),
    readsPerSecond: fc.integer({ min: 0, max: 2_000_000 }),
    writesPerSecond: fc.integer({ min: 0, max: 500_000 }),
    n: fc.integer({ min: 1, max: 7 }),
    growthPerYear: fc.double({ min: 0, max: 1, noNaN: true }),
    years: fc.integer({ min: 0, max: 5 }),
    hotShare: fc.double({ min: 0, max: 1, noNaN: true }),
    rewritten: fc.double({ min: 0, max: 1, noNaN: true }),
    keyOrder: fc.constantFrom('any' as const, 'ascending' as const),
    failures: fc.integer({ min: 0, max: 3 }),
    hostCpu: fc.integer({ min: 1, max: 64 }),
    hostMemory: fc.integer({ min: 2e9, max: 512e9 }),
    hostDisk: fc.integer({ min: 10e9, max: 8e12 })
  })
  .map(drawn => ({ ...capacityDefaults, r: Math.min(2, drawn.n), w: Math.min(2, drawn.n), ...drawn }))

const hostsOf = (one: CapacityPlan): number => estimateCapacity(one)?.hosts ?? limits.hostsMax + 1

/** Inputs of which more is more work, by how much at most. */
const more: readonly (readonly [keyof CapacityPlan, most: number])[] = [
  ['keys', 1e12],
  ['keyBytes', 512],
  ['valueBytes', 500_000],
  ['readsPerSecond', 1e9],
  ['writesPerSecond', 1e9],
  ['n', 16],
  ['growthPerYear', 10],
  ['years', 20],
  ['hotShare', 1],
  ['rewritten', 1],
  ['failures', 16]
]
const room = ['hostMemory', 'hostDisk', 'hostNetwork', 'cpuUse', 'memoryUse', 'diskUse', 'networkUse'] as const
const wholes = ['keys', 'n', 'failures']

for (const [name, most] of more) {
  t.test(`capacity: any load, more of ${name} → never fewer hosts`, async () => {
    const greater = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(anyPlan, greater, (less, share) => {
        const value = (less[name] as number) + ((most - (less[name] as number)) * share) ** (0.3 + 0.7 * share)
        const raised = { ...less, [name]: Math.min(most, wholes.includes(name) ? Math.ceil(value) : value) }
        if (raised.r > raised.n) return true
        return hostsOf(raised) >= hostsOf(less)
      }),
      { numRuns: 40 }
    )
  })
}

t.test('capacity: any load, a host with more room → never more hosts', async () => {
  fc.assert(
    fc.property(anyPlan, fc.constantFrom(...room), fc.double({ min: 1, max: 4, noNaN: true }), (small, name, times) => {
      const large = { ...small, [name]: name.endsWith('Use') ? Math.min(1, small[name] * times) : small[name] * times }
      return hostsOf(large) <= hostsOf(small)
    }),
    { numRuns: 40 }
  )
})

t.test(
  'capacity: any load, more replicas asked by a get, or more cores where room is no question → as they have to',
  async () => {
    fc.assert(
      fc.property(anyPlan, drawn => {
        const roomy = { ...drawn, hostMemory: 1e14, hostDisk: 1e16 }
        const cores = hostsOf({ ...roomy, hostCpu: roomy.hostCpu * 2 }) <= hostsOf(roomy)
        return (
          cores && hostsOf({ ...drawn, r: drawn.n }) >= hostsOf(drawn) && hostsOf({ ...drawn, w: drawn.n }) === hostsOf(drawn)
        )
      }),
      { numRuns: 40 }
    )
  }
)

t.test('capacity: any load → n hosts or more, enough of everything, and one fewer is not enough', async () => {
  fc.assert(
    fc.property(anyPlan, drawn => {
      const found = estimateCapacity(drawn)
      if (found === undefined) return true
      const isEnough = (one: CapacityEstimate): boolean =>
        Object.values(one.use).every(({ needed, allowed }) => needed <= allowed)
      const least = Math.max(drawn.n, drawn.failures + 1)
      if (found.hosts < least || !isEnough(found)) return false
      if (found.hosts === least) return found.decidedBy === 'replicas'
      const fewer = capacityOf(drawn, found.hosts - 1)
      return !isEnough(fewer) && fewer.decidedBy === found.decidedBy
    }),
    { numRuns: 100 }
  )
})

t.test('capacity: the resource that decides is the one of which there is too little', async t => {
  t.equal(estimateCapacity({ ...plan, keys: 1_000, readsPerSecond: 10, writesPerSecond: 10 })?.decidedBy, 'replicas')
  t.equal(estimateCapacity({ ...plan, hostDisk: 20e9 })?.decidedBy, 'disk')
  t.equal(estimateCapacity({ ...plan, hotShare: 1, hostMemory: 4e9 })?.decidedBy, 'memory')
  t.equal(estimateCapacity({ ...plan, readsPerSecond: 500_000 })?.decidedBy, 'cpu')
  t.equal(
    estimateCapacity({ ...plan, valueBytes: 10_000, hostNetwork: 12.5e6, hostCpu: 64, hotShare: 0, hostDisk: 1e13 })?.decidedBy,
    'network'
  )
})

t.test('capacity: what no host can hold → undefined; what is no plan → named, with what is allowed', async t => {
  t.equal(estimateCapacity({ ...plan, keys: 1e13, hostDisk: 1e9 }), undefined)
  t.throws(() => estimateCapacity({ ...plan, r: 4 }), /r is 4: at most n = 3/)
  t.throws(() => estimateCapacity({ ...plan, keys: 0 }), /keys is 0: allowed is a whole number from 1/)
  t.throws(() => estimateCapacity({ ...plan, years: Number.NaN }), /years is NaN/)
  t.throws(() => capacityOf(plan, 2), /hosts is 2/)
})
