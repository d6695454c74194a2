import t from 'tap'
import type { PlannedFault } from '../../simulation/fault-plan.ts'
import { runScenario } from '../../simulation/run.ts'
import { drawScenario } from '../../simulation/scenario.ts'

const untilMs = 45_000

for (const seed of [1, 2]) {
  t.test(
    `F7, I14: hints for a host that was away are handed off while, one after the other, all that keep them die or lose their system thread, seed ${seed} → nothing is lost, all replicas are equal`,
    async t => {
      const faults: PlannedFault[] = [
        { kind: 'kill', host: 'h3', atMs: 10_000, lastsMs: 20_000 },
        { kind: 'thread', host: 'h1', thread: 'system', atMs: 30_250, lastsMs: 0 },
        { kind: 'kill', host: 'h2', atMs: 30_300, lastsMs: 1_500 },
        { kind: 'kill', host: 'h4', atMs: 32_500, lastsMs: 1_500 },
        { kind: 'kill', host: 'h5', atMs: 34_500, lastsMs: 1_500 },
        { kind: 'thread', host: 'h1', thread: 'system', atMs: 36_500, lastsMs: 0 },
        { kind: 'kill', host: 'h1', atMs: 37_000, lastsMs: 1_500 }
      ]
      const drawn = drawScenario({ seed, faults: [], workloads: ['set', 'register'], minutes: 0.5 })
      const outcome = runScenario({ ...drawn, fromMs: 8_000, untilMs, faults })
      t.same(outcome.violations, [])
      t.ok(outcome.acknowledged > 300, `${outcome.acknowledged} writes were acknowledged`)
    }
  )
}
