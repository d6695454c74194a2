import t from 'tap'
import { areEqual, contentsOf, crashesOf, exchangeTraffic, keyAt, place, recordOf, stoppedCluster } from './exchange-cluster.ts'

const weather = { delayMinMs: 0.1, delayMaxMs: 5 }
const partitions = 256
const keys = 100_000
/** Hosts that were started not long ago may have missed something themselves: later than this they have not. */
const longMs = 620_000

/** `h1` leads the exchanges with both others, `h3` none. */
for (const away of [0, 2]) {
  t.test(
    `3 hosts, h${away + 1} was away while 100 of 100,000 keys were written: what mends them is at most 3 times their bytes and 64 KB`,
    async t => {
      const cluster = stoppedCluster({ seed: 7, hosts: 3, partitions, weather })
      const { machines } = cluster
      const returned = machines[away]!
      const others = machines.filter(machine => machine !== returned)
      let differing = 0
      for (let index = 0; index < keys; index++) {
        const key = keyAt(index)
        const before = recordOf(1, index + 1)
        for (const machine of machines) place(machine, key, before, partitions)
        if (index % 1_000 !== 7) continue
        const after = recordOf(1, keys + index + 1)
        for (const machine of others) place(machine, key, after, partitions)
        // It took a write of its own before it was cut off: neither side has all.
        if (index % 10_000 === 7) place(returned, key, recordOf(3, index + 1), partitions)
        differing += key.length + after.length
      }
      for (const machine of others) cluster.start(machine.name)
      cluster.clock.run(cluster.clock.now() + longMs)
      const traffic = exchangeTraffic(cluster)
      cluster.start(returned.name)
      t.ok(
        cluster.simulation.runUntil(() => areEqual(machines), 60_000, 500),
        `equal at ${cluster.clock.now()} ms`
      )
      cluster.clock.run(cluster.clock.now() + 10_000)
      t.equal(contentsOf(returned).size, keys)
      const bound = 3 * differing + 64 * 1024
      t.ok(
        traffic.bytes <= bound,
        `${traffic.bytes} bytes in ${traffic.messages} messages, the bound is ${bound}, the keys have ${differing}`
      )
      t.same(crashesOf(cluster), [])
    }
  )
}
