import t from 'tap'
import { decodeFloor, floorsEnd, floorsStart } from '../../actors/floor/floor-codec.ts'
import { type Key, keyOfText, systemKeysEnd } from '../../model/key.ts'
import { owedEnd, owedStart } from '../../model/owed.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { type AskingClient, servingCluster } from './asking-client.ts'
import { areAllEqual, datacenters, keysNamed, owedOnDisk } from './datacenters-cluster.ts'
import { crashesOf, sumOf } from './exchange-cluster.ts'

const floors = { roundMs: 1_000, pauseMsMax: 5_000 }

/** Keys of the system between the two, on the disk of a machine. */
function notesOf(cluster: SimulatedCluster, host: string, from: Key, to: Key): { partition: number; key: Key }[] {
  const { disk } = cluster.machine(host)
  return disk
    .partitions()
    .flatMap(partition =>
      [...(disk.pairs(partition)?.keys() ?? [])].filter(key => key > from && key < to).map(key => ({ partition, key }))
    )
}

function scrub(cluster: SimulatedCluster, client: AskingClient, host: string): void {
  client.work(host, replyTo => ({ kind: 'run', kinds: ['scrub'], replyTo }))
  cluster.clock.run(cluster.clock.now() + 10_000)
}

t.test('a copy of a floor is damaged → a scrub writes it anew from the other copy, and no other host is asked', async t => {
  const { cluster, client } = servingCluster({ seed: 51, hosts: 3, partitions: 8, isRepairing: true, floors })
  const keys = Array.from({ length: 20 }, (_, index) => keyOfText('b', `k${index}`))
  for (const key of keys) client.put('h1', key, 'x')
  for (const key of keys) client.delete('h2', key)
  const isPurged = () => notesOf(cluster, 'h2', systemKeysEnd, '\xff' as Key).length === 0
  t.ok(cluster.simulation.runUntil(isPurged, 300_000, 1_000))
  const copies = notesOf(cluster, 'h2', floorsStart, floorsEnd)
  t.ok(copies.length > 0)
  const damaged = copies.filter((_, at) => at % 2 === 0)
  const { disk } = cluster.machine('h2')
  for (const { partition, key } of damaged) disk.corrupt(partition, key)
  scrub(cluster, client, 'h2')
  t.equal(sumOf(cluster, 'corrupt_records_total'), damaged.length)
  t.equal(sumOf(cluster, 'repaired_records_total'), damaged.length)
  for (const { partition, key } of copies) {
    t.notOk(disk.isCorrupt(partition, key))
    const [other] = copies.filter(copy => copy.partition === partition && copy.key !== key)
    const floorAt = (at: Key) => decodeFloor(disk.pairs(partition)!.get(at)!)
    t.same(floorAt(key), floorAt(other!.key))
  }
  t.same(crashesOf(cluster), [])
})

t.test('both copies of a floor are damaged → it is said to be lost, at each scrub, and nothing fails by it', async t => {
  const { cluster, client } = servingCluster({ seed: 52, hosts: 3, partitions: 8, isRepairing: true, floors })
  const key = keyOfText('b', 'k')
  client.put('h1', key, 'x')
  client.delete('h2', key)
  t.ok(cluster.simulation.runUntil(() => notesOf(cluster, 'h2', floorsStart, floorsEnd).length > 0, 300_000, 1_000))
  cluster.clock.run(cluster.clock.now() + 10_000)
  const { disk } = cluster.machine('h2')
  for (const { partition, key } of notesOf(cluster, 'h2', floorsStart, floorsEnd)) disk.corrupt(partition, key)
  cluster.kill('h2', false)
  cluster.start('h2')
  cluster.clock.run(cluster.clock.now() + 10_000)
  scrub(cluster, client, 'h2')
  t.ok(sumOf(cluster, 'lost_records_total') >= 2)
  t.equal(client.put('h2', key, 'again')?.kind, 'written')
  t.same(client.values('h3', key, { level: 'all' }), ['again'])
  t.same(crashesOf(cluster), [])
})

t.test('notes of what another datacenter lacks are damaged → they are written anew, and all of it arrives', async t => {
  const rig = datacenters({ seed: 53 })
  rig.cut()
  rig.run(10_000)
  const keys = keysNamed(30)
  for (const key of keys) t.equal(rig.client.put('h1', key, 'x')?.kind, 'written')
  const { disk } = rig.cluster.machine('h1')
  const notes = notesOf(rig.cluster, 'h1', owedStart, owedEnd)
  t.ok(notes.length > 0)
  for (const { partition, key } of notes) disk.corrupt(partition, key)
  scrub(rig.cluster, rig.client, 'h1')
  t.equal(sumOf(rig.cluster, 'corrupt_records_total'), notes.length)
  t.notOk(notes.some(({ partition, key }) => disk.isCorrupt(partition, key)))
  rig.mend()
  t.ok(
    rig.until(() => owedOnDisk(rig).length === 0, 60_000),
    `${owedOnDisk(rig).length} are owed`
  )
  t.ok(rig.until(() => areAllEqual(rig), 60_000))
  t.equal(sumOf(rig.cluster, 'owed_keys'), 0)
  t.same(crashesOf(rig.cluster), [])
})
