import t from 'tap'
import { membersIn } from '../../model/datacenter.ts'
import { crashesOf } from './exchange-cluster.ts'
import { areAllEqual, type DatacentersRig, datacenters, keysNamed, owedOnDisk } from './datacenters-cluster.ts'

/** Power loss of a whole datacenter; its machines come back under their names and addresses, with empty disks. */
function lose(rig: DatacentersRig, dc: string): void {
  for (const name of rig.namesOf(dc)) rig.cluster.kill(name, true)
  for (const name of rig.namesOf(dc)) rig.cluster.wipe(name)
}

for (const lost of ['dc1', 'dc2']) {
  t.test(
    `D6: ${lost} loses all disks and comes back empty → its data comes from the other, where no client sees an error`,
    async t => {
      const rig = datacenters({ seed: 21 })
      const keys = keysNamed(40)
      const [here, there] = lost === 'dc1' ? ['h4', 'h1'] : ['h1', 'h4']
      for (const key of keys) rig.client.put(here, key, key)
      t.ok(rig.until(() => areAllEqual(rig) && owedOnDisk(rig).length === 0, 30_000))
      lose(rig, lost)
      const serves = (): boolean => {
        const [probe] = keysNamed(1, 'probe')
        return (
          rig.client.put(here, probe!, 'x', undefined, { level: 'local_quorum' })?.kind === 'written' &&
          rig.client.get(here, keys[0]!, { level: 'local_quorum' })?.kind === 'got'
        )
      }
      for (let second = 0; second < 15; second++) {
        t.ok(serves(), `second ${second} without ${lost}`)
        rig.run(1_000)
      }
      for (const name of rig.namesOf(lost)) rig.cluster.start(name)
      let isBack = false
      for (let second = 0; second < 90 && !isBack; second++) {
        if (!serves()) t.fail(`second ${second} of its return`)
        const values = rig.client.values(there, keys[7]!, { level: 'local_quorum' })
        // Refused, or right: never 'there is nothing'.
        if (values !== undefined) t.same(values, [keys[7]])
        rig.run(1_000)
        isBack = areAllEqual(rig)
      }
      t.ok(isBack, 'all six hold the same again')
      for (const key of keys) t.same(rig.client.values(there, key, { level: 'all' }), [key])
      const members = membersIn(rig.cluster.machine(here).saved!.members, lost)
      t.equal(members.filter(({ state, standing }) => state === 'up' && standing === 'up').length, 3)
      t.equal(members.filter(({ state }) => state === 'removed').length, 3, 'their old selves never return')
      t.same(crashesOf(rig.cluster), [])
    }
  )
}

t.test('a second datacenter is added to a cluster with data → its first host copies it before it serves', async t => {
  const rig = datacenters({ seed: 22, datacenters: 1 })
  const keys = keysNamed(30)
  for (const key of keys) rig.client.put('h1', key, key)
  for (let added = 0; added < 3; added++) rig.cluster.start(rig.cluster.add({ dc: 'dc2' }).name)
  const areIn = (): boolean =>
    membersIn(rig.cluster.machine('h1').saved!.members, 'dc2').filter(({ standing }) => standing === 'up').length === 3
  let first: string[] | undefined
  for (let tries = 0; tries < 600 && first === undefined; tries++) {
    rig.run(100)
    first = rig.client.values('h4', keys[3]!)
  }
  t.same(first, [keys[3]])
  t.ok(rig.until(areIn, 60_000))
  t.ok(rig.until(() => areAllEqual(rig), 90_000))
  t.same(crashesOf(rig.cluster), [])
})
