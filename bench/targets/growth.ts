import { join } from 'node:path'
import { drive } from '../../api/bench/load.ts'
import { median } from '../allocation.ts'
import { atMost, judged, short } from './judgement.ts'
import { rawBytes, type StoredPairs, storedPairs } from './pairs.ts'
import { diskBytes, memoryMb } from './processes.ts'
import { askTargets, say } from './setting.ts'
import { passed } from './waiting.ts'

/*
 * `node build/bench/targets/growth.js [--quick] [--pairs 1000000] [--data DIR] [--json]`: real hosts with pairs of 100-byte values.
 * Memory is looked at after a new start, reads of any key and a comparison of all trees, beside a cluster of 10,000 pairs that has done
 * the same: so what is left of the storing itself does not count, and caches and trees do.
 */
const pairsFew = 10_000
const pairsFewQuick = 2_000
const inFlight = 64
/** Garbage that a collection has not come to yet is given a while. */
const restMs = 3_000
/** The hot-value cache has 16 MB by default, trees 8 bytes a key and as much again for the nodes above; the rest is room for garbage. */
const heapGrowthMb = 64

interface Worked {
  readonly startMs: readonly number[]
  readonly startCpuS: number
  readonly anonymousMb: number
}

await askTargets('What does a host with a million pairs take: on the disk, in memory, and to start?', async (bench, setting) => {
  const worked = async (stored: StoredPairs): Promise<Worked> => {
    const { cluster } = stored
    const startMs: number[] = []
    const startCpu: number[] = []
    for (const host of cluster.hosts) {
      say(`${host.name} starts again, with ${stored.keys.length} pairs`)
      await host.stop()
      host.start()
      await cluster.ready()
      startMs.push(host.readyMs)
      startCpu.push(host.readyCpuUs / 1e6)
    }
    say('reads of any key')
    await drive(() => stored.get(), { inFlight, rate: 0, seconds: setting.seconds * 2 })
    say('trees are compared')
    await cluster.compared()
    await passed(setting.isQuick ? 0 : restMs)
    const anonymous = cluster.hosts.map(host => memoryMb(host.pids, 'Pss_Anon') ?? Number.NaN)
    return { startMs, startCpuS: median(startCpu), anonymousMb: median(anonymous) }
  }

  const few = await storedPairs(setting, setting.isQuick ? pairsFewQuick : pairsFew)
  const before = await worked(few)
  await few.stop()
  const many = await storedPairs(setting, setting.pairs)
  const count = setting.pairs.toLocaleString('en')
  const onDisk = many.cluster.hosts.map(({ place }) => diskBytes(place.data))
  const inTable = many.cluster.hosts.map(({ place }) => diskBytes(join(place.data, 'table')))
  const raw = rawBytes(many)
  bench.row(
    judged(`disk for ${count} pairs, per replica`, Math.max(...onDisk) / raw, atMost(2, '× raw'), {
      table_bytes_a_pair: Math.max(...inTable) / setting.pairs,
      logs_mb: (Math.max(...onDisk) - Math.max(...inTable)) / 2 ** 20
    })
  )
  const after = await worked(many)
  bench.row(
    judged(
      `start to ready: a host of three with ${count} pairs, after a stop in order`,
      median(after.startMs) / 1_000,
      atMost(3, 's'),
      {
        cpu_s: after.startCpuS,
        with_few_pairs_s: median(before.startMs) / 1_000
      }
    )
  )
  const growth = after.anonymousMb - before.anonymousMb
  bench.row(
    judged(`memory that ${count} pairs add to a host’s heaps, caches and trees`, growth, atMost(heapGrowthMb, 'MB'), {
      from_to_mb: `${short(before.anonymousMb)} … ${short(after.anonymousMb)}`
    })
  )
  const killed = many.cluster.hosts.at(-1)!
  await killed.stop('SIGKILL')
  killed.start()
  await many.cluster.ready()
  bench.row(judged(`the same after a kill, when the table is looked through`, killed.readyMs / 1_000, atMost(3, 's')))
})
