import { allocationSites } from './allocation-sites.ts'
import { DataThreads } from './data-threads.ts'
import { ask } from './question.ts'

/*
 * `node --expose-gc build/bench/operation.js [--in-flight 256] [--value-bytes 100] [--sites 30] [--ms 100] [--json]`: the data threads of three
 * hosts in one, N=3, W=2, R=2; storage is in memory. `--sites` tells of the functions that allocate most, too.
 */
await ask('What do a put and a get cost on the data threads of three hosts, and what do they allocate?', bench => {
  const inFlight = bench.option('in-flight', 256)
  const sites = process.argv.includes('--sites') ? bench.option('sites', 30) : 0
  const value = Buffer.alloc(bench.option('value-bytes', 100), 'v')
  const threads = new DataThreads(1_000)
  for (const kind of ['put', 'get'] as const) {
    const warmUp = 40 * inFlight
    threads.run(kind, warmUp, inFlight, value)
    threads.batches = 0
    threads.run(kind, inFlight * 8, inFlight, value)
    const batches = threads.batches / (inFlight * 8)
    bench.measure(`${kind}, all three threads`, operations => threads.run(kind, operations, inFlight, value), {
      batches_per_operation: batches
    })
    if (sites === 0) continue
    const operations = 40 * inFlight
    const found = allocationSites(() => threads.run(kind, operations, inFlight, value))
    bench.row({ what: `${kind}: bytes by all functions`, bytes: found.reduce((sum, { bytes }) => sum + bytes, 0) / operations })
    for (const { where, bytes } of found.slice(0, sites)) bench.row({ what: `  ${where}`, bytes: bytes / operations })
  }
})
