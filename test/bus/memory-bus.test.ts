import t from 'tap'
import { addressOf, type Bus, type ThreadAddress, threadAddressOf } from '../../bus/bus.ts'
import { MemoryNetwork, type MemoryNetworkOptions } from '../../bus/memory-bus.ts'
import { busContract } from '../contract/bus-contract.ts'
import { type BusHarness, contractCodec, envelopeTo, numberedMessage, Recorder } from '../contract/bus-harness.ts'

async function memoryHarness(): Promise<BusHarness> {
  const networks = new Map<string, MemoryNetwork>()
  const network = (cluster: string): MemoryNetwork => {
    const known = networks.get(cluster)
    if (known !== undefined) return known
    const made = new MemoryNetwork({ schedule: (_, fn) => setImmediate(fn), random: () => 0.5, codec: contractCodec })
    networks.set(cluster, made)
    return made
  }
  const buses = new Map<ThreadAddress, { take(frame: Buffer): void }>()
  return {
    async connect(thread, cluster = 'carillon'): Promise<Bus> {
      const bus = network(cluster).bus(thread)
      if (cluster === 'carillon') buses.set(thread, bus)
      return bus
    },
    async settle() {},
    async inject(thread, frame) {
      buses.get(thread)?.take(Buffer.from(frame))
    },
    async close() {}
  }
}

busContract(t, 'memory bus', memoryHarness)

/** Virtual time: what is due runs in order of time, then of asking. */
class Stage {
  now = 0
  readonly #due: { at: number; order: number; fn: () => void }[] = []
  #order = 0
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  readonly schedule = (delayMs: number, fn: () => void): void => {
    this.#due.push({ at: this.now + delayMs, order: this.#order++, fn })
  }

  readonly random = (): number => {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) | 0
    return (this.#state >>> 0) / 2 ** 32
  }

  run(): void {
    for (;;) {
      this.#due.sort((one, other) => one.at - other.at || one.order - other.order)
      const next = this.#due.shift()
      if (next === undefined) return
      this.now = next.at
      next.fn()
    }
  }
}

const a = threadAddressOf('a', 'data-0')
const a2 = threadAddressOf('a', 'data-1')
const b = threadAddressOf('b', 'data-0')
const c = threadAddressOf('c', 'data-0')

function cluster(seed: number, options: Partial<MemoryNetworkOptions> = {}) {
  const stage = new Stage(seed)
  const network = new MemoryNetwork({ schedule: stage.schedule, random: stage.random, codec: contractCodec, ...options })
  const at = new Map<ThreadAddress, Recorder>()
  const bus = new Map<ThreadAddress, Bus>()
  for (const thread of [a, a2, b, c]) {
    const recorder = new Recorder()
    const end = network.bus(thread)
    end.listen(recorder)
    at.set(thread, recorder)
    bus.set(thread, end)
  }
  return {
    stage,
    network,
    tell(from: ThreadAddress, to: ThreadAddress, number: number): void {
      bus.get(from)?.send(envelopeTo({ address: addressOf(to, 'x') }, numberedMessage(0, number)))
      bus.get(from)?.flush()
    },
    numbersAt(thread: ThreadAddress): number[] {
      return (at.get(thread)?.messages ?? []).map(message => (message as unknown as { number: number }).number)
    },
    hintsAt(thread: ThreadAddress): readonly ThreadAddress[] {
      return at.get(thread)?.unreachableThreads ?? []
    }
  }
}

const numbers = Array.from({ length: 1_000 }, (_, number) => number)
const rough = { delayMinMs: 1, delayMaxMs: 50, loss: 0.1, duplication: 0.1, reordering: 0.2 }

for (const encode of [true, false]) {
  const how = encode ? 'encoded' : 'unencoded'

  t.test(`memory network, ${how}: delays of 1 to 50 ms without reordering → a link keeps its order`, async t => {
    const world = cluster(1, { encode, weather: { delayMinMs: 1, delayMaxMs: 50 } })
    for (const number of numbers) world.tell(a, b, number)
    world.stage.run()
    t.strictSame(world.numbersAt(b), numbers)
    t.ok(world.stage.now > 40 && world.stage.now <= 50)
  })

  t.test(
    `memory network, ${how}: loss, duplication and reordering at their rates, and the same again with the same seed`,
    async t => {
      const runs = [7, 7, 8].map(seed => {
        const world = cluster(seed, { encode, weather: rough })
        for (const number of numbers) world.tell(a, b, number)
        world.stage.run()
        return world.numbersAt(b)
      })
      const [one = [], again, other] = runs
      t.strictSame(one, again)
      t.strictNotSame(one, other)
      const distinct = new Set(one)
      t.ok(distinct.size > 800 && distinct.size < 990, `${distinct.size} of 1,000 arrived`)
      t.ok(one.length - distinct.size > 30, `${one.length - distinct.size} twice`)
      t.ok(
        one.some((number, index) => index > 0 && number < (one[index - 1] ?? 0)),
        'some overtook'
      )
    }
  )
}

t.test('memory network: a cut one way → the other way stays; what is under way is lost; mended → passes again', async t => {
  const world = cluster(1, { weather: { delayMinMs: 10, delayMaxMs: 10 } })
  world.tell(a, b, 1)
  world.network.cut('a', 'b')
  world.tell(a, b, 2)
  world.tell(b, a, 3)
  t.notOk(world.network.isOpen('a', 'b'))
  t.ok(world.network.isOpen('b', 'a'))
  world.stage.run()
  world.network.mend('a', 'b')
  world.tell(a, b, 4)
  world.stage.run()
  t.strictSame(world.numbersAt(b), [4])
  t.strictSame(world.numbersAt(a), [3])
})

t.test('memory network: partitions and isolation → only within a side, and within a host; healed → everywhere', async t => {
  const world = cluster(1)
  const all = (base: number): void => {
    for (const [index, [from, to]] of (
      [
        [a, b],
        [b, a],
        [b, c],
        [c, b],
        [a, a2]
      ] as const
    ).entries())
      world.tell(from, to, base + index)
    world.stage.run()
  }
  world.network.partition([['a'], ['b', 'c']])
  all(10)
  t.strictSame([world.numbersAt(a), world.numbersAt(b), world.numbersAt(c), world.numbersAt(a2)], [[], [13], [12], [14]])
  world.network.heal()
  world.network.isolate('b')
  all(20)
  t.strictSame([world.numbersAt(a), world.numbersAt(b), world.numbersAt(c), world.numbersAt(a2)], [[], [13], [12], [14, 24]])
  world.network.heal()
  all(30)
  t.strictSame(
    [world.numbersAt(a), world.numbersAt(b), world.numbersAt(c), world.numbersAt(a2)],
    [[31], [13, 30, 33], [12, 32], [14, 24, 34]]
  )
  t.strictSame(world.hintsAt(a), [], 'a cut link gives no hint')
})

t.test('memory network: a detached thread → its queue is lost, senders get a hint, a new bus takes its place', async t => {
  const world = cluster(1)
  world.network.detach(b)
  world.tell(a, b, 1)
  world.tell(b, a, 2)
  world.stage.run()
  t.strictSame(world.hintsAt(a), [b])
  t.strictSame(world.numbersAt(a), [])
  const again = new Recorder()
  world.network.bus(b).listen(again)
  world.tell(a, b, 3)
  world.stage.run()
  t.equal(again.envelopes.length, 1)
})

t.test('memory network: hints switched off → silence', async t => {
  const world = cluster(1, { unreachableHints: false })
  world.network.detach(b)
  world.tell(a, b, 1)
  world.stage.run()
  t.strictSame(world.hintsAt(a), [])
})
