import { openCarillon } from '../../api/bench/carillon-target.ts'
import { storeFirstValues } from '../../api/bench/first-values.ts'
import { pairedRatio } from '../../api/bench/ratios.ts'
import { type Contender, measureByTurns } from '../../api/bench/rounds.ts'
import { rowOf } from '../../api/bench/row.ts'
import type { Target } from '../../api/bench/target.ts'
import { keysOf, uniformKeys, valuesOf } from '../../api/bench/workload.ts'
import { version } from '../../deploy/version.ts'
import { withServers } from '../runtime/bench-servers.ts'
import { atLeast, judged, short } from './judgement.ts'
import { valueBytes } from './pairs.ts'
import { openPrototype } from './prototype-target.ts'
import { askTargets, say } from './setting.ts'
import { TargetCluster } from './target-cluster.ts'

/*
 * `node build/bench/targets/prototype.js [--quick] [--seconds 3] [--rounds 3] [--json]`: three hosts of each side by side, 10,000 keys, by
 * turns; puts are committed, since the prototype's are. What the prototype is: `prototype-host.ts`.
 */
const keysDefault = 10_000
const keysQuick = 500
const loads = [64, 256]

await askTargets(
  'How much of a bare prototype’s throughput is left with versions, checks, supervision and metrics?',
  async (bench, setting) => {
    await withServers(bench, ['a', 'b', 'c'], async servers => {
      const prototype = await openPrototype(servers, setting.data)
      const cluster = await TargetCluster.start(setting.data, 3)
      let own: Target | undefined
      try {
        const count = setting.isQuick ? keysQuick : keysDefault
        const shared = { bucket: 'bench', keys: count, valueBytes, hasVariants: false, version }
        own = await openCarillon({ servers: cluster.servers, durability: 'committed', ...shared })
        const keys = keysOf(count)
        const value = valuesOf(valueBytes, Math.random)
        const choose = uniformKeys(count, Math.random)
        const stopped = (): boolean => false
        await storeFirstValues([own, prototype], { keys, value, onProgress: say, stopped })
        for (const inFlight of setting.isQuick ? loads.slice(0, 1) : loads) {
          for (const op of ['put', 'get'] as const) {
            const contenders = [own, prototype].map((target): Contender => {
              const [mode] = target.modes
              const work = (): Promise<unknown> =>
                op === 'put' ? mode!.put!(keys[choose()]!, value()) : mode!.get!(keys[choose()]!)
              return { target, mode: mode!, op, work }
            })
            const load = { inFlight, rate: 0, seconds: setting.seconds }
            const plan = { rounds: setting.rounds, warmUpSeconds: setting.seconds / 2, load, loadName: `${inFlight} in flight` }
            const measured = await measureByTurns(contenders, plan, say, stopped)
            const [ours, theirs] = contenders.map(({ target, mode }, index) =>
              rowOf(
                {
                  system: target.name,
                  mode: '',
                  promise: mode.promise,
                  promised: undefined,
                  op,
                  in_flight: inFlight,
                  rate: null
                },
                measured[index]!
              )
            )
            const ratio = pairedRatio(ours!, theirs!, 'throughput')
            bench.row(
              judged(`throughput of ${op}s to the prototype’s, ${inFlight} in flight`, ratio?.median, atLeast(0.8, '×'), {
                per_second: `${short(ours!.throughput)} to ${short(theirs!.throughput)}`,
                spread: `${short(ratio?.min ?? Number.NaN)} … ${short(ratio?.max ?? Number.NaN)}`,
                cpu_ratio: pairedRatio(ours!, theirs!, 'cpu')?.median
              })
            )
          }
        }
      } finally {
        await own?.close()
        await cluster.stop()
        await prototype.close()
      }
    })
  }
)
