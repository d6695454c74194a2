// test: seconds 200
import t from 'tap'
import { faultKinds } from '../../simulation/fault-plan.ts'
import { type Outcome, runScenario } from '../../simulation/run.ts'
import { drawScenario, type Scenario } from '../../simulation/scenario.ts'

const seeds = Number(process.env['CARILLON_RESIZE_SEEDS'] ?? 4)
const shortened = { hosts: 3, minutes: 0.6, pauseMs: 400, course: 'resize' } as const
const drawn = (seed: number): Scenario => drawScenario({ ...shortened, seed, faults: faultKinds })

t.test(
  'resize course: the same seed gives the same one; newcomers have faults, and nobody joins or leaves beside it',
  async t => {
    const met = { calm: 0, faulty: 0, newcomers: 0, planned: 0, waiting: 0 }
    for (let seed = 1; seed <= 100; seed++) {
      const scenario = drawn(seed)
      t.same(drawn(seed), scenario)
      const { course, faults } = scenario
      t.ok(course !== undefined && new Set(course.leaving).size === 2)
      if (faults.length === 0) met.calm++
      else met.faulty++
      if (/"h[45]"/.test(JSON.stringify(faults))) met.newcomers++
      if (course?.isPlanned === true) met.planned++
      if (course?.asksFirst === true) met.waiting++
      t.notOk(faults.some(({ kind }) => ['join', 'leave', 'remove', 'replace', 'weight'].includes(kind)))
      t.notOk(faults.some(fault => ['wipe', 'restore'].includes(fault.kind) && 'host' in fault && /h[45]/.test(fault.host)))
    }
    t.ok(
      Object.values(met).every(count => count >= 10),
      JSON.stringify(met)
    )
  }
)

t.test(
  `D4, I5, I18: 3 hosts, load, all faults, ${seeds} seeds: each comes to 5 hosts and back to 3, nothing is violated`,
  async t => {
    for (let seed = 1; seed <= seeds; seed++) {
      const { violations, course, acknowledged }: Outcome = runScenario(drawn(seed))
      t.same(
        violations.map(({ invariant, text }) => `${invariant}: ${text}`),
        [],
        `seed ${seed}`
      )
      t.ok(course?.grownMs !== undefined && course.shrunkMs !== undefined && course.grownMs < course.shrunkMs)
      t.ok(acknowledged > 20, `${acknowledged} writes were acknowledged`)
    }
  }
)

t.test('resize course: no faults, and a host is cut off by nobody’s plan → the requests that fail are violations', async t => {
  const calm: Scenario = { ...drawScenario({ ...shortened, seed: 1, faults: [] }), faults: [] }
  const { violations } = runScenario(calm, {
    onCluster: ({ simulation, network }) => simulation.at(calm.fromMs + 1_000, () => network.isolate('h1'))
  })
  t.ok(violations.some(({ invariant }) => invariant === 'no request fails'))
})

t.test('resize course: newcomers that nobody hears → it is said that they do not join, after all was healed', async t => {
  const scenario: Scenario = { ...drawn(1), healMsMax: 10_000 }
  const { violations, course } = runScenario(scenario, {
    onCluster({ simulation, network }) {
      const isolate = (): void => ['h4', 'h5'].forEach(name => network.isolate(name))
      simulation.at(1, isolate)
      simulation.at(scenario.untilMs + 1, isolate)
    }
  })
  t.equal(course?.grownMs, undefined)
  t.match(violations.map(({ text }) => text).join('\n'), /two hosts do not join, 10 s after all was healed/)
})
