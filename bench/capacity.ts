import { join } from 'node:path'
import { drive } from '../api/bench/load.ts'
import { capacityOf } from '../model/capacity/capacity.ts'
import { totalOf } from '../model/capacity/capacity-demand.ts'
import { capacityDefaults } from '../model/capacity/capacity-plan.ts'
import { median } from './allocation.ts'
import { within } from './capacity/deviation.ts'
import { type StoredPairs, storedPairs, valueBytes } from './targets/pairs.ts'
import { diskBytes, memoryMb } from './targets/processes.ts'
import { askTargets, say } from './targets/setting.ts'
import { passed } from './targets/waiting.ts'

/*
 * `node build/bench/capacity.js [--quick] [--keys 1000000] [--data DIR] [--json]`: what `carillon capacity` says of a cluster, held against
 * the cluster. Three hosts, N=3, values of 100 bytes, keys in their order. The table is judged at rest. Memory is what no file holds,
 * after the pairs were stored, read by any key, and all trees compared. Exit status 1 where one is further off than 15 %.
 */
const inFlight = 64
const restMs = 3_000
const hosts = 3
const megabyte = 2 ** 20

await askTargets('Does the capacity estimate hold, on the disk and in memory?', async (bench, setting) => {
  const keys = bench.option('keys', setting.pairs)
  const startedMs = performance.now()
  const stored = await storedPairs(setting, keys)
  const writesPerSecond = keys / ((performance.now() - startedMs) / 1_000)
  const memory = await afterWork(stored, setting.seconds * 2, setting.isQuick ? 0 : restMs)
  const inTable = stored.cluster.hosts.map(({ place }) => diskBytes(join(place.data, 'table')))
  const inLogs = stored.cluster.hosts.map(({ place }) => diskBytes(join(place.data, 'log')))
  const { host } = capacityOf(
    {
      ...capacityDefaults,
      keys,
      keyBytes: stored.keys[0]!.length,
      valueBytes,
      readsPerSecond: 0,
      writesPerSecond,
      rewritten: 0,
      keyOrder: 'ascending',
      // A data thread each, as the hosts of the bench have.
      hostCpu: 2,
      hotShare: 0
    },
    hosts
  )
  const rows = [
    within('table, MB', (host.disk.table + host.disk.waiting) / megabyte, median(inTable) / megabyte, {
      bytes_a_pair: median(inTable) / keys
    }),
    within('memory, MB', (totalOf(host.memory) - host.memory.code) / megabyte, memory.anonymousMb, {
      mapped_mb: memory.mappedMb
    })
  ]
  for (const row of rows) bench.row(row)
  bench.row({ what: 'log, MB', predicted_at_most: host.disk.log / megabyte, measured: Math.max(...inLogs) / megabyte })
  if (rows.some(({ outcome }) => outcome === 'off')) process.exitCode = 1
})

async function afterWork(
  stored: StoredPairs,
  seconds: number,
  pauseMs: number
): Promise<{ readonly anonymousMb: number; readonly mappedMb: number }> {
  say('reads of any key')
  await drive(() => stored.get(), { inFlight, rate: 0, seconds })
  say('trees are compared')
  await stored.cluster.compared()
  await passed(pauseMs)
  const of = (field: 'Pss' | 'Pss_Anon'): number =>
    median(stored.cluster.hosts.map(host => memoryMb(host.pids, field) ?? Number.NaN))
  const anonymousMb = of('Pss_Anon')
  // The table is mapped as well, so this is the program's own part at most.
  return { anonymousMb, mappedMb: of('Pss') - anonymousMb }
}
