import { join } from 'node:path'
import { median } from '../allocation.ts'
import { atMost, judged } from './judgement.ts'
import { memoryMb } from './processes.ts'
import { askTargets, say } from './setting.ts'
import { TargetCluster } from './target-cluster.ts'
import { passed } from './waiting.ts'

/* `node build/bench/targets/idle.js [--quick] [--rounds 3] [--json]`: real hosts without pairs, each with its nats-server. */
const idleMs = 5_000
const idleQuickMs = 500

await askTargets('How soon is an empty host ready, and what memory does an idle one take?', async (bench, setting) => {
  const starts: number[] = []
  const cpu: number[] = []
  for (let round = 1; round <= setting.rounds; round++) {
    say(`starting an empty host, round ${round} of ${setting.rounds}`)
    const alone = await TargetCluster.start(join(setting.data, `empty-${round}`), 1)
    starts.push(alone.hosts[0]!.readyMs)
    cpu.push(alone.hosts[0]!.readyCpuUs / 1e6)
    await alone.stop()
  }
  bench.row(judged('start to ready: a host without data', median(starts) / 1_000, atMost(2, 's'), { cpu_s: median(cpu) }))
  const cluster = await TargetCluster.start(join(setting.data, 'idle'), 3)
  setting.atEnd(() => cluster.stop())
  await passed(setting.isQuick ? idleQuickMs : idleMs)
  const each = cluster.hosts.map(host => memoryMb(host.pids, 'Pss') ?? Number.NaN)
  bench.row(
    judged('memory of an idle host of three, nats-server included', Math.max(...each), atMost(150, 'MB'), {
      least_mb: Math.min(...each)
    })
  )
})
