import t from 'tap'
import type { Got, Written } from '../../actors/coordinator/coordinator-protocol.ts'
import { StoreError } from '../../api/client/errors.ts'
import { StoreCore } from '../../api/client/store-core.ts'
import { hostOf, threadAddressOf } from '../../bus/bus.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import type { RingViews } from '../../simulation/ring-observer.ts'
import { crashesOf, startAll, sumOf, watchRing } from './exchange-cluster.ts'

const partitions = 16
const keys = Array.from({ length: 5 }, (_, index) => keyOfText('b', `key-${index}`))

/** Values are numbers, each written with the context of the one before. */
function newest(siblings: Uint8Array): number {
  if (siblings.length === 0) return 0
  return Math.max(...decodeSiblings(siblings).versions.map(({ value }) => Number(Buffer.from(value).toString())))
}

function holders(cluster: SimulatedCluster, key: Key, value: number): string[] {
  const partition = partitionOf(positionOf(key), partitions)
  return cluster.machines
    .filter(({ disk }) => newest(disk.pairs(partition)?.get(key) ?? noBytes) >= value)
    .map(({ name }) => name)
}

/** Whoever awaits what was settled goes on. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await Promise.resolve()
}

/** Beside the one that each key has: so many that they share reads. */
const readersOfOne = 5

const noBytes = new Uint8Array(0)

/** A cluster that serves, and a client of it that counts. */
function serving(seed: number, hosts: number, countsAcks = true) {
  const cluster = new SimulatedCluster({ seed, hosts, partitions })
  const { clock, simulation } = cluster
  startAll(cluster)
  const views: RingViews = watchRing(cluster)
  const view = () => views.get('h1')!
  const isUp = () => views.get('h1')?.hosts.filter(({ standing }) => standing === 'up').length === hosts
  if (!simulation.runUntil(isUp, 120_000, 500)) throw new Error('the cluster does not serve')
  const coreAt = (thread: string) => {
    const core: StoreCore = new StoreCore({
      bus: cluster.network.bus(threadAddressOf('client', thread)),
      clock,
      random: () => simulation.random.next(),
      view: view(),
      onStale: () => clock.after(50, () => core.setView(view())),
      asksOwners: true,
      countsAcks
    })
    return core
  }
  return { cluster, clock, core: coreAt('test'), reader: coreAt('reads') }
}

async function settle<T>(cluster: SimulatedCluster, promise: Promise<T>): Promise<T> {
  const { clock } = cluster
  const endMs = clock.now() + 10_000
  const state = { isOver: false }
  const over = () => {
    state.isOver = true
  }
  promise.then(over, over)
  while (!state.isOver && clock.now() < endMs) {
    await turns()
    if (!state.isOver) clock.step(endMs)
  }
  return promise
}

const putOf = (key: Key, value: number, context?: Written['context']) =>
  ({ key, value: Buffer.from(String(value)), contentType: '', context, mode: 'put', ifMatch: '', ttlSeconds: 0 }) as const

t.test(
  'I5, I10: a client counts acknowledgements itself, while messages overtake each other, are lost and come twice, hosts die and one joins → what it calls stored is stored, and stays',
  async t => {
    let counted = 0
    let recalls = 0
    let shared = 0
    for (let seed = 1; seed <= 2; seed++) {
      const { cluster, clock, core, reader } = serving(seed, 4)
      cluster.network.setWeather({ delayMinMs: 0, delayMaxMs: 20, reordering: 0.5, loss: 0.005, duplication: 0.01 })
      const acknowledged = new Map<Key, number>()
      const wrong: string[] = []
      const ended: string[] = []
      const isOver = (): boolean => clock.now() > endMs
      const write = async (key: Key): Promise<void> => {
        let context: Written['context'] | undefined
        for (let value = 1; !isOver(); value++) {
          try {
            const written = await core.put(putOf(key, value, context), { sloppy: false }, 2_000)
            const have = holders(cluster, key, value)
            if (have.length < written.answered || written.answered < 2) wrong.push(`seed ${seed}: ${value} is on ${have}`)
            context = written.context
            acknowledged.set(key, value)
          } catch {
            // Its fate is unknown: what comes is written beside it, with a greater number.
          }
        }
        ended.push(key)
      }
      const read = async (key: Key): Promise<void> => {
        while (!isOver()) {
          const least = acknowledged.get(key) ?? 0
          try {
            const shown = newest((await reader.get(key, {}, 2_000)).siblings)
            if (shown < least) wrong.push(`seed ${seed}: ${shown} after ${least} at ${clock.now()}`)
          } catch {
            await new Promise<void>(resolve => clock.after(20, resolve))
          }
        }
        ended.push(key)
      }
      const endMs = clock.now() + 10_000
      for (const key of keys) {
        void write(key)
        void read(key)
      }
      for (let more = 0; more < readersOfOne; more++) void read(keys[0]!)
      clock.after(2_000, () => cluster.kill('h2', false))
      clock.after(4_000, () => cluster.start('h2'))
      clock.after(6_000, () => cluster.start(cluster.add().name))
      clock.after(8_000, () => cluster.kill('h3', false))
      while (ended.length < 2 * keys.length + readersOfOne && clock.now() < endMs + 10_000) {
        await turns()
        clock.step(endMs + 10_000)
      }
      t.equal(ended.length, 2 * keys.length + readersOfOne)
      cluster.network.setWeather({ reordering: 0, loss: 0, duplication: 0 })
      for (const key of keys) {
        const shown = newest((await settle(cluster, core.get(key, { level: 'quorum' }, 5_000))).siblings)
        if (shown < (acknowledged.get(key) ?? 0))
          wrong.push(`seed ${seed}: ${shown} in the end, ${acknowledged.get(key)} was acknowledged`)
      }
      t.same(wrong, [])
      counted += core.figures().counted
      recalls += core.figures().recalls
      shared += reader.figures().shared
      t.same(crashesOf(cluster), [])
    }
    t.ok(counted > 150, `${counted} puts were counted by the client`)
    t.ok(shared > 20, `${shared} gets of one key shared a read`)
    t.ok(recalls > 0, 'coordinators were asked where acknowledgements were lost')
  }
)

t.test(
  'each message takes 10 ms → a put that the client counts takes three of them, one that a coordinator answers four',
  async t => {
    const took = new Map<boolean, number>()
    const messages = new Map<boolean, number>()
    for (const countsAcks of [true, false]) {
      const { cluster, clock, core } = serving(7, 3, countsAcks)
      cluster.network.setWeather({ delayMinMs: 10, delayMaxMs: 10 })
      const kinds = ['put', 'replicate', 'stored', 'stored-list', 'written', 'coordinated', 'acked']
      let sent = 0
      cluster.simulation.watch(({ from, to, message, isArrival }) => {
        if (!isArrival && from !== undefined && hostOf(from) !== hostOf(to.address) && kinds.includes(message.kind)) sent++
      })
      const startedMs = clock.now()
      const burst: Promise<Written>[] = []
      for (let value = 1; value <= 8; value++) burst.push(core.put(putOf(keys[0]!, value), {}, 2_000))
      const written = await settle(cluster, Promise.all(burst))
      took.set(countsAcks, clock.now() - startedMs)
      clock.run(clock.now() + 100)
      messages.set(countsAcks, sent)
      t.match(written[7], { kind: 'written', strength: 'strong', answered: 2, receipt: undefined })
      t.equal(core.figures().counted, countsAcks ? 8 : 0)
      t.equal(sumOf(cluster, 'puts_direct_total'), countsAcks ? 8 : 0)
      t.equal(sumOf(cluster, 'hints_created_total'), 0)
      t.equal(sumOf(cluster, 'requests_in_flight'), 0, 'coordinators have heard who has it')
    }
    t.ok(took.get(true)! >= 30 && took.get(true)! < 35, `${took.get(true)} ms`)
    t.ok(took.get(false)! >= 40 && took.get(false)! < 45, `${took.get(false)} ms`)
    // One client's message, two to replicas, and one from each owner; what coordinators hear is many in one.
    t.ok(messages.get(true)! <= messages.get(false)! + 6, `${messages.get(true)} and ${messages.get(false)} messages`)
  }
)

t.test(
  'replicas cannot reach the client → its coordinator says what became of the put; after three, coordinators answer for a while',
  async t => {
    const { cluster, clock, core } = serving(8, 3)
    cluster.network.setWeather({ delayMinMs: 1, delayMaxMs: 1 })
    const hosts = cluster.machines.map(({ name }) => name)
    // Whoever mints can, the others cannot: links are cut when the put has been sent, by where it went.
    let coordinator = ''
    cluster.simulation.watch(({ to, message }) => {
      if (message.kind !== 'put' || coordinator !== '') return
      coordinator = hostOf(to.address)
      for (const host of hosts) if (host !== coordinator) cluster.network.cut(host, 'client')
    })
    const startedMs = clock.now()
    let written = await settle(cluster, core.put(putOf(keys[0]!, 1), {}, 2_000))
    t.equal(written.kind, 'written')
    t.ok(clock.now() - startedMs < 500, `${clock.now() - startedMs} ms`)
    t.match(core.figures(), { counted: 0, recalls: 1 })
    for (let value = 2; value <= 3; value++) {
      coordinator = ''
      for (const host of hosts) cluster.network.mend(host, 'client')
      written = await settle(cluster, core.put(putOf(keys[0]!, value, written.context), {}, 2_000))
    }
    t.match(core.figures(), { counted: 0, recalls: 3 })
    for (const host of hosts) cluster.network.mend(host, 'client')
    await settle(cluster, core.put(putOf(keys[0]!, 4, written.context), {}, 2_000))
    t.match(core.figures(), { counted: 0, recalls: 3 })
    clock.run(clock.now() + 11_000)
    await settle(cluster, core.put(putOf(keys[0]!, 5, written.context), {}, 2_000))
    t.match(core.figures(), { counted: 1, recalls: 3 })
  }
)

t.test('nobody who has it can reach the client → the put is indeterminate by its deadline, and is not sent again', async t => {
  const { cluster, core } = serving(9, 3)
  for (const { name } of cluster.machines) cluster.network.cut(name, 'client')
  const why = await settle(cluster, core.put(putOf(keys[0]!, 1), {}, 1_000)).catch((error: unknown) => error)
  t.ok(why instanceof StoreError)
  t.match(why, { code: 'timeout', outcome: 'indeterminate' })
  t.match(core.figures(), { retries: 0, recalls: 1, waiting: 0 })
  for (const { name } of cluster.machines) cluster.network.mend(name, 'client')
  const got: Got = await settle(cluster, core.get(keys[0]!, {}, 2_000))
  t.equal(decodeSiblings(got.siblings).versions.length, 1)
})
