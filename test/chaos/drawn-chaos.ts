import type { ChaosCluster } from './chaos-cluster.ts'
import { carryOut, obstacleOf, type PlannedFault, planFaults, textOf } from './faults.ts'
import { checkHealed, setStage, type StageOptions, startLoad, tellEnds } from './scenario.ts'
import { pause } from './shell.ts'
import { SeededRandom } from '../../runtime/random.ts'

/** Clients work while faults come and go as the seed has it; then all is healed, and what the clients were told is compared. */
export async function drawnChaos(given: StageOptions): Promise<void> {
  const { options, ground, report } = given
  const kinds = options.faults.filter(kind => {
    const why = obstacleOf(kind, ground)
    if (why !== undefined) report.skip(`fault ${kind}`, why)
    return why === undefined
  })
  const spanMs = options.minutes * 60_000
  const plan = planFaults(kinds, options.hosts, spanMs, new SeededRandom(options.seed).fork('faults'))
  const stage = await setStage({ ...given, skewed: kinds.includes('clock') })
  const { cluster, ledger } = stage
  const load = await startLoad(stage)

  const injected = new Map<string, number>()
  await injectAll(plan, cluster, spanMs, (fault, hosts) => {
    if (hosts.length > 0) injected.set(fault.kind, (injected.get(fault.kind) ?? 0) + 1)
    ledger.note({ fault: textOf(fault, hosts) })
    report.say(textOf(fault, hosts))
  })
  await load.stop()
  await cluster.network?.mendAll()
  report.violate(...load.violations)
  report.figure('free clients', load.free.figures())
  report.figure('bound clients', load.bound.figures())
  report.figure('faults', Object.fromEntries(injected))
  await checkHealed(stage)
  tellEnds(stage)
}

async function injectAll(
  plan: readonly PlannedFault[],
  cluster: ChaosCluster,
  spanMs: number,
  told: (fault: PlannedFault, hosts: readonly number[]) => void
): Promise<void> {
  const startMs = performance.now()
  const busy = new Set<number>()
  const underWay: Promise<void>[] = []
  for (const fault of plan) {
    await pause(Math.max(0, fault.atMs - (performance.now() - startMs)))
    underWay.push(carryOut(fault, cluster, busy, hosts => told(fault, hosts)))
  }
  await pause(Math.max(0, spanMs - (performance.now() - startMs)))
  await Promise.all(underWay)
}
