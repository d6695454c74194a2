import t from 'tap'
import { keyOfText } from '../../model/key.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import { crashesOf } from './exchange-cluster.ts'
import { HintsCluster } from './hints-cluster.ts'

const key = keyOfText('b', 'k')

t.test(
  'I13, I14: 5 hosts, N=3, one owner away: a write at W=3 is sloppy, its hint arrives without traffic, the ledger balances',
  async t => {
    const world = new HintsCluster(key, { seed: 1 })
    const { cluster, client, owners } = world
    world.away(owners[1]!)
    const written = client.put(owners[0]!, key, 'v1', undefined, { replicas: 3, receipt: true })
    t.match(written, { kind: 'written', strength: 'sloppy', answered: 3 })
    t.match(written, { receipt: { acks: [{ role: 'primary' }, { role: 'primary' }, { role: 'fallback' }] } })
    t.equal(world.hintsOnDisks, 1)
    t.ok(world.isBalanced)
    const strict = client.put(owners[0]!, key, 'v2', undefined, { replicas: 3, sloppy: false })
    t.match(strict, { kind: 'refused', fault: { code: 'quorum_unavailable', needed: 3, answered: 0, outcome: 'refused' } })
    world.back(owners[1]!)
    t.ok(world.drained(), 'the hint is delivered')
    t.same(world.onDisk(owners[1]!), ['v1'])
    t.ok(world.isBalanced, 'created = delivered + superseded + pending')
    t.same(crashesOf(cluster), [])
  }
)

t.test(
  'I10, I14: 5 hosts, N=3, two owners away: quorum writes and reads go on and say sloppy, strict ones are refused',
  async t => {
    const world = new HintsCluster(key, { seed: 2 })
    const { cluster, client, owners } = world
    world.away(...owners.slice(1))
    t.match(client.put(owners[0]!, key, 'v1'), { kind: 'written', strength: 'sloppy' })
    t.match(client.get(owners[0]!, key), { kind: 'got', strength: 'sloppy' })
    t.same(client.values(owners[0]!, key), ['v1'])
    t.match(client.get(owners[0]!, key, { sloppy: false }), { kind: 'refused', fault: { code: 'quorum_unavailable', needed: 2 } })
    t.match(client.get(owners[0]!, key, { primaries: 2 }), { kind: 'refused' })
    t.match(client.put(owners[0]!, key, 'v2', undefined, { primaries: 2 }), { kind: 'refused', fault: { outcome: 'refused' } })
    world.back(...owners.slice(1))
    t.ok(world.drained())
    for (const owner of owners) t.same(world.onDisk(owner), ['v1'], owner)
    t.ok(world.isBalanced)
    t.same(crashesOf(cluster), [])
  }
)

t.test('I5, I13: 5 hosts, all three owners of a key away: puts and reads go on at the others; nothing of it is lost', async t => {
  const world = new HintsCluster(key, { seed: 3 })
  const { cluster, client, owners, others } = world
  t.match(client.put(owners[0]!, key, 'before'), { kind: 'written' })
  cluster.clock.run(cluster.clock.now() + 1_000)
  world.away(...owners)
  t.match(client.put(others[0]!, key, 'blind'), { kind: 'written', strength: 'sloppy' })
  t.match(client.put(others[1]!, key, 'other'), { kind: 'written', strength: 'sloppy' })
  t.same(client.values(others[1]!, key), ['blind', 'other'])
  const read = client.get(others[0]!, key)
  const seen = read?.kind === 'got' ? decodeSiblings(read.siblings).context : undefined
  t.match(client.put(others[1]!, key, 'merged', seen), { kind: 'written', strength: 'sloppy' })
  t.same(client.values(others[0]!, key), ['merged'])
  t.match(client.put(others[0]!, key, 'strict', undefined, { sloppy: false }), {
    kind: 'refused',
    fault: { code: 'quorum_unavailable', needed: 2, answered: 0, outcome: 'refused' }
  })
  world.back(...owners)
  t.ok(world.drained())
  for (const owner of owners.slice(0, 2)) t.same(world.onDisk(owner), ['before', 'merged'], owner)
  t.same(client.values(owners[0]!, key, { level: 'all' }), ['before', 'merged'])
  t.ok(world.isBalanced)
  t.same(crashesOf(cluster), [])
})

t.test('I14: the keeper of a hint is killed and started again: the hint is delivered without any traffic', async t => {
  const world = new HintsCluster(key, { seed: 4 })
  const { cluster, client, owners, others } = world
  world.away(owners[2]!)
  t.match(client.put(owners[0]!, key, 'v', undefined, { replicas: 3 }), { kind: 'written', strength: 'sloppy' })
  world.away(...others)
  t.equal(world.hintsOnDisks, 1)
  world.back(...others, owners[2]!)
  t.ok(world.drained())
  t.same(world.onDisk(owners[2]!), ['v'])
  t.ok(world.isBalanced)
  t.same(crashesOf(cluster), [])
})

t.test('an owner is killed while writes are under way: none ends as a timeout', async t => {
  const world = new HintsCluster(key, { seed: 5 })
  const { cluster, client, owners } = world
  cluster.kill(owners[1]!, true)
  cluster.kill(owners[2]!, true)
  for (let index = 0; index < 20; index++) {
    t.match(client.put(owners[0]!, key, `v${index}`, undefined, { replicas: 3 }), { kind: 'written', strength: 'sloppy' })
  }
  t.same(crashesOf(cluster), [])
})
