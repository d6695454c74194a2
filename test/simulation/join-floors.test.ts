import t from 'tap'
import { decodeFloor, encodeFloor, floorKeysOf } from '../../actors/floor/floor-codec.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import { vnodeIdOf } from '../../model/version-vector.ts'
import type { Machine } from '../../simulation/simulated-cluster.ts'
import { AskingClient } from './asking-client.ts'
import { contentsOf, crashesOf, keyAt, place, recordOf, stoppedCluster } from './exchange-cluster.ts'

const partitions = 8
const replicas = 3
const writer = 7
const purged = Array.from({ length: 40 }, (_, index) => keyAt(index))
const held = Array.from({ length: 40 }, (_, index) => keyAt(100 + index))
const newer = keyAt(200)
const counters = 200

/** What owners proved once: all that the writer had written up to here. */
const floor = {
  n: replicas,
  vector: [vnodeIdOf(writer, 900), counters],
  classes: { replicas, others: [] }
}

function placeFloor(machine: Machine): void {
  const record = encodeFloor(floor)
  for (let partition = 0; partition < partitions; partition++) {
    machine.disk.write(floorKeysOf(replicas).map(key => ({ partition, key, record })))
  }
  machine.disk.flush()
}

/** Partitions in whose place on the disk the floor is kept. */
function floorsOf(machine: Machine): number[] {
  return machine.disk.partitions().filter(partition => {
    const record = machine.disk.pairs(partition)?.get(floorKeysOf(replicas)[0])
    return record !== undefined && decodeFloor(record)?.vector[1] === counters
  })
}

t.test(
  'I12: a host joins with an old disk, on which is what the owners have purged → it drops that, keeps the rest, and their floors',
  async t => {
    // No exchange: what arrives, and what goes, the join has done.
    const cluster = stoppedCluster({ seed: 43, hosts: 3, partitions, workBehaviours: {} })
    for (const machine of cluster.machines) {
      placeFloor(machine)
      for (const [index, key] of held.entries()) place(machine, key, recordOf(writer, index + 41), partitions)
    }
    const newcomer = cluster.add()
    for (const [index, key] of purged.entries()) place(newcomer, key, recordOf(writer, index + 1), partitions)
    place(newcomer, held[0]!, recordOf(writer, 1), partitions)
    place(newcomer, newer, recordOf(writer, counters + 1), partitions)
    for (const { name } of cluster.machines) cluster.start(name)
    const { clock, simulation } = cluster
    const standing = (): string | undefined => newcomer.saved?.members.find(({ uid }) => uid === newcomer.uid)?.standing
    t.ok(
      simulation.runUntil(() => standing() === 'up', 120_000, 100),
      'it has joined'
    )
    clock.run(clock.now() + 5_000)

    const taken = floorsOf(newcomer)
    t.ok(taken.length > 0, 'it gained partitions')
    const gained = (key: (typeof purged)[number]): boolean =>
      taken.some(partition => newcomer.disk.pairs(partition)?.has(key) === true)
    t.same(purged.filter(gained), [], 'nothing that was purged is left where it owns')
    const contents = contentsOf(newcomer)
    for (const [index, key] of held.entries()) {
      if (gained(key)) t.equal(contents.get(key), digestOf(recordOf(writer, index + 41)), 'as the owners have it')
    }
    t.ok(held.some(gained))
    t.ok(contents.has(newer), 'what the floor does not speak of stays')
    const client = new AskingClient(cluster, partitions)
    for (const { name } of cluster.machines) {
      t.same(
        purged.filter(key => (client.values(name, key, { level: 'quorum' }) ?? []).length > 0),
        [],
        `${name} shows nothing that was purged`
      )
    }
    t.same(crashesOf(cluster), [])
  }
)
