import { drive, type Work } from '../../api/bench/load.ts'
import { median } from '../allocation.ts'
import { atMost, judged, short } from './judgement.ts'
import { type StoredPairs, storedPairs } from './pairs.ts'
import { cpuUs } from './processes.ts'
import { askTargets, say, type TargetSetting } from './setting.ts'
import { passed } from './waiting.ts'

/*
 * `node build/bench/targets/cost.js [--quick] [--pairs 1000000] [--data DIR] [--json]`: two clusters of three hosts side by side, measured
 * by turns; keys are chosen evenly, so that the larger one's do not fit its caches. CPU is that of the hosts and their nats-servers, until
 * what was written has come to the tables, less what they use while nobody asks; for 10⁷ pairs `--pairs 10000000`.
 */
const pairsFew = 10_000
const pairsFewQuick = 2_000
const inFlight = 64
const idleMs = 2_000

/** Microseconds of CPU that an operation costs the hosts. */
async function costOf({ cluster }: StoredPairs, work: Work, idleUsPerMs: number, seconds: number): Promise<number> {
  const { pids } = cluster
  const [fromMs, from] = [performance.now(), cpuUs(pids)]
  const { operations } = await drive(work, { inFlight, rate: 0, seconds })
  if (operations === 0) throw new Error(`nothing was done in ${seconds} s`)
  await cluster.settle()
  return (cpuUs(pids) - from - idleUsPerMs * (performance.now() - fromMs)) / operations
}

async function idleOf({ cluster }: StoredPairs, setting: TargetSetting): Promise<number> {
  const ms = setting.isQuick ? idleMs / 10 : idleMs
  const { pids } = cluster
  const from = cpuUs(pids)
  await passed(ms)
  return (cpuUs(pids) - from) / ms
}

await askTargets('What do a put and a get cost as the data grows?', async (bench, setting) => {
  const many = await storedPairs(setting, setting.pairs)
  const few = await storedPairs(setting, setting.isQuick ? pairsFewQuick : pairsFew)
  const idle = new Map<StoredPairs, number>()
  for (const stored of [few, many]) idle.set(stored, await idleOf(stored, setting))
  for (const op of ['put', 'get'] as const) {
    const costs = new Map<StoredPairs, number[]>([
      [few, []],
      [many, []]
    ])
    const warmUp = 0
    for (let round = warmUp; round <= setting.rounds; round++) {
      for (const [stored, list] of costs) {
        say(`${op}, ${stored.keys.length} pairs, ${round === warmUp ? 'warming up' : `round ${round} of ${setting.rounds}`}`)
        const cost = await costOf(stored, () => stored[op](), idle.get(stored)!, setting.seconds)
        if (round > warmUp) list.push(cost)
      }
    }
    const ratios = costs.get(many)!.map((cost, round) => cost / costs.get(few)![round]!)
    bench.row(
      judged(
        `CPU of a ${op} with ${short(setting.pairs)} pairs, to one with ${short(few.keys.length)}`,
        median(ratios),
        atMost(1.5, '×'),
        {
          from_to_us: `${short(median(costs.get(few)!))} … ${short(median(costs.get(many)!))}`,
          spread: `${short(Math.min(...ratios))} … ${short(Math.max(...ratios))}`
        }
      )
    )
  }
})
