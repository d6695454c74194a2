import t, { type Test } from 'tap'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { isDeleted } from '../../model/siblings.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { servingCluster } from './asking-client.ts'
import { areEqual, place, recordOf, sumOf } from './exchange-cluster.ts'

const partitions = 8
const quick = { partitions, isRepairing: true, floors: { roundMs: 1_000, pauseMsMax: 10_000 } }

function tombstonesOf(cluster: SimulatedCluster): number {
  let count = 0
  for (const { disk } of cluster.machines) {
    for (const partition of disk.partitions()) {
      for (const [key, record] of disk.pairs(partition) ?? []) {
        if (key > '\0\xff' && isDeleted(decodeSiblings(record))) count++
      }
    }
  }
  return count
}

function recordsOf(cluster: SimulatedCluster, key: Key): number {
  const partition = partitionOf(positionOf(key), partitions)
  return cluster.machines.filter(({ disk }) => disk.pairs(partition)?.has(key)).length
}

function calm(t: Test, cluster: SimulatedCluster): void {
  t.same(
    cluster.crashes.map(crash => `${crash.actor}: ${crash.error}`),
    []
  )
}

t.test('3 healthy hosts, 40 keys are written and deleted → after a while no record of them is left anywhere', async t => {
  const { cluster, client } = servingCluster({ seed: 21, hosts: 3, ...quick })
  const keys = Array.from({ length: 40 }, (_, index) => keyOfText('b', `k${index}`))
  for (const key of keys) client.put('h1', key, 'x')
  t.ok(keys.every(key => client.delete('h2', key)?.kind === 'written'))
  t.ok(tombstonesOf(cluster) > 0)
  const isGone = () => keys.every(key => recordsOf(cluster, key) === 0)
  t.ok(
    cluster.simulation.runUntil(isGone, 300_000, 1_000),
    `at ${cluster.clock.now()} ms ${tombstonesOf(cluster)} tombstones are left`
  )
  t.comment(`gone at ${cluster.clock.now()} ms, after ${sumOf(cluster, 'floors_raised_total')} rounds`)
  t.ok(keys.every(key => client.values('h3', key, { level: 'all' })?.length === 0))
  calm(t, cluster)
})

t.test('I12: a key is deleted, purged and written again → the new value stays', async t => {
  const { cluster, client } = servingCluster({ seed: 22, hosts: 3, ...quick })
  const key = keyOfText('b', 'k')
  for (let round = 0; round < 3; round++) {
    t.equal(client.put('h1', key, `v${round}`)?.kind, 'written')
    t.same(client.values('h2', key, { level: 'all' }), [`v${round}`])
    t.equal(client.delete('h3', key)?.kind, 'written')
    t.ok(
      cluster.simulation.runUntil(() => recordsOf(cluster, key) === 0, 300_000, 1_000),
      'it is purged'
    )
  }
  t.equal(client.put('h2', key, 'last')?.kind, 'written')
  cluster.clock.run(cluster.clock.now() + 60_000)
  t.same(client.values('h1', key, { level: 'all' }), ['last'])
  calm(t, cluster)
})

t.test(
  'I12: a host is away while a key is deleted, for as long as you like → the tombstone waits for it, nothing comes back',
  async t => {
    const { cluster, client } = servingCluster({ seed: 23, hosts: 3, ...quick })
    const key = keyOfText('b', 'k')
    t.equal(client.put('h1', key, 'old', undefined, { level: 'all' })?.kind, 'written')
    cluster.kill('h3', false)
    t.ok(cluster.simulation.runUntil(() => client.delete('h1', key)?.kind === 'written', 60_000, 500))
    cluster.clock.run(cluster.clock.now() + 120_000)
    t.ok(recordsOf(cluster, key) > 0, 'a tombstone is left')
    cluster.start('h3')
    t.ok(
      cluster.simulation.runUntil(() => recordsOf(cluster, key) === 0, 1_200_000, 1_000),
      'it goes when the host is back'
    )
    t.same(client.values('h3', key, { level: 'all' }), [])
    calm(t, cluster)
  }
)

t.test('I12: a host goes back to an old disk that holds what was deleted and purged → it does not come back', async t => {
  const { cluster, client } = servingCluster({ seed: 24, hosts: 3, ...quick })
  const key = keyOfText('b', 'k')
  const other = keyOfText('b', 'other')
  t.equal(client.put('h1', key, 'old', undefined, { level: 'all' })?.kind, 'written')
  t.equal(client.put('h1', other, 'kept', undefined, { level: 'all' })?.kind, 'written')
  const snapshot = cluster.backUp('h3')
  t.equal(client.delete('h1', key)?.kind, 'written')
  t.ok(
    cluster.simulation.runUntil(() => recordsOf(cluster, key) === 0, 300_000, 1_000),
    'it is purged'
  )
  cluster.kill('h3', false)
  cluster.restore('h3', snapshot)
  t.equal(recordsOf(cluster, key), 1)
  cluster.start('h3')
  let shown = 0
  const reads = () => {
    for (const name of ['h1', 'h3']) shown += client.values(name, key, { level: 'all' })?.length ?? 0
    return cluster.clock.now() > restartedMs + 5_000
  }
  const restartedMs = cluster.clock.now()
  cluster.simulation.runUntil(reads, 6_000, 20)
  t.equal(shown, 0, 'no read shows it meanwhile')
  t.ok(
    cluster.simulation.runUntil(() => recordsOf(cluster, key) === 0 && areEqual(cluster.machines), 300_000, 500),
    'the others say that it is gone'
  )
  t.same(client.values('h3', key, { level: 'all' }), [])
  t.same(client.values('h3', other, { level: 'all' }), ['kept'])
  calm(t, cluster)
})

t.test(
  'I5, I12: a row vanishes from one replica that keeps a floor → it is not taken for deleted, the others give it back',
  async t => {
    const { cluster, client } = servingCluster({ seed: 25, hosts: 3, ...quick })
    const partition = partitionOf(positionOf(keyOfText('b', 'k')), partitions)
    const inPartition = Array.from({ length: 200 }, (_, index) => keyOfText('b', `k${index}`)).filter(
      key => partitionOf(positionOf(key), partitions) === partition
    )
    const [key, doomed] = inPartition as [Key, Key]
    t.equal(client.put('h1', key, 'kept', undefined, { level: 'all' })?.kind, 'written')
    t.equal(client.put('h1', doomed, 'x', undefined, { level: 'all' })?.kind, 'written')
    t.equal(client.delete('h1', doomed)?.kind, 'written')
    t.ok(
      cluster.simulation.runUntil(() => recordsOf(cluster, doomed) === 0, 300_000, 1_000),
      'there is a floor'
    )
    cluster.kill('h2', false)
    cluster.machine('h2').disk.write([{ partition, key, record: undefined }])
    cluster.machine('h2').disk.flush()
    cluster.start('h2')
    t.ok(
      cluster.simulation.runUntil(() => recordsOf(cluster, key) === 3, 300_000, 500),
      'it is back'
    )
    t.same(client.values('h2', key, { level: 'all' }), ['kept'])
    calm(t, cluster)
  }
)

t.test('I12: messages of old writes arrive after the key was purged → they are refused as obsolete', async t => {
  const { cluster, client } = servingCluster({ seed: 26, hosts: 3, ...quick })
  const key = keyOfText('b', 'k')
  t.equal(client.put('h1', key, 'old', undefined, { level: 'all' })?.kind, 'written')
  const reply = client.get('h1', key)
  const siblings = reply?.kind === 'got' ? reply.siblings : new Uint8Array(0)
  t.equal(client.delete('h1', key)?.kind, 'written')
  t.ok(cluster.simulation.runUntil(() => recordsOf(cluster, key) === 0, 300_000, 1_000))
  for (const { name } of cluster.machines) {
    const answer = client.vnode(name, key, replyTo => ({
      kind: 'replicate',
      key,
      siblings,
      resolver: 'siblings',
      durability: 'flushed',
      replyTo
    }))
    t.equal(answer?.kind, 'obsolete')
  }
  t.same(client.values('h2', key, { level: 'all' }), [])
  t.equal(sumOf(cluster, 'obsolete_records_total'), 3)
  calm(t, cluster)
})

t.test(
  'I5, I12: a host keeps a record of a partition that it owns no more → no tombstone of the partition goes before that is given to the owners',
  async t => {
    const { cluster, client } = servingCluster({ seed: 27, hosts: 4, ...quick, workBehaviours: {} })
    const key = keyOfText('b', 'k')
    t.equal(client.put('h1', key, 'old', undefined, { level: 'all' })?.kind, 'written')
    const stray = cluster.machines.find(({ disk }) => disk.pairs(partitionOf(positionOf(key), partitions))?.has(key) !== true)!
    place(stray, key, recordOf(7, 1), partitions)
    t.equal(client.delete('h2', key, { level: 'all' })?.kind, 'written')
    cluster.clock.run(cluster.clock.now() + 120_000)
    t.equal(recordsOf(cluster, key), 4, 'three tombstones, and what lies there')
    place(stray, key, undefined, partitions)
    t.ok(
      cluster.simulation.runUntil(() => recordsOf(cluster, key) === 0, 300_000, 1_000),
      'then it is purged'
    )
    calm(t, cluster)
  }
)
