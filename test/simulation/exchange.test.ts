import t from 'tap'
import { preferenceOf } from '../../actors/ring/ring-index.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { runScenario } from '../../simulation/run.ts'
import { drawScenario } from '../../simulation/scenario.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import {
  areEqual,
  contentsOf,
  crashesOf,
  exchangeTraffic,
  keyAt,
  place,
  recordOf,
  setBucket,
  startAll,
  stoppedCluster,
  sumOf,
  watchRing
} from './exchange-cluster.ts'

const weather = { delayMinMs: 0.1, delayMaxMs: 5 }
const repaired = 'exchange_keys_repaired_total'
const rounds = 'exchange_rounds_total'

function healsWithin(cluster: SimulatedCluster, withinMs: number): boolean {
  return cluster.simulation.runUntil(() => areEqual(cluster.machines), withinMs, 500)
}

t.test('I15: 3 hosts, each lacks writes that others have: equal within two rounds without a client, then silent', async t => {
  const partitions = 16
  const cluster = stoppedCluster({ seed: 1, hosts: 3, partitions, weather })
  const { machines } = cluster
  for (let index = 0; index < 2_000; index++) {
    machines.forEach((machine, at) => {
      if (index >= 60 || index % 3 !== at) place(machine, keyAt(index), recordOf(1, index + 1), partitions)
    })
    if (index >= 60 && index < 90) place(machines[index % 3]!, keyAt(index), recordOf(2, index + 1), partitions)
  }
  t.notOk(areEqual(machines))
  startAll(cluster)
  t.ok(healsWithin(cluster, 60_000), `equal at ${cluster.clock.now()} ms`)
  t.equal(contentsOf(machines[0]!).size, 2_000)
  cluster.clock.run(cluster.clock.now() + 2_000)
  t.ok(sumOf(cluster, rounds) <= 6, `${sumOf(cluster, rounds)} exchanges, two of each pair`)

  const before = sumOf(cluster, repaired)
  const roundsBefore = sumOf(cluster, rounds)
  const traffic = exchangeTraffic(cluster)
  cluster.clock.run(cluster.clock.now() + 200_000)
  const idle = sumOf(cluster, rounds) - roundsBefore
  t.ok(idle >= 6, `${idle} more rounds`)
  t.equal(sumOf(cluster, repaired), before, 'which repair nothing')
  t.ok(traffic.bytes / idle < 400, `${Math.round(traffic.bytes / idle)} bytes each`)
  t.same(crashesOf(cluster), [])
})

t.test('I15: either host is killed in the middle of an exchange, again and again: it is done all the same', async t => {
  const partitions = 16
  for (let seed = 1; seed <= 5; seed++) {
    const cluster = stoppedCluster({ seed, hosts: 2, partitions, weather, defaults: { n: 2 } })
    const { machines } = cluster
    const chance = cluster.random.fork('kills')
    for (let index = 0; index < 6_000; index++) place(machines[index % 2]!, keyAt(index), recordOf(1, index + 1), partitions)
    startAll(cluster)
    let kills = 0
    cluster.simulation.watch(({ message }) => {
      if (message.kind !== 'push-records' && message.kind !== 'records') return
      if (kills >= 4 || chance.next() > 0.1) return
      kills++
      const { name } = machines[chance.below(2)]!
      cluster.clock.after(0, () => cluster.kill(name, chance.next() < 0.5))
      cluster.clock.after(500 + chance.below(8_000), () => cluster.start(name))
    })
    t.ok(healsWithin(cluster, 300_000), `seed ${seed}: ${kills} kills, equal at ${cluster.clock.now()} ms`)
    t.equal(contentsOf(machines[0]!).size, 6_000)
    t.same(crashesOf(cluster), [])
  }
})

t.test('I4: a record that is corrupt on one host is mended from the other, and never the other way', async t => {
  const partitions = 16
  const cluster = stoppedCluster({ seed: 5, hosts: 2, partitions, weather, defaults: { n: 2 } })
  const { machines } = cluster
  const [damaged, sound] = machines
  for (let index = 0; index < 300; index++)
    for (const machine of machines) place(machine, keyAt(index), recordOf(1, index + 1), partitions)
  const key = keyAt(7)
  const partition = partitionOf(positionOf(key), partitions)
  const before = contentsOf(sound!)
  damaged!.disk.corrupt(partition, key)
  startAll(cluster)
  cluster.clock.run(cluster.clock.now() + 90_000)
  t.same(contentsOf(sound!), before)
  t.same(contentsOf(damaged!), before)
  t.notOk(damaged!.disk.isCorrupt(partition, key))
  t.same(crashesOf(cluster), [])
})

t.test('a bucket with n=2 on 4 hosts: its keys are mended between their two owners, and go nowhere else', async t => {
  const partitions = 16
  const cluster = stoppedCluster({ seed: 6, hosts: 4, partitions, weather })
  const { machines } = cluster
  startAll(cluster)
  const views = watchRing(cluster)
  setBucket(cluster, 'few', { n: 2 })
  cluster.clock.run(cluster.clock.now() + 8_000)
  const view = views.get('h1')!
  for (const { name } of machines) cluster.kill(name, false)
  const owners = new Map<string, readonly string[]>()
  for (let index = 0; index < 400; index++) {
    const key = keyOfText('few', `k${index}`)
    const own = preferenceOf(view.owners, partitionOf(positionOf(key), partitions), 2).map(at => view.hosts[at]!.name)
    owners.set(key, own)
    place(cluster.machine(own[index % 2]!), key, recordOf(1, index + 1), partitions)
  }
  startAll(cluster)
  const holders = (key: Key) => machines.filter(machine => contentsOf(machine).has(key)).map(({ name }) => name)
  const isHealed = () => [...owners].every(([key, own]) => holders(key as Key).length === own.length)
  t.ok(cluster.simulation.runUntil(isHealed, 60_000, 2_000), `healed at ${cluster.clock.now()} ms`)
  t.same(
    [...owners.keys()].map(key => holders(key as Key)),
    [...owners.values()].map(own => [...own].sort())
  )
  t.same(crashesOf(cluster), [])
})

t.test(
  'I9: 5 hosts, messages lost and links cut, hosts killed: equal again within two minutes of healing, without a client',
  async t => {
    for (let seed = 1; seed <= 2; seed++) {
      const outcome = runScenario(
        drawScenario({ seed, minutes: 1, faults: ['loss', 'cut', 'kill'], workloads: ['set'], clients: 4 })
      )
      t.ok(outcome.healedMs <= 120_000, `seed ${seed}: ${outcome.acknowledged} writes, healed in ${outcome.healedMs} ms`)
    }
  }
)
