import t from 'tap'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import { servingCluster } from './asking-client.ts'
import { areEqual, sumOf } from './exchange-cluster.ts'

const partitions = 8

function partition(key: Key): number {
  return partitionOf(positionOf(key), partitions)
}

const serving = (seed: number) => servingCluster({ seed, hosts: 3, partitions })

t.test(
  'I4: 3 hosts, a record is damaged on one → not served, not taken for nothing, repaired from the others, counted once',
  async t => {
    const { cluster, client } = serving(1)
    const key = keyOfText('b', 'k')
    t.equal(client.put('h1', key, 'v1')?.kind, 'written')
    t.same(client.values('h2', key, { level: 'all' }), ['v1'])
    const machine = cluster.machine('h1')
    machine.disk.corrupt(partition(key), key)
    const other = client.vnode('h2', key, replyTo => ({ kind: 'read', key, replyTo }))
    const answer = client.vnode('h1', key, replyTo => ({ kind: 'read', key, replyTo }))
    t.equal(answer?.kind, 'failed')
    t.equal(answer?.kind === 'failed' && answer.fault.code, 'corrupt_record')
    t.same(client.values('h1', key), ['v1'], 'the other two make the quorum')
    t.ok(
      cluster.simulation.runUntil(() => sumOf(cluster, 'repaired_records_total') === 1, 30_000, 50),
      'it is repaired'
    )
    const after = client.vnode('h1', key, replyTo => ({ kind: 'read', key, replyTo }))
    t.same(after, other)
    t.equal(sumOf(cluster, 'corrupt_records_total'), 1)
    t.ok(areEqual(cluster.machines))
    t.same(cluster.crashes, [])
  }
)

t.test('I4: a damaged record whose other owner is away stays an error until that one has been asked', async t => {
  const { cluster, client } = serving(2)
  const key = keyOfText('b', 'k')
  t.equal(client.put('h1', key, 'v1', undefined, { level: 'all' })?.kind, 'written')
  cluster.kill('h3', false)
  t.ok(cluster.simulation.runUntil(() => client.put('h1', keyOfText('b', 'other'), 'x')?.kind === 'written', 30_000, 500))
  cluster.machine('h1').disk.corrupt(partition(key), key)
  cluster.clock.run(cluster.clock.now() + 8_000)
  t.equal(client.vnode('h1', key, replyTo => ({ kind: 'read', key, replyTo }))?.kind, 'failed')
  const refused = client.put('h1', key, 'v2')
  t.equal(
    refused?.kind === 'refused' && refused.fault.outcome,
    'refused',
    'no write is coordinated here, for it would pass over what was there'
  )
  cluster.clock.run(cluster.clock.now() + 30_000)
  t.equal(client.vnode('h1', key, replyTo => ({ kind: 'read', key, replyTo }))?.kind, 'failed')
  cluster.start('h3')
  t.ok(cluster.simulation.runUntil(() => sumOf(cluster, 'repaired_records_total') === 1, 60_000, 100))
  t.same(client.values('h1', key, { level: 'all' }), ['v1'])
})

t.test('I5: a damaged record held writes that only another replica has still → the next write does not replace them', async t => {
  const { cluster, client } = serving(3)
  const key = keyOfText('b', 'k')
  for (let index = 0; index < 5; index++) client.put('h1', key, `blind ${index}`)
  t.equal(client.values('h1', key, { level: 'all' })?.length, 5)
  cluster.machine('h1').disk.corrupt(partition(key), key)
  client.vnode('h1', key, replyTo => ({ kind: 'read', key, replyTo }))
  t.ok(cluster.simulation.runUntil(() => sumOf(cluster, 'repaired_records_total') === 1, 30_000, 50))
  t.equal(client.put('h1', key, 'blind 5')?.kind, 'written')
  t.equal(client.values('h2', key, { level: 'all' })?.length, 6)
  const reply = client.get('h2', key)
  const dots = reply?.kind === 'got' ? decodeSiblings(reply.siblings).versions : []
  t.equal(new Set(dots.map(version => version.vnode)).size, 2, 'the write after the repair has another id')
})

t.test('I4: a damaged record of which no other owner knows is dropped, and said to be lost', async t => {
  const { cluster, client } = serving(4)
  const key = keyOfText('b', 'k')
  const machine = cluster.machine('h1')
  t.equal(client.put('h1', key, 'v1', undefined, { level: 'all' })?.kind, 'written')
  for (const name of ['h2', 'h3']) {
    const { disk } = cluster.machine(name)
    disk.write([{ partition: partition(key), key, record: undefined }])
  }
  machine.disk.corrupt(partition(key), key)
  client.vnode('h1', key, replyTo => ({ kind: 'read', key, replyTo }))
  t.ok(cluster.simulation.runUntil(() => sumOf(cluster, 'lost_records_total') === 1, 30_000, 50))
  t.same(client.values('h1', key, { level: 'all' }), [])
})

t.test('I4: a host alone has a damaged record → it is said to be lost, and the key can be written', async t => {
  const { cluster, client } = servingCluster({ seed: 5, hosts: 1, partitions })
  const key = keyOfText('b', 'k')
  t.equal(client.put('h1', key, 'v1')?.kind, 'written')
  cluster.machine('h1').disk.corrupt(partition(key), key)
  t.equal(client.values('h1', key), undefined)
  t.ok(cluster.simulation.runUntil(() => sumOf(cluster, 'lost_records_total') === 1, 30_000, 50))
  t.same(client.values('h1', key), [])
  t.equal(client.put('h1', key, 'v2')?.kind, 'written')
  t.same(client.values('h1', key), ['v2'])
  t.same(cluster.crashes, [])
})

t.test(
  'I4, S3: records are damaged while others join a host alone → they join, and what came to them meanwhile is kept',
  async t => {
    const { cluster, client } = servingCluster({ seed: 6, hosts: 1, partitions })
    const keys = Array.from({ length: 10 }, (_, index) => keyOfText('b', `k${index}`))
    const known = (standing: string) =>
      cluster.machine('h1').saved?.members.filter(member => member.standing === standing).length ?? 0
    for (const key of keys) t.equal(client.put('h1', key, 'v1')?.kind, 'written')
    for (const { name } of [cluster.add(), cluster.add()]) cluster.start(name)
    t.ok(cluster.simulation.runUntil(() => known('joining') > 0, 60_000, 10))
    for (const key of keys) client.put('h1', key, 'v2')
    t.equal(known('up'), 1, 'nobody has arrived yet')
    for (const key of keys) cluster.machine('h1').disk.corrupt(partition(key), key)
    t.ok(
      cluster.simulation.runUntil(() => known('up') === 3, 60_000, 100),
      'nobody waits for what cannot be copied'
    )
    t.equal(sumOf(cluster, 'corrupt_records_total'), keys.length)
    for (const key of keys) t.same(client.values('h2', key, { level: 'all' }), ['v1', 'v2'])
    t.same(cluster.crashes, [])
  }
)
