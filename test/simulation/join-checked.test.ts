import t from 'tap'
import { digestOf } from '../../model/siblings-codec.ts'
import type { Key } from '../../model/key.ts'
import type { Machine, SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { contentsOf, crashesOf, keyAt, place, recordOf, stoppedCluster } from './exchange-cluster.ts'

const partitions = 8
const writer = 7
const keys = Array.from({ length: 1_500 }, (_, index) => keyAt(index))

interface PageMessage {
  readonly kind: string
  readonly pairs?: { readonly key: Key; readonly siblings: Uint8Array }[]
}

/** Three hosts, one partition replica of all keys on each, and a fourth that has nothing yet; no exchanges but those of the join. */
function joiningCluster(seed: number): { readonly cluster: SimulatedCluster; readonly newcomer: Machine } {
  const cluster = stoppedCluster({ seed, hosts: 3, partitions, workBehaviours: {} })
  for (const machine of cluster.machines) {
    for (const [index, key] of keys.entries()) place(machine, key, recordOf(writer, index + 1), partitions)
  }
  const newcomer = cluster.add()
  return { cluster, newcomer }
}

const standingOf = (machine: Machine): string | undefined =>
  machine.saved?.members.find(({ uid }) => uid === machine.uid)?.standing

function taken(cluster: SimulatedCluster, { name }: Machine, form: 'whole' | 'known'): number {
  let sum = 0
  for (const { metrics } of cluster.host(name).threads.values()) {
    for (const metric of metrics.snapshot()) {
      if (metric.name !== 'transfer_records_total') continue
      for (const { labels, value } of metric.series) if (labels['form'] === form) sum += value
    }
  }
  return sum
}

t.test(
  'I5, I18: pages of a partition come without some of their records → the roots differ, and the check brings them',
  async t => {
    const { cluster, newcomer } = joiningCluster(71)
    const missing: Key[] = []
    cluster.simulation.watch(({ to, message, isArrival }) => {
      const page = message as PageMessage
      if (isArrival || page.kind !== 'page' || !to.address.startsWith(`${newcomer.name}.system.transfer-agent`)) return
      const [first] = page.pairs ?? []
      if (first === undefined || first.siblings.length === 0 || missing.includes(first.key)) return
      missing.push(first.key)
      page.pairs?.shift()
    })
    for (const { name } of cluster.machines) cluster.start(name)
    t.ok(
      cluster.simulation.runUntil(() => standingOf(newcomer) === 'up', 120_000, 100),
      'it has joined'
    )
    t.ok(missing.length >= partitions / 2, 'records were left out')
    const contents = contentsOf(newcomer)
    const lost = missing.filter(key => !contents.has(key))
    t.same(lost, [], 'all of them are on its disk by the time it takes its place')
    for (const key of missing) t.equal(contents.get(key), digestOf(recordOf(writer, keys.indexOf(key) + 1)))
    t.same(crashesOf(cluster), [])
  }
)

t.test('a host that joins loses its power half-way → what it has already does not come again', async t => {
  const { cluster, newcomer } = joiningCluster(73)
  for (const { name } of cluster.machines) cluster.start(name)
  t.ok(
    cluster.simulation.runUntil(() => taken(cluster, newcomer, 'whole') > 800, 60_000, 1),
    'some have come'
  )
  t.equal(standingOf(newcomer), 'joining')
  cluster.kill(newcomer.name, true)
  const kept = contentsOf(newcomer).size
  t.ok(kept > 100, 'and are on its disk')
  cluster.start(newcomer.name)
  t.ok(
    cluster.simulation.runUntil(() => standingOf(newcomer) === 'up', 120_000, 100),
    'it has joined'
  )
  t.ok(taken(cluster, newcomer, 'known') >= kept, 'what was there was told by its digest')
  const owned = contentsOf(newcomer).size
  t.ok(owned > kept)
  t.ok(taken(cluster, newcomer, 'whole') <= owned - kept, 'only the rest came whole')
  t.same(crashesOf(cluster), [])
})

t.test('a host of whom a partition is taken over dies while it is copied → the copy goes on where it was', async t => {
  const { cluster, newcomer } = joiningCluster(79)
  for (const { name } of cluster.machines) cluster.start(name)
  t.ok(cluster.simulation.runUntil(() => taken(cluster, newcomer, 'whole') > 300, 60_000, 1))
  const source = cluster.machines.find(machine => machine !== newcomer)!
  cluster.kill(source.name, true)
  cluster.clock.run(cluster.clock.now() + 3_000)
  t.equal(standingOf(newcomer), 'joining', 'it waits')
  cluster.start(source.name)
  t.ok(cluster.simulation.runUntil(() => standingOf(newcomer) === 'up', 120_000, 100))
  const owned = contentsOf(newcomer).size
  const moved = taken(cluster, newcomer, 'whole')
  t.ok(moved < owned * 1.5, `${moved} records came for ${owned}`)
  t.same(crashesOf(cluster), [])
})
