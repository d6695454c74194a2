import t from 'tap'
import type { Outcome } from '../../simulation/run.ts'
import { faultKinds } from '../../simulation/fault-plan.ts'
import { drawScenario, type Scenario } from '../../simulation/scenario.ts'
import { shrink } from '../../simulation/shrink.ts'

/** What a run of a scenario would come to, if it failed on this condition. */
function failingWhere(isFailing: (scenario: Scenario) => boolean) {
  return (scenario: Scenario): Outcome => ({
    seed: scenario.seed,
    events: 0,
    traceHash: '',
    operations: 0,
    acknowledged: 0,
    refused: 0,
    indeterminate: 0,
    healedMs: 0,
    violations: isFailing(scenario) ? [{ invariant: 'I5', atMs: 20_000, key: undefined, text: 'lost' }] : []
  })
}

const scenario = drawScenario({ seed: 3, faults: faultKinds, minutes: 2 })
const [first, second] = scenario.faults.filter(({ kind }) => kind === 'kill' || kind === 'cut')

t.test(
  'shrink: fails where two of many faults are there and a client of one kind → these two, that client, three hosts',
  async t => {
    const kinds = new Set([first?.kind, second?.kind])
    const run = failingWhere(
      ({ faults, clients }) => [...kinds].every(kind => faults.some(fault => fault.kind === kind)) && clients.includes('recreate')
    )
    const { scenario: small, violation, runs } = shrink(scenario, { run, runsMax: 400 })
    t.equal(small.faults.length, kinds.size)
    t.same(small.clients, ['recreate'])
    t.equal(small.operationsMax, 1)
    t.equal(violation.invariant, 'I5')
    t.ok(runs <= 400)
    t.ok(run(small).violations.length > 0)
  }
)

t.test('shrink: what always fails → no faults, one client, no weather, three hosts, little time', async t => {
  const { scenario: small } = shrink(scenario, { run: failingWhere(() => true), runsMax: 400 })
  t.same(small.faults, [])
  t.equal(small.clients.length, 1)
  t.equal(small.hosts, 3)
  t.same([small.weather.loss, small.weather.duplication, small.weather.reordering], [0, 0, 0])
  t.ok(small.untilMs - small.fromMs <= 200)
})

t.test('shrink: a bound on runs is kept, and what never fails is refused', async t => {
  t.ok(shrink(scenario, { run: failingWhere(() => true), runsMax: 5 }).runs <= 6)
  t.throws(() => shrink(scenario, { run: failingWhere(() => false), runsMax: 5 }), RangeError)
})
