// test: alone, seconds 400
import { availableParallelism } from 'node:os'
import t from 'tap'
import { faultKinds } from '../../simulation/fault-plan.ts'
import type { Outcome } from '../../simulation/run.ts'
import type { ScenarioOptions } from '../../simulation/scenario.ts'
import { runSeeds } from '../../simulation/seed-pool.ts'

const seeds = Number(process.env['CARILLON_SIMULATION_SEEDS'] ?? 200)
const firstSeed = Number(process.env['CARILLON_SIMULATION_FIRST_SEED'] ?? 1)
const minutes = 0.25
const threadsMax = 2

function* scenarios(): Generator<ScenarioOptions> {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) yield { seed, minutes, faults: faultKinds }
}

t.test(
  `I5, I6, I7, I8, I9, I10, I12, I13, I15, I16, I18, I19: 5 hosts, all workloads, all faults, ${seeds} seeds: nothing is violated`,
  async t => {
    const outcomes: Outcome[] = []
    const threads = Math.min(threadsMax, availableParallelism())
    await runSeeds({ scenarios: scenarios(), threads, onOutcome: outcome => void outcomes.push(outcome) })
    t.equal(outcomes.length, seeds)
    for (const { seed, violations } of outcomes.toSorted((a, b) => a.seed - b.seed)) {
      if (violations.length === 0) continue
      t.fail(`seed ${seed}; replay: carillon simulate --seed ${seed} --minutes ${minutes}`, {
        violations: violations.slice(0, 3).map(({ invariant, text }) => `${invariant}: ${text}`)
      })
    }
    const sum = (figure: (outcome: Outcome) => number): number => outcomes.reduce((total, outcome) => total + figure(outcome), 0)
    const [acknowledged, operations] = [sum(outcome => outcome.acknowledged), sum(outcome => outcome.operations)]
    t.ok(
      acknowledged > operations / 3,
      `${acknowledged} of ${operations} writes were acknowledged, in ${sum(each => each.events)} events`
    )
  }
)
