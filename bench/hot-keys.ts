import type { CoordinatorMessage, GetReply, GetRequest } from '../actors/coordinator/coordinator-protocol.ts'
import { HotReads } from '../actors/coordinator/hot-reads.ts'
import type { HostView, RingView } from '../actors/ring/ring-view.ts'
import type { StoreResources } from '../actors/store-resources.ts'
import { dataTree } from '../actors/tree.ts'
import type { VnodeReply } from '../actors/vnode/vnode-protocol.ts'
import { addressOf, type Envelope, hostOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import { HotKeys } from '../model/hot-keys.ts'
import { type Key, keyOfText, positionOf } from '../model/key.ts'
import { vnodeIdOf } from '../model/version-vector.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import { silentLog } from '../runtime/log.ts'
import { silentMetrics } from '../runtime/metrics.ts'
import { SeededRandom } from '../runtime/random.ts'
import { VirtualClock } from '../runtime/virtual-clock.ts'
import { CountingDotClock } from '../storage/dot-clock.ts'
import { MemoryStore } from '../storage/memory-store.ts'
import { VirtualDisk } from '../storage/virtual-disk.ts'
import { zipfKeys } from '../api/bench/workload.ts'
import { ask } from './question.ts'

const partitions = 8
const hosts = ['h1', 'h2', 'h3']
/** From the first question of a turn to its answer. */
const wayMs = 0.5
const client: Ref<GetReply> = { address: addressOf(threadAddressOf('client', 't'), 'door'), correlation: 1, incarnation: 1 }

/** The data thread of one of three hosts, with its real coordinator and vnodes; the other two agree with whatever they are asked. */
class Owner {
  answered = 0
  questions = 0
  readonly #clock = new VirtualClock()
  readonly #system: ActorSystem<StoreResources>
  #asked: Ref<VnodeReply>[] = []

  constructor() {
    const clock = this.#clock.host('h1')
    const gateway = {
      send: ({ to, message }: Envelope) => {
        if (hostOf(to.address) === 'client') this.answered++
        else if (message.kind === 'compare') this.#question(message.replyTo as Ref<VnodeReply>)
        return true
      },
      flush() {}
    }
    const schedule = (delayMs: number, work: () => void): void => void clock.after(delayMs, work)
    this.#system = new ActorSystem<StoreResources>({
      host: 'h1',
      thread: 'data-0',
      clock,
      random: new SeededRandom(1),
      gateways: new Map(['h2', 'h3', 'client'].map(name => [name, gateway])),
      resources: {
        store: new MemoryStore({ disk: new VirtualDisk(), schedule, commitMs: 0.2, flushMs: 1 }),
        dots: new CountingDotClock({ vnode: vnodeIdOf(1, 1), counter: 0 }),
        settings: {
          defaults: { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 },
          pairBytesMax: 10_240,
          requestTimeoutMs: 2_000,
          hedgeMs: 10,
          readRepairChance: 0,
          events: false
        }
      },
      log: silentLog,
      metrics: silentMetrics
    })
    this.#system.start(dataTree(undefined))
    this.#system.signal<CoordinatorMessage>(this.#coordinator, { kind: 'ring', view: ringView() })
    this.#clock.run(20)
  }

  /** Gets that come at one moment, until all are answered. */
  gets(keys: readonly Key[]): void {
    const before = this.answered
    for (const key of keys) {
      const request: GetRequest = { kind: 'get', key, options: {}, hops: 0, replyTo: client }
      this.#system.send(this.#coordinator, request, 2_000)
    }
    while (this.answered - before < keys.length) this.#clock.run(this.#clock.now() + wayMs)
  }

  get #coordinator(): Ref<CoordinatorMessage> {
    return { address: addressOf(threadAddressOf('h1', 'data-0'), 'coordinator'), correlation: 0, incarnation: 0 }
  }

  #question(replyTo: Ref<VnodeReply>): void {
    this.questions++
    this.#asked.push(replyTo)
    if (this.#asked.length === 1) this.#clock.host('h2').after(wayMs, () => this.#answer())
  }

  #answer(): void {
    for (const to of this.#asked.splice(0)) this.#system.send(to, { kind: 'same' })
  }
}

function ringView(): RingView {
  const owners = Array.from({ length: partitions }, () => [0, 1, 2])
  const host = (name: string, index: number): HostView =>
    ({ name, uid: index + 1, state: 'up', standing: 'up', dc: '', zone: '', threads: 1 }) as unknown as HostView
  return {
    cluster: 'bench',
    epoch: '00000001',
    revision: '1',
    partitions,
    replicas: 3,
    hosts: hosts.map(host),
    owners,
    future: [],
    moving: 0
  }
}

/* `node --expose-gc build/bench/hot-keys.js [--keys 10000] [--ms 100] [--json]`: gets with R=2 of three hosts, 64 at one moment. */
await ask('What does it cost a get to find out whether its key is hot, and a coordinator to serve gets of hot keys?', bench => {
  const count = bench.option('keys', 10_000)
  const keys = Array.from({ length: count }, (_, index) => keyOfText('default', `user:${index}:profile`))
  const positions = Uint32Array.from(keys, positionOf)
  const sketch = new HotKeys()
  let sum = 0
  bench.measure('the sketch: note one read', operations => {
    for (let at = 0; at < operations; at++) sum = (sum + sketch.note(positions[(at * 7919) % count]!)) | 0
  })
  let halvedAtMs = 0
  bench.measure('the sketch: halve all counters, twice a second', operations => {
    for (let at = 0; at < operations; at++) sketch.age((halvedAtMs += 500))
  })
  const options = {}
  const cold = new HotReads(1)
  let nowMs = 0
  bench.measure('a key that is not hot', operations => {
    // A thousand gets a millisecond: so that no key becomes hot in the long run.
    for (let at = 0; at < operations; at++) {
      if (at % 1_000 === 0) cold.age((nowMs += 100), 1)
      const index = (at * 7919) % count
      if (cold.laneOf(keys[index]!, positions[index]!, options) !== undefined) sum++
    }
  })
  const hot = new HotReads(1)
  bench.measure('a hot key', operations => {
    for (let at = 0; at < operations; at++) if (hot.laneOf(keys[0]!, positions[0]!, options) !== undefined) sum++
  })

  const inFlight = 64
  const zipf = zipfKeys(count, 0.99, Math.random)
  const drawn = Array.from({ length: 100_000 }, () => keys[zipf()]!)
  for (const [what, draw] of [
    ['get, every key alike', (at: number) => keys[(at * 7919) % count]!],
    ['get, zipf 0.99', (at: number) => drawn[at % drawn.length]!],
    ['get, one key', () => keys[0]!]
  ] as const) {
    const owner = new Owner()
    let at = 0
    const run = (operations: number): void => {
      for (let left = operations; left > 0; left -= inFlight)
        owner.gets(Array.from({ length: Math.min(left, inFlight) }, () => draw(at++)))
    }
    run(inFlight * 32)
    const { answered, questions } = owner
    run(inFlight * 32)
    bench.measure(`${what}, 64 in flight`, run, {
      questions_per_get: (owner.questions - questions) / (owner.answered - answered)
    })
  }
  if (sum === 0) throw new Error('nothing was done')
})
