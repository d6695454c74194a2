import t from 'tap'
import {
  areEqual,
  contentsOf,
  crashesOf,
  exchangeTraffic,
  keyAt,
  place,
  recordOf,
  startAll,
  stoppedCluster,
  sumOf
} from './exchange-cluster.ts'

const weather = { delayMinMs: 0.1, delayMaxMs: 5 }
const repaired = 'exchange_keys_repaired_total'

t.test('2 hosts, 100 of 100,000 keys changed: what travels is at most 3 times their bytes and 64 KB', async t => {
  const partitions = 256
  const cluster = stoppedCluster({ seed: 2, hosts: 2, partitions, weather, defaults: { n: 2 } })
  const { machines } = cluster
  let differing = 0
  for (let index = 0; index < 100_000; index++) {
    const key = keyAt(index)
    const record = recordOf(1, index + 1)
    const isChanged = index % 1_000 === 7
    place(machines[0]!, key, record, partitions)
    if (!isChanged || index % 2_000 > 1_000) place(machines[1]!, key, isChanged ? recordOf(2, index + 1) : record, partitions)
    if (isChanged) differing += key.length + record.length
  }
  const traffic = exchangeTraffic(cluster)
  startAll(cluster)
  t.ok(
    cluster.simulation.runUntil(() => areEqual(machines), 120_000, 500),
    `equal at ${cluster.clock.now()} ms`
  )
  cluster.clock.run(cluster.clock.now() + 1_000)
  const bound = 3 * differing + 64 * 1024
  t.ok(
    traffic.bytes <= bound,
    `${traffic.bytes} bytes in ${traffic.messages} messages, the bound is ${bound}, the keys have ${differing}`
  )
  t.same(crashesOf(cluster), [])
})

t.test(
  'I15: 3 hosts, 100,000 keys, one replica is wiped: it is whole again without an operator, and then all is silent',
  async t => {
    const partitions = 64
    const cluster = stoppedCluster({ seed: 3, hosts: 3, partitions, weather })
    const { machines } = cluster
    let bytes = 0
    for (let index = 0; index < 100_000; index++) {
      const record = recordOf(1, index + 1)
      for (const machine of machines.slice(0, 2)) place(machine, keyAt(index), record, partitions)
      bytes += record.length + keyAt(index).length
    }
    const traffic = exchangeTraffic(cluster)
    startAll(cluster)
    t.ok(
      cluster.simulation.runUntil(() => contentsOf(machines[2]!).size === 100_000, 300_000, 1_000),
      `whole at ${cluster.clock.now()} ms`
    )
    t.ok(areEqual(machines))
    t.ok(traffic.bytes < 2.5 * bytes, `${traffic.bytes} bytes for ${bytes}`)
    cluster.clock.run(cluster.clock.now() + 70_000)
    const before = sumOf(cluster, repaired)
    cluster.clock.run(cluster.clock.now() + 130_000)
    t.equal(sumOf(cluster, repaired), before)
    t.same(crashesOf(cluster), [])
  }
)
