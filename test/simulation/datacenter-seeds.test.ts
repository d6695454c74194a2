import t from 'tap'
import { runScenario } from '../../simulation/run.ts'
import { drawScenario } from '../../simulation/scenario.ts'

for (const seed of [1, 2]) {
  t.test(`D6: two datacenters under faults, seed ${seed} → both serve, and all are equal in the end, nothing owed`, async t => {
    const scenario = drawScenario({
      seed,
      hosts: 3,
      datacenters: 2,
      minutes: 0.25,
      faults: ['dc-cut', 'kill', 'power', 'loss', 'partition', 'thread']
    })
    t.ok(scenario.fromMs > 0 && scenario.datacenters === 2)
    const outcome = runScenario(scenario)
    t.same(outcome.violations, [])
    t.ok(outcome.acknowledged > 100, `${outcome.acknowledged} writes were acknowledged`)
    t.ok(outcome.healedMs <= 60_000, `all were equal after ${outcome.healedMs} ms`)
  })
}
