import t from 'tap'
import { membersIn } from '../../model/datacenter.ts'
import { ringOf } from '../../model/ring.ts'
import { crashesOf } from './exchange-cluster.ts'
import { datacenters, keysNamed, partitions } from './datacenters-cluster.ts'

t.test('D3, I16: two datacenters of three → each has a ring of its own, and all hosts know both', async t => {
  const rig = datacenters({ seed: 1 })
  for (const { name } of rig.cluster.machines) {
    const members = rig.cluster.machine(name).saved!.members
    t.equal(members.length, 6)
    for (const dc of ['dc1', 'dc2']) {
      const { owners } = ringOf(membersIn(members, dc), { partitions, replicas: 3 })
      t.ok(owners.every(list => list.length === 3 && list.every(owner => rig.namesOf(dc).includes(owner))))
    }
  }
  t.equal(rig.epochOf('dc1', 'h1'), rig.epochOf('dc1', 'h6'))
  t.not(rig.epochOf('dc1', 'h1'), rig.epochOf('dc2', 'h1'))
  t.same(crashesOf(rig.cluster), [])
})

t.test(
  'K1: a write at level all → acknowledged by the three owners of the datacenter that was asked, and by nobody else',
  async t => {
    const rig = datacenters({ seed: 2 })
    const [key] = keysNamed(1)
    const reply = rig.client.put('h5', key!, 'v', undefined, { level: 'all', receipt: true })
    t.equal(reply?.kind, 'written')
    if (reply?.kind !== 'written') return
    t.same(new Set(reply.receipt?.acks.map(({ host }) => host)), new Set(['h4', 'h5', 'h6']))
    t.same(new Set(reply.receipt?.acks.map(({ dc }) => dc)), new Set(['dc2']))
  }
)

t.test('D6: the link between datacenters is cut → both serve at local_quorum, nobody takes part in the other ring', async t => {
  const rig = datacenters({ seed: 3 })
  const [one, other] = keysNamed(2)
  const before = [rig.epochOf('dc1', 'h1'), rig.epochOf('dc2', 'h4')]
  rig.cut()
  rig.run(30_000)
  t.equal(rig.client.put('h1', one!, 'here', undefined, { level: 'local_quorum' })?.kind, 'written')
  t.equal(rig.client.put('h4', other!, 'there', undefined, { level: 'local_quorum' })?.kind, 'written')
  t.same(rig.client.values('h2', one!, { level: 'local_quorum' }), ['here'])
  t.same(rig.client.values('h6', other!, { level: 'local_quorum' }), ['there'])
  t.same([rig.epochOf('dc1', 'h1'), rig.epochOf('dc2', 'h4')], before)
  t.same(crashesOf(rig.cluster), [])
})

t.test('a host joins one datacenter → the ring of the other stays as it is, and nothing moves there', async t => {
  const rig = datacenters({ seed: 4 })
  const keys = keysNamed(40)
  for (const key of keys) rig.client.put('h4', key, key, undefined, { level: 'all' })
  const before = rig.epochOf('dc1', 'h1')
  const { name } = rig.cluster.add({ dc: 'dc2' })
  rig.cluster.start(name)
  const isIn = (): boolean =>
    rig.cluster.machine('h1').saved?.members.some(row => row.name === name && row.standing === 'up') === true
  t.ok(rig.until(isIn, 60_000))
  t.equal(rig.epochOf('dc1', 'h1'), before)
  const { owners } = ringOf(membersIn(rig.cluster.machine('h1').saved!.members, 'dc2'), { partitions, replicas: 3 })
  t.ok(owners.some(list => list.includes(name)))
  for (const key of keys) t.same(rig.client.values('h5', key), [key])
  t.same(crashesOf(rig.cluster), [])
})
