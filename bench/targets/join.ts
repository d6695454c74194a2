import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { during, judgeTails, loadText, peakOf } from './load.ts'
import { atLeast, atMost, judged } from './judgement.ts'
import { rawBytes, storedPairs } from './pairs.ts'
import { askTargets, say } from './setting.ts'
import { passed, until } from './waiting.ts'

/*
 * `node build/bench/targets/join.js [--quick] [--pairs 1000000] [--data DIR] [--json]`: a fourth host joins three real ones that hold pairs,
 * under puts and gets at half of peak load. The data are not those that were stored any more: of `--data` they are removed in the end.
 */
const joinMsMax = 300_000

await askTargets('How fast does a joining host take its share, and who waits for it?', async (bench, setting) => {
  setting.atEnd(async () => rmSync(join(setting.data, `pairs-${setting.pairs}`), { recursive: true, force: true }))
  const stored = await storedPairs(setting, setting.pairs)
  const { cluster } = stored
  const peak = await peakOf(stored, setting.seconds)
  say('at rest')
  const rest = await during(stored, peak / 2, () => passed(setting.seconds * 1_000))
  say('a host joins')
  let tookMs = Number.NaN
  const joining = await during(stored, peak / 2, async () => {
    const host = cluster.join()
    const stateOf = async (): Promise<string | undefined> =>
      (await cluster.hosts[0]!.cluster()).hosts.find(each => each.name === host.name)?.state
    await until(`${host.name} is seen`, async () => (await stateOf()) !== undefined, joinMsMax)
    const beganMs = performance.now()
    await until(`${host.name} has its share`, async () => (await stateOf()) === 'up', joinMsMax)
    tookMs = performance.now() - beganMs
  })
  await cluster.ready()
  const { hosts } = await cluster.hosts[0]!.cluster()
  const newcomer = hosts.find(each => each.name === cluster.hosts.at(-1)!.name)!
  const owned = hosts.reduce((sum, each) => sum + each.partitions, 0) / Math.min(cluster.hosts.length, 3)
  const share = newcomer.partitions / owned
  const megabytes = (rawBytes(stored) * share) / 1e6
  bench.row(
    judged('a joining host takes its share, raw keys and values', megabytes / (tookMs / 1_000), atLeast(50, 'MB/s'), {
      share_mb: megabytes,
      seconds: tookMs / 1_000
    })
  )
  for (const op of ['put', 'get'] as const) {
    const { p99Ms } = joining[op]
    bench.row(
      judged(`p99 of a ${op} while a host joins, to that at rest`, p99Ms / rest[op].p99Ms, atMost(2, '×'), {
        p99_ms: p99Ms,
        at_rest_ms: rest[op].p99Ms
      })
    )
  }
  judgeTails(bench, 'a host joins', joining, loadText(peak))
})
