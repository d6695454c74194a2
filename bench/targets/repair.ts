import { connect } from '../../api/client/client.ts'
import { atMost, judged } from './judgement.ts'
import { storedPairs, valueBytes } from './pairs.ts'
import { askTargets, say } from './setting.ts'
import { passed, until } from './waiting.ts'

/*
 * `node build/bench/targets/repair.js [--quick] [--pairs 1000000] [--differing 1000] [--data DIR] [--json]`: real hosts. One is away while
 * some keys are written; there is no fourth host to keep hints for it. It comes back, and whatever the exchanges between any two hosts
 * send is counted, until all have compared everything and found nothing that differs.
 */
const differingDefault = 1_000
const differingQuick = 200
const mendMsMax = 120_000
/** What the two others compare while they are written to has nothing to do with the one that is away. */
const restMs = 3_000
const allowanceBytes = 64 * 1_024
const sentBytes = 'exchange_bytes_total{direction="out"'
const mendedKeys = 'exchange_keys_repaired_total'

await askTargets('How many bytes mend what a replica has missed?', async (bench, setting) => {
  const { cluster, keys, value } = await storedPairs(setting, setting.pairs)
  const differing = bench.option('differing', setting.isQuick ? differingQuick : differingDefault)
  const away = cluster.hosts.at(-1)!
  say('trees are compared')
  await cluster.compared()
  say(`${differing} of ${keys.length} keys are written while ${away.name} is away`)
  await away.stop()
  const others = cluster.hosts.filter(host => host !== away)
  const sumOf = async (metric: string): Promise<number> => {
    const figures = await Promise.all(others.map(host => host.metric(metric)))
    return figures.reduce((sum, each) => sum + each, 0)
  }
  const store = await connect({ servers: others.map(host => host.nats) })
  setting.atEnd(() => store.close())
  const bucket = store.bucket<Uint8Array>('bench')
  const stride = Math.max(1, Math.floor(keys.length / differing))
  const written = keys.filter((_, index) => index % stride === 0).slice(0, differing)
  for (const key of written) await bucket.put(key, value(), { timeoutMs: 20_000 })
  await passed(restMs)
  // The one that was away begins its own counts anew.
  const before = { bytes: await sumOf(sentBytes), mended: await sumOf(mendedKeys) }
  const mended = async (): Promise<number> => (await cluster.metric(mendedKeys)) - before.mended
  away.start()
  await cluster.ready()
  await until(`${written.length} keys are mended`, async () => (await mended()) >= written.length, mendMsMax)
  await cluster.compared()
  const size = written.reduce((sum, key) => sum + key.length + valueBytes, 0)
  const bytes = (await cluster.metric(sentBytes)) - before.bytes
  const bound = 3 * size + allowanceBytes
  bench.row(
    judged(
      `bytes that mend ${written.length.toLocaleString('en')} of ${keys.length.toLocaleString('en')} keys: 3 × their size and 64 KB`,
      bytes / 1_024,
      atMost(Math.floor(bound / 1_024), 'KB'),
      { keys_kb: size / 1_024, mended: await mended(), hints: await cluster.metric('hints_created_total') }
    )
  )
})
