// test: soak, seconds 420
import { join } from 'node:path'
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { TargetCluster } from '../../bench/targets/target-cluster.ts'
import type { TargetHost } from '../../bench/targets/target-host.ts'
import { wireRange } from '../../model/wire-version.ts'
import { CarillonProcess, carillonPath } from './carillon-process.ts'
import { ask, temporaryDirectory, until } from './cluster-rig.ts'
import { buildOf, historyLacks } from './earlier-build.ts'

/** The last release whose hosts say nothing of the wire. */
const earlier = '47fd1a5'

interface ClusterView {
  readonly wire?: number
  readonly hosts: readonly { readonly name: string; readonly state: string; readonly version: string }[]
}

interface Explanation {
  readonly agree: boolean
  readonly preference: readonly { readonly found: boolean }[]
}

const writers = 3
const timeoutMs = 30_000
const writesBetween = 30

const missing = await historyLacks(earlier)
if (missing !== undefined) t.comment(`NOT TESTED: mixed versions. ${missing}`)

t.test(
  'I30: 3 hosts of the release before under load, brought to this one host by host, and one of them back in between → no request fails, no write is lost',
  { skip: missing ?? false },
  async t => {
    const folder = temporaryDirectory(t)
    const before = await buildOf(earlier, join(folder, 'earlier'))
    const cluster = await TargetCluster.start(join(folder, 'data'), 3, undefined, before)
    t.teardown(() => cluster.stop())
    const [first, second, third] = cluster.hosts as [TargetHost, TargetHost, TargetHost]
    const shown = (host: TargetHost) => ask<ClusterView>(host.place.httpPort, '/api/v1/cluster')
    t.ok(
      (await shown(first)).hosts.every(({ version }) => !version.includes('wire')),
      'they are of the release before'
    )

    const store = await connect({ servers: cluster.servers })
    t.teardown(() => store.close())
    const bucket = store.bucket<string>('mixed')
    const acknowledged = new Map<string, string>()
    const failures: string[] = []
    const stop = new AbortController()
    t.teardown(() => stop.abort())
    const load = Array.from({ length: writers }, async (_, writer) => {
      for (let turn = 0; !stop.signal.aborted; turn++) {
        const key = `k-${writer}-${turn % 200}`
        const value = `${writer} ${turn}`
        try {
          const found = await bucket.get(key, { timeoutMs })
          if (found?.value !== acknowledged.get(key)) failures.push(`${key}: read ${found?.value}, not ${acknowledged.get(key)}`)
          await bucket.put(key, value, { timeoutMs, ...(found === undefined ? {} : { context: found.context }) })
          acknowledged.set(key, value)
        } catch (error) {
          failures.push(`${key}: ${String(error)}`)
        }
        writes++
      }
    })
    let writes = 0
    const loadGoesOn = async (): Promise<void> => {
      const from = writes
      await until('the load goes on', () => writes >= from + writesBetween, 60_000)
    }
    const bring = async (host: TargetHost, program: string): Promise<void> => {
      await host.stop()
      host.program = program
      host.start()
      await cluster.ready()
      await loadGoesOn()
    }
    await loadGoesOn()
    await bring(first, carillonPath)
    t.equal((await shown(first)).wire, 1, 'one of this release speaks as the others do')
    await bring(second, carillonPath)
    await bring(first, before)
    await bring(first, carillonPath)
    const command = new CarillonProcess(t, ['hosts', '--servers', first.nats])
    t.equal((await command.ended).status, 0, command.err)
    t.match(command.out, /VERSION +WIRE\n/)
    const both = new RegExp(`host-1 .* 1 to ${wireRange.most}\\n[^]*host-3 .* 1\\n[^]*The hosts speak version 1 of the wire`)
    t.match(command.out, both)
    await bring(third, carillonPath)
    stop.abort()
    await Promise.all(load)
    t.same(failures, [])
    for (const host of cluster.hosts)
      await until(`${host.name} sees what all speak`, async () => (await shown(host)).wire === wireRange.most, 30_000)

    await cluster.compared()
    const wrong: string[] = []
    for (const [key, value] of acknowledged) {
      const { preference, agree } = await ask<Explanation>(second.place.httpPort, `/api/v1/explain/mixed/${key}`)
      const found = (await bucket.get(key, { r: 3, timeoutMs }))?.value
      if (found !== value || !agree || preference.filter(each => each.found).length < 3)
        wrong.push(`${key}: ${found}, not ${value}`)
    }
    t.same(wrong, [], `${acknowledged.size} keys hold what was acknowledged last, on three hosts`)

    const refused = await cluster.metric('gossip_refused_total')
    cluster.join(before)
    await until(
      'they turn away one of the release before',
      async () => {
        const figures = await Promise.all([first, second, third].map(host => host.metric('gossip_refused_total')))
        return figures.reduce((sum, one) => sum + one, 0) > refused
      },
      60_000
    )
    for (const host of [first, second, third]) t.equal((await shown(host)).hosts.length, 3, `${host.name} has three members`)
  }
)
