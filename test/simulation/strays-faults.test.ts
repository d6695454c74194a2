import t from 'tap'
import { isSettled } from '../../actors/handoff/stray-partitions.ts'
import { type Key, partitionOf, positionOf } from '../../model/key.ts'
import { SeededRandom } from '../../runtime/random.ts'
import { crashesOf, keyAt, place, recordOf } from './exchange-cluster.ts'
import { joined, ownersOf, partitions, strayCount } from './strays-cluster.ts'

const threads = ['system', 'data-0', 'data-1']
const bytes = 3_000

for (const seed of [61, 62]) {
  t.test(
    `I5, I18: hosts and threads end in the midst of clearing, seed ${seed} → each record is on all owners before the last other one forgets it`,
    async t => {
      const random = new SeededRandom(seed)
      const setting = joined(seed)
      const { cluster, client, view, views } = setting
      const { clock, simulation, machines } = cluster
      // None but one that owns them no more holds these.
      const alone = new Map(Array.from({ length: 200 }, (_, index) => [keyAt(1_000 + index), recordOf(8, index + 1, bytes)]))
      for (const [key, record] of alone) {
        place(machines.find(({ name }) => !ownersOf(key, view).includes(name))!, key, record, partitions)
      }
      const owned = [...alone.keys()].map(key => ({
        key,
        owners: ownersOf(key, view),
        partition: partitionOf(positionOf(key), partitions)
      }))
      const holds = (name: string, partition: number, key: Key): boolean =>
        cluster.machine(name).disk.pairs(partition)?.has(key) === true
      /** Keys that one owner lacks, and that nobody else holds. */
      const lost = (): Key[] =>
        owned
          .filter(({ key, owners, partition }) => {
            if (owners.every(name => holds(name, partition, key))) return false
            return machines.every(({ name }) => owners.includes(name) || !holds(name, partition, key))
          })
          .map(({ key }) => key)
      const found = new Set<Key>()
      const look = (): void => {
        for (const key of lost()) found.add(key)
      }
      const isStill = (): boolean =>
        machines.every(({ name, isRunning }) => isRunning && views.get(name) !== undefined && isSettled(views.get(name)!))
      const traffic = { messages: 0 }
      simulation.watch(({ from, to }) => {
        if (`${from} ${to.address}`.includes('.clear-')) traffic.messages++
      })
      let faults = 0
      for (let round = 0; round < 4 && strayCount(setting) > 1; round++) {
        t.ok(simulation.runUntil(isStill, 60_000, 100), 'all are there')
        for (const { name } of machines) client.work(name, replyTo => ({ kind: 'run', kinds: ['clear'], replyTo }))
        const atMessage = traffic.messages + random.below(1_200)
        let lookedAt = 0
        const isTime = (): boolean => {
          if (traffic.messages > lookedAt) look()
          lookedAt = traffic.messages
          return lookedAt >= atMessage
        }
        simulation.runUntil(isTime, 5_000, 0.5)
        if (strayCount(setting) > 0) faults++
        const { name } = machines[random.below(machines.length)]!
        const thread = threads[random.below(threads.length + 2)]
        if (thread !== undefined) cluster.restartThread(name, thread)
        else cluster.kill(name, true)
        look()
        clock.run(clock.now() + 1_000)
        cluster.start(name)
        look()
      }
      t.ok(
        simulation.runUntil(() => strayCount(setting) === 0, 180_000, 100),
        'all is cleared in the end'
      )
      t.ok(faults > 0, `${faults} ends came while something was left to be cleared`)
      look()
      t.same([...found], [])
      t.same(crashesOf(cluster), [])
    }
  )
}
