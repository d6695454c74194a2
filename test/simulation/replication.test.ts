import t from 'tap'
import { crashesOf } from './exchange-cluster.ts'
import { areAllEqual, datacenters, keysNamed, owedOnDisk } from './datacenters-cluster.ts'

t.test('D6, I9: writes in both datacenters → all six replicas hold them, and nothing is owed any more', async t => {
  const rig = datacenters({ seed: 11 })
  const keys = keysNamed(40)
  for (const [index, key] of keys.entries()) rig.client.put(index % 2 === 0 ? 'h1' : 'h5', key, key)
  t.ok(rig.until(() => areAllEqual(rig) && owedOnDisk(rig).length === 0, 20_000))
  for (const key of keys) t.same(rig.client.values('h6', key), [key])
  t.same(crashesOf(rig.cluster), [])
})

t.test(
  'D6, I5: cut for a minute, both sides write the same keys → each serves its own; then all are equal, siblings kept',
  async t => {
    const rig = datacenters({ seed: 12 })
    const keys = keysNamed(60)
    rig.cut()
    rig.run(10_000)
    for (const key of keys) {
      t.equal(rig.client.put('h2', key, 'one', undefined, { level: 'local_quorum' })?.kind, 'written')
      t.equal(rig.client.put('h4', key, 'two', undefined, { level: 'local_quorum' })?.kind, 'written')
    }
    t.same(rig.client.values('h1', keys[0]!), ['one'])
    t.same(rig.client.values('h6', keys[0]!), ['two'])
    rig.run(50_000)
    t.equal(owedOnDisk(rig).length, 2 * keys.length, 'each key is owed once by each side')
    rig.mend()
    t.ok(rig.until(() => areAllEqual(rig) && owedOnDisk(rig).length === 0, 60_000))
    for (const key of keys) for (const host of ['h1', 'h4']) t.same(rig.client.values(host, key), ['one', 'two'])
    t.same(crashesOf(rig.cluster), [])
  }
)

t.test(
  'the host that owes dies for good while the link is cut → the exchange between the datacenters brings what is missing',
  async t => {
    const rig = datacenters({ seed: 13 })
    const keys = keysNamed(30)
    rig.cut()
    rig.run(10_000)
    for (const key of keys) rig.client.put('h2', key, key, undefined, { level: 'all' })
    rig.cluster.kill('h2', true)
    rig.mend()
    const others = rig.cluster.machines.filter(({ name }) => name !== 'h2')
    const areEqual = (): boolean => others.every(({ name }) => keys.every(key => rig.heldBy(name).has(key)))
    t.ok(rig.until(areEqual, 180_000))
    t.same(crashesOf(rig.cluster), [])
  }
)

t.test('K1: each_quorum, all there → acknowledged by a quorum of each; reads meet what either has', async t => {
  const rig = datacenters({ seed: 14 })
  const [key] = keysNamed(1)
  const reply = rig.client.put('h1', key!, 'v', undefined, { level: 'each_quorum', receipt: true })
  t.equal(reply?.kind, 'written')
  if (reply?.kind !== 'written') return
  const acks = reply.receipt?.acks ?? []
  for (const dc of ['dc1', 'dc2']) t.ok(acks.filter(ack => ack.dc === dc).length >= 2, dc)
  t.same(rig.client.values('h4', key!, { level: 'local_quorum' }), ['v'])
  const got = rig.client.get('h5', key!, { level: 'each_quorum', receipt: true })
  t.equal(got?.kind, 'got')
  if (got?.kind === 'got') t.same([...new Set(got.receipt?.acks.map(({ dc }) => dc))].sort(), ['dc1', 'dc2'])
  t.same(crashesOf(rig.cluster), [])
})

t.test('K1: each_quorum, the link is cut → refused, and it says which datacenter is missing', async t => {
  const rig = datacenters({ seed: 15 })
  const [one, other] = keysNamed(2)
  rig.cut()
  const early = rig.client.put('h1', one!, 'v', undefined, { level: 'each_quorum' })
  t.equal(early?.kind, 'refused', 'before anybody knows that it is cut')
  if (early?.kind === 'refused') {
    t.match(early.fault.detail, /dc2 is missing/)
    t.equal(early.fault.outcome, 'indeterminate')
  }
  rig.run(20_000)
  const late = rig.client.put('h1', other!, 'v', undefined, { level: 'each_quorum' })
  t.equal(late?.kind, 'refused')
  if (late?.kind === 'refused') {
    t.match(late.fault.detail, /dc2 is missing/)
    t.equal(late.fault.outcome, 'refused')
  }
  t.same(rig.client.values('h1', other!), [], 'nothing was stored')
  const read = rig.client.get('h6', one!, { level: 'each_quorum' })
  t.equal(read?.kind, 'refused')
  if (read?.kind === 'refused') t.match(read.fault.detail, /dc1 is missing/)
  t.same(crashesOf(rig.cluster), [])
})
