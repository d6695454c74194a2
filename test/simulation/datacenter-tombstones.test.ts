import t from 'tap'
import type { Key } from '../../model/key.ts'
import { crashesOf } from './exchange-cluster.ts'
import { areAllEqual, type DatacentersRig, datacenters, keysNamed, owedOnDisk } from './datacenters-cluster.ts'

const floors = { roundMs: 1_000, pauseMsMax: 5_000 }

function holdersOf(rig: DatacentersRig, keys: readonly Key[]): number {
  return rig.cluster.machines.filter(({ name }) => keys.some(key => rig.heldBy(name).has(key))).length
}

t.test('keys are deleted, all hosts of both datacenters there → their tombstones go everywhere', async t => {
  const rig = datacenters({ seed: 31, floors })
  const keys = keysNamed(20)
  for (const key of keys) rig.client.put('h1', key, 'x')
  t.ok(rig.until(() => areAllEqual(rig) && owedOnDisk(rig).length === 0, 30_000))
  for (const key of keys) t.equal(rig.client.delete('h5', key)?.kind, 'written')
  t.ok(rig.until(() => holdersOf(rig, keys) === 0, 120_000))
  t.same(crashesOf(rig.cluster), [])
})

t.test('I12: deleted and written again while the link is cut → nothing is purged meanwhile, and nothing comes back', async t => {
  const rig = datacenters({ seed: 32, floors })
  const keys = keysNamed(20)
  for (const key of keys) rig.client.put('h4', key, 'old')
  t.ok(rig.until(() => areAllEqual(rig) && owedOnDisk(rig).length === 0, 30_000))
  rig.cut()
  rig.run(10_000)
  for (const key of keys) t.equal(rig.client.delete('h1', key)?.kind, 'written')
  rig.run(60_000)
  for (const name of rig.namesOf('dc1'))
    t.ok(
      keys.every(key => rig.heldBy(name).has(key)),
      `${name} keeps the tombstones`
    )
  const [gone, again] = [keys.slice(0, 10), keys.slice(10)]
  for (const key of again) t.equal(rig.client.put('h2', key, 'new')?.kind, 'written')
  for (const key of again) t.same(rig.client.values('h5', key), ['old'], 'the other side has not heard of it')
  rig.mend()
  t.ok(rig.until(() => areAllEqual(rig) && owedOnDisk(rig).length === 0, 60_000))
  for (const host of ['h1', 'h6']) {
    for (const key of gone) t.same(rig.client.values(host, key), [])
    for (const key of again) t.same(rig.client.values(host, key), ['new'])
  }
  t.ok(
    rig.until(() => holdersOf(rig, gone) === 0, 180_000),
    'then their tombstones go'
  )
  for (const key of gone) t.same(rig.client.values('h4', key, { level: 'each_quorum' }), [])
  for (const key of again) t.same(rig.client.values('h4', key, { level: 'all' }), ['new'])
  t.same(crashesOf(rig.cluster), [])
})

t.test(
  'I12: one datacenter sleeps while the other deletes, writes anew and deletes again → purged everywhere once it is back',
  async t => {
    const rig = datacenters({ seed: 33, floors })
    const keys = keysNamed(10)
    for (const key of keys) rig.client.put('h2', key, 'one')
    t.ok(rig.until(() => areAllEqual(rig) && owedOnDisk(rig).length === 0, 30_000))
    for (const name of rig.namesOf('dc1')) rig.cluster.kill(name, false)
    rig.run(10_000)
    for (const key of keys) {
      rig.client.delete('h4', key)
      rig.client.put('h5', key, 'two')
      rig.client.delete('h6', key)
    }
    rig.run(60_000)
    t.equal(holdersOf(rig, keys), 6, 'tombstones wait for those that are away')
    for (const name of rig.namesOf('dc1')) rig.cluster.start(name)
    t.ok(rig.until(() => holdersOf(rig, keys) === 0, 240_000))
    for (const key of keys) for (const host of ['h1', 'h4']) t.same(rig.client.values(host, key), [])
    t.same(crashesOf(rig.cluster), [])
  }
)
