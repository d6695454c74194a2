import t from 'tap'
import type { Got, Written } from '../../actors/coordinator/coordinator-protocol.ts'
import { StoreCore } from '../../api/client/store-core.ts'
import { threadAddressOf } from '../../bus/bus.ts'
import { keyOfText } from '../../model/key.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { crashesOf, startAll, watchRing } from './exchange-cluster.ts'

const keys = Array.from({ length: 5 }, (_, index) => keyOfText('b', `key-${index}`))

/** Values are numbers, each written with the context of the one before: a read shows the newest that it knows. */
function numberOf(got: Got): number {
  if (got.siblings.length === 0) return 0
  return Math.max(...decodeSiblings(got.siblings).versions.map(({ value }) => Number(Buffer.from(value).toString())))
}

t.test(
  'I10: a client asks the owners itself, while messages overtake each other, hosts die and one joins → a get that begins after a put was acknowledged shows it',
  async t => {
    let direct = 0
    for (let seed = 1; seed <= 4; seed++) {
      const cluster = new SimulatedCluster({ seed, hosts: 4, partitions: 16 })
      const { clock, simulation } = cluster
      startAll(cluster)
      const views = watchRing(cluster)
      const view = () => views.get('h1')
      t.ok(simulation.runUntil(() => view()?.hosts.filter(({ standing }) => standing === 'up').length === 4, 120_000, 500))
      const core: StoreCore = new StoreCore({
        bus: cluster.network.bus(threadAddressOf('client', 'test')),
        clock,
        random: () => simulation.random.next(),
        view: view()!,
        onStale: () => clock.after(50, () => core.setView(view()!)),
        asksOwners: true
      })
      cluster.network.setWeather({ delayMinMs: 0, delayMaxMs: 20 })
      const acknowledged = new Map<string, number>()
      const stale: string[] = []
      const ended: string[] = []
      const isOver = (): boolean => clock.now() > endMs
      const write = async (key: (typeof keys)[number]): Promise<void> => {
        let context: Written['context'] | undefined
        for (let value = 1; !isOver(); value++) {
          try {
            const put = {
              key,
              value: Buffer.from(String(value)),
              contentType: '',
              context,
              mode: 'put',
              ifMatch: '',
              ttlSeconds: 0
            } as const
            const written = await core.put(put, { sloppy: false }, 2_000)
            context = written.context
            acknowledged.set(key, value)
          } catch {
            // Its fate is unknown: what comes is written beside it, with a greater number.
          }
        }
        ended.push(key)
      }
      const read = async (key: (typeof keys)[number]): Promise<void> => {
        while (!isOver()) {
          const least = acknowledged.get(key) ?? 0
          try {
            const shown = numberOf(await core.get(key, {}, 2_000))
            if (shown < least) stale.push(`seed ${seed}: ${shown} after ${least} at ${clock.now()}`)
          } catch {
            // Too few owners just now.
            await new Promise<void>(resolve => clock.after(20, resolve))
          }
        }
        ended.push(key)
      }
      const startMs = clock.now()
      const endMs = startMs + 20_000
      for (const key of keys) {
        void write(key)
        void read(key)
      }
      clock.after(3_000, () => cluster.kill('h2', false))
      clock.after(7_000, () => cluster.start('h2'))
      clock.after(9_000, () => cluster.start(cluster.add().name))
      while (ended.length < 2 * keys.length && clock.now() < endMs + 10_000) {
        await new Promise(resolve => setImmediate(resolve))
        clock.step(endMs + 10_000)
      }
      t.equal(ended.length, 2 * keys.length)
      t.same(stale, [])
      direct += core.figures().direct
      t.same(crashesOf(cluster), [])
    }
    t.ok(direct > 100, 'owners were asked')
  }
)
