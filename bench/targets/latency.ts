import { connect } from '../../api/client/client.ts'
import { during, judgeTails, loadText, peakOf } from './load.ts'
import { type StoredPairs, storedPairs } from './pairs.ts'
import { askTargets, say } from './setting.ts'
import { passed, until } from './waiting.ts'

/*
 * `node build/bench/targets/latency.js [--quick] [--pairs 1000000] [--data DIR] [--json]`: real hosts; puts and gets of any key, half of
 * each, at half of the throughput that was found with 256 in flight, whatever has ended. `targets/join.js` has the joining host.
 */
const staleDefault = 20_000
const staleQuick = 300
const writersOfStale = 128
const afterMs = 1_000
const mendMsMax = 60_000
/** Of those that a host has missed, so many have to be mended; read repair and new writes take some. */
const mendedShare = 0.8

await askTargets('How far is p99 from p50 at half of peak load, whatever else goes on?', async (bench, setting) => {
  const stored = await storedPairs(setting, setting.pairs)
  const { cluster } = stored
  const peak = await peakOf(stored, setting.seconds)
  const load = loadText(peak)
  const judge = async (when: string, event: () => Promise<unknown>): Promise<void> => {
    say(when)
    judgeTails(bench, when, await during(stored, peak / 2, event), load)
    await cluster.settle()
  }
  const restarted = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    const host = cluster.hosts.at(-1)!
    await passed(afterMs)
    await host.stop(signal)
    host.start()
    await cluster.ready()
    await passed(afterMs)
  }
  await judge('nothing else', () => passed(setting.seconds * 2_000))
  await judge('a replica restarts in order', () => restarted('SIGTERM'))
  await judge('a replica is killed and starts again', () => restarted('SIGKILL'))
  const stale = await missedWrites(stored, setting.isQuick ? staleQuick : staleDefault)
  await judge(`anti-entropy mends ${stale.toLocaleString('en')} pairs`, async () => {
    await cluster.hosts[0]!.repair()
    const mended = (): Promise<number> => cluster.metric('exchange_keys_repaired_total')
    await until('they are mended', async () => (await mended()) >= stale * mendedShare, mendMsMax)
  })
})

/** The last host is away while keys are written, and is back. @returns how many */
async function missedWrites({ cluster, keys, value }: StoredPairs, wanted: number): Promise<number> {
  const count = Math.min(wanted, keys.length)
  say(`a host misses ${count} writes`)
  const host = cluster.hosts.at(-1)!
  await host.stop()
  const store = await connect({ servers: cluster.hosts.slice(0, -1).map(each => each.nats), timeoutMs: 20_000 })
  const bucket = store.bucket<Uint8Array>('bench')
  let next = 0
  const writer = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await bucket.put(keys[index]!, value())
  }
  await Promise.all(Array.from({ length: writersOfStale }, writer))
  await store.close()
  host.start()
  await cluster.ready()
  return count
}
