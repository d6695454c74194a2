import t from 'tap'
import { exchangeAgent } from '../../actors/exchange/exchange-agent.ts'
import { encodeFloor, floorKeysOf } from '../../actors/floor/floor-codec.ts'
import { strayAgent } from '../../actors/handoff/stray-agent.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import { disagreements } from '../../simulation/replica-check.ts'
import type { Machine } from '../../simulation/simulated-cluster.ts'
import { type Key, partitionOf, positionOf } from '../../model/key.ts'
import { vnodeIdOf } from '../../model/version-vector.ts'
import { contentsOf, crashesOf, keyAt, place, recordOf, sumOf } from './exchange-cluster.ts'
import { joined, keys, ownersOf, partitions, replicas, strayCount, straysOf } from './strays-cluster.ts'

t.test(
  'a fourth host joins three → those that gave partitions up keep none of their records, and the owners hold all',
  async t => {
    const setting = joined(51)
    const { cluster, client, view } = setting
    const before = strayCount(setting)
    t.ok(before > 0, `${before} records lie where nobody looks for them`)
    t.ok(
      cluster.simulation.runUntil(() => strayCount(setting) === 0, 60_000, 100),
      'they are cleared'
    )
    t.equal(sumOf(cluster, 'strays_cleared_total'), before)
    for (const key of keys) t.equal(client.values('h4', key, { level: 'all' })?.length, 1)
    t.same(disagreements(cluster, [view], replicas), [])
    t.same(crashesOf(cluster), [])
  }
)

t.test(
  'I5: a record lies on one that gave its partition up alone, or is newer there → all owners get it, then it goes',
  async t => {
    const setting = joined(52)
    const { cluster, client, view } = setting
    const alone = keyAt(1_000)
    const newer = keys.find(key => cluster.machines.some(machine => straysOf(machine, view).includes(key)))!
    const exOwner = (key: Key): Machine => cluster.machines.find(({ name }) => !ownersOf(key, view).includes(name))!
    place(exOwner(alone), alone, recordOf(8, 5), partitions)
    place(exOwner(newer), newer, recordOf(7, 5_000), partitions)
    const areCleared = () => strayCount(setting) === 0
    t.ok(cluster.simulation.runUntil(areCleared, 60_000, 100))
    for (const [key, record] of [[alone, recordOf(8, 5)] as const, [newer, recordOf(7, 5_000)] as const]) {
      for (const name of ownersOf(key, view)) t.equal(contentsOf(cluster.machine(name)).get(key), digestOf(record), name)
      t.equal(client.values('h4', key, { level: 'all' })?.length, 1)
    }
    t.same(crashesOf(cluster), [])
  }
)

t.test('one host is away → nothing is given or forgotten before it is back', async t => {
  const setting = joined(53)
  const { cluster, client } = setting
  const before = strayCount(setting)
  cluster.kill('h2', true)
  cluster.clock.run(cluster.clock.now() + 90_000)
  t.equal(strayCount(setting), before)
  t.equal(sumOf(cluster, 'strays_cleared_total'), 0)
  cluster.start('h2')
  t.ok(
    cluster.simulation.runUntil(() => strayCount(setting) === 0, 120_000, 100),
    'then it goes on'
  )
  for (const key of keys) t.equal(client.values('h2', key, { level: 'all' })?.length, 1)
  t.same(crashesOf(cluster), [])
})

t.test('a bucket asks for four replicas → its fourth host keeps the partition, and its records', async t => {
  const setting = joined(54, cluster => {
    const { saved } = cluster.machine('h1')
    const entry = { version: 1, writer: 'h1', properties: { n: 4 } }
    for (const machine of cluster.machines) machine.saved = { ...saved!, table: { b: entry } }
  })
  const { cluster } = setting
  const before = strayCount(setting)
  t.ok(before > 0)
  cluster.clock.run(cluster.clock.now() + 120_000)
  t.equal(strayCount(setting), before)
  t.same(crashesOf(cluster), [])
})

t.test('I5, I12: who cleared a partition with a floor owns it again, without having taken it over → nothing is lost', async t => {
  const floor = { n: replicas, vector: [vnodeIdOf(7, 900), 500], classes: { replicas, others: [] } }
  const before = new Map<string, Machine['saved']>()
  const setting = joined(
    55,
    ({ machines }) => {
      for (const machine of machines) {
        before.set(machine.name, machine.saved)
        for (let partition = 0; partition < partitions; partition++) {
          machine.disk.write(floorKeysOf(replicas).map(key => ({ partition, key, record: encodeFloor(floor) })))
        }
        machine.disk.flush()
      }
    },
    { clear: strayAgent, exchange: exchangeAgent }
  )
  const { cluster, client, view } = setting
  const { simulation } = cluster
  t.ok(strayCount(setting) > 0)
  t.ok(simulation.runUntil(() => strayCount(setting) === 0, 60_000, 100))
  const hasLied = ({ name, disk }: Machine): boolean =>
    disk.partitions().some(partition => {
      const owns = keys.some(key => partitionOf(positionOf(key), partitions) === partition && ownersOf(key, view).includes(name))
      return !owns && floorKeysOf(replicas).some(key => disk.pairs(partition)?.has(key) === true)
    })
  t.same(cluster.machines.filter(hasLied), [], 'no floor is kept where records were forgotten')

  for (const { name } of cluster.machines) cluster.kill(name, false)
  const three = cluster.machines.filter(({ name }) => before.has(name))
  for (const machine of three) machine.saved = before.get(machine.name)
  for (const { name } of three) cluster.start(name)
  const areWhole = () => three.every(machine => keys.every(key => contentsOf(machine).has(key)))
  t.ok(simulation.runUntil(areWhole, 120_000, 500), 'the others give it back what they hold')
  cluster.clock.run(cluster.clock.now() + 30_000)
  t.ok(areWhole(), 'and keep it')
  for (const key of keys) t.equal(client.values('h1', key, { level: 'all' })?.length, 1)
  t.same(crashesOf(cluster), [])
})
