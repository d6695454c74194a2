import t from 'tap'
import { versionTold, wireSpoken } from '../../model/wire-version.ts'
import type { Log } from '../../runtime/log.ts'
import { silentLog } from '../../runtime/log.ts'
import { MembershipCluster } from '../../simulation/membership-cluster.ts'

const weather = { delayMinMs: 0.2, delayMaxMs: 5, reordering: 0.2 }
const [before, now, future] = ['0.1.0', versionTold('0.2.0', { least: 1, most: 2 }), versionTold('0.4.0', { least: 3, most: 4 })]

/** Three hosts of a version that are one cluster, with what each has logged. */
function clusterOf(seed: number, version: string): { cluster: MembershipCluster; said: (host: string) => string } {
  const lines = new Map<string, string[]>()
  const log = (host: string): Log => {
    const list: string[] = []
    lines.set(host, list)
    const note = (_: object, text: string): void => void list.push(text)
    return { ...silentLog, warn: note, error: note }
  }
  const cluster = new MembershipCluster({ seed, hosts: 3, weather, log })
  for (const host of cluster.hosts.values()) host.version = version
  cluster.startAll()
  cluster.until(() => cluster.isConverged() && cluster.host('h1').view.length === 3, 20_000)
  return { cluster, said: host => (lines.get(host) ?? []).join('\n') }
}

function spokenBy(cluster: MembershipCluster, host: string): number | undefined {
  return wireSpoken(cluster.host(host).view.map(({ version }) => version))
}

t.test(
  'I30: 3 hosts are brought to a new release one after the other → all agree on what is spoken, which rises with the last one',
  async t => {
    for (const seed of [1, 2, 3]) {
      const { cluster } = clusterOf(seed, before)
      t.ok(cluster.isConverged(), `seed ${seed}`)
      for (const [index, name] of ['h1', 'h2', 'h3'].entries()) {
        cluster.kill(name)
        cluster.host(name).version = now
        cluster.run(500)
        cluster.start(name)
        const said = index === 2 ? 2 : 1
        t.ok(
          cluster.until(
            () => cluster.isConverged() && cluster.running.every(host => spokenBy(cluster, host.name) === said),
            30_000
          ),
          `seed ${seed}: ${said} is spoken after ${name}`
        )
      }
      t.same(cluster.crashes, [])
    }
  }
)

t.test(
  'I30: a host comes to join that is too old or too new → it is told why, is no member, and the others are as before',
  async t => {
    for (const [mine, theirs, why] of [
      [now, before, /too old: release 0\.1\.0 speaks wire versions 1 to 1, the cluster speaks 2/],
      [now, future, /too new: release 0\.4\.0 speaks wire versions 3 to 4, the cluster speaks 2/]
    ] as const) {
      const { cluster, said } = clusterOf(4, mine)
      cluster.add('h4', 4444).version = theirs
      cluster.start('h4')
      t.ok(
        cluster.until(() => why.test(said('h4')), 10_000),
        'it says why'
      )
      t.match(['h1', 'h2', 'h3'].map(said).join('\n'), why, 'so does the host that turned it away')
      cluster.run(5_000)
      for (const name of ['h1', 'h2', 'h3']) t.equal(cluster.host(name).view.length, 3, `${name} has three members`)
      t.same(cluster.crashes, [])
    }
  }
)
