import type { CoordinatorMessage, GetRequest, PutRequest } from '../actors/coordinator/coordinator-protocol.ts'
import { dataTree } from '../actors/tree.ts'
import type { HostView, RingView } from '../actors/ring/ring-view.ts'
import type { StoreResources } from '../actors/store-resources.ts'
import { wireCodecs } from '../actors/wire.ts'
import { Outbox } from '../bus/batch.ts'
import {
  addressOf,
  type Bus,
  type BusFigures,
  type Envelope,
  type Receiver,
  type ThreadAddress,
  threadAddressOf
} from '../bus/bus.ts'
import { codecRegistry } from '../bus/codec.ts'
import { noteBytes } from '../bus/credit.ts'
import { senderAt } from '../bus/frame.ts'
import { Inbox } from '../bus/inbox.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../model/key.ts'
import { vnodeIdOf } from '../model/version-vector.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import type { Clock } from '../runtime/clock.ts'
import { silentLog } from '../runtime/log.ts'
import { MetricRegistry } from '../runtime/metrics.ts'
import { SeededRandom } from '../runtime/random.ts'
import { CountingDotClock } from '../storage/dot-clock.ts'
import { MemoryStore } from '../storage/memory-store.ts'
import { VirtualDisk } from '../storage/virtual-disk.ts'

const partitions = 24
const names = ['h1', 'h2', 'h3']
const clientName = threadAddressOf('client', 'bench')
/** Longer than any turn, so that timers have theirs. */
const roundMs = 5
const codec = codecRegistry(wireCodecs)

/** Time that goes on when it is told to, and turns one after the other. */
class BenchClock implements Clock {
  nowMs = 1
  readonly #deferred: (() => void)[] = []
  #timers: { atMs: number; run: () => void }[] = []

  now(): number {
    return this.nowMs
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.nowMs
  }

  after(delayMs: number, run: () => void): { cancel(): void } {
    const timer = { atMs: this.nowMs + delayMs, run }
    this.#timers.push(timer)
    return { cancel: () => void (timer.run = () => {}) }
  }

  defer(run: () => void): void {
    this.#deferred.push(run)
  }

  /** Let all happen that needs no time. */
  settle(): void {
    for (let at = 0; at < this.#deferred.length; at++) this.#deferred[at]!()
    this.#deferred.length = 0
  }

  advance(ms: number): void {
    this.nowMs += ms
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs)
    if (due.length === 0) return
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs)
    for (const { run } of due) run()
    this.settle()
  }
}

/** A thread's end of a wire on which nothing takes time: frames are as on the real one, each a copy. */
class WireBus implements Bus {
  readonly thread: ThreadAddress
  readonly connected = true
  readonly outbox: Outbox
  readonly #inbox: Inbox
  #receiver: Receiver | undefined
  readonly #deliver = (envelope: Envelope): void => this.#receiver?.deliver(envelope)

  constructor(thread: ThreadAddress, dispatch: (to: ThreadAddress, frame: Buffer, messages: number) => void) {
    this.thread = thread
    this.outbox = new Outbox(thread, codec, (to, writer, messages) => {
      const frame = Buffer.from(writer.view())
      this.outbox.recycle(writer)
      dispatch(to, frame, messages)
    })
    this.#inbox = new Inbox(thread, codec, undefined, false, this.outbox.ledger)
  }

  listen(receiver: Receiver): void {
    this.#receiver = receiver
  }

  send(envelope: Envelope): boolean {
    return this.outbox.add(envelope)
  }

  flush(): void {
    this.outbox.flush()
  }

  take(frame: Buffer): void {
    this.#inbox.open(frame, this.#deliver)
    this.outbox.settle()
    this.#receiver?.delivered()
  }

  figures(): BusFigures {
    throw new Error('nobody counts here')
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/**
 * The data threads of three hosts in this one: real coordinators, vnodes, mailboxes, frames, over stores in memory; and a client that makes
 * requests and counts answers, and allocates next to nothing. What an operation allocates here, storage aside, is what it allocates on the
 * three threads together.
 */
export class DataThreads {
  answered = 0
  batches = 0
  readonly #clock = new BenchClock()
  readonly #buses = new Map<ThreadAddress, WireBus>()
  readonly #client: WireBus
  readonly #keys: readonly Key[]
  /** Of each key, whom the client asks. */
  readonly #coordinators: Envelope['to'][]
  readonly #replyTo = { address: addressOf(clientName, 'bench'), correlation: 0, incarnation: 1 }
  #next = 0

  constructor(keys: number) {
    this.#keys = Array.from({ length: keys }, (_, index) => keyOfText('default', `user:${index}`))
    this.#coordinators = this.#keys.map(key => {
      const owner = names[partitionOf(positionOf(key), partitions) % names.length]!
      return { address: addressOf(threadAddressOf(owner, 'data-0'), 'coordinator'), correlation: 0, incarnation: 0 }
    })
    this.#client = new WireBus(clientName, (to, frame) => this.#dispatch(to, frame, 0))
    for (const [index, name] of names.entries()) this.#start(name, index)
    this.#clock.settle()
    for (let round = 0; round < 100; round++) this.#clock.advance(roundMs)
  }

  /** So many of them, `inFlight` at a time, each to the next key. @throws {Error} one is not answered */
  run(kind: 'put' | 'get', operations: number, inFlight: number, value: Uint8Array): void {
    for (let left = operations; left > 0; left -= inFlight) {
      const wanted = Math.min(left, inFlight)
      this.answered = 0
      for (let at = 0; at < wanted; at++) this.#send(kind, value)
      this.#client.flush()
      this.#clock.settle()
      for (let round = 0; this.answered < wanted && round < 20; round++) this.#clock.advance(1)
      if (this.answered !== wanted) throw new Error(`${this.answered} of ${wanted} were answered`)
      this.#clock.advance(roundMs)
    }
  }

  #send(kind: 'put' | 'get', value: Uint8Array): void {
    const index = this.#next++ % this.#keys.length
    this.#replyTo.correlation++
    const key = this.#keys[index]!
    const replyTo = this.#replyTo
    const message: GetRequest | PutRequest =
      kind === 'get'
        ? { kind, key, options: {}, hops: 0, replyTo }
        : {
            kind,
            key,
            value,
            contentType: '',
            context: undefined,
            mode: 'put',
            ifMatch: '',
            ttlSeconds: 0,
            options: {},
            hops: 0,
            replyTo
          }
    this.#client.send({ to: this.#coordinators[index]!, lane: 'data', budgetMs: 2_000, traceparent: undefined, message })
  }

  #dispatch(to: ThreadAddress, frame: Buffer, messages: number): void {
    this.batches++
    if (to === clientName) {
      this.answered += messages
      // It reads no answers, but says that they have come.
      this.#client.take(frame.subarray(0, senderAt + 1 + frame[senderAt]! + noteBytes))
    } else this.#clock.defer(() => this.#buses.get(to)?.take(frame))
  }

  #start(host: string, index: number): void {
    const thread = threadAddressOf(host, 'data-0')
    const bus = new WireBus(thread, (to, frame, messages) => this.#dispatch(to, frame, messages))
    this.#buses.set(thread, bus)
    const clock = this.#clock
    const schedule = (delayMs: number, work: () => void): void => void clock.after(delayMs, work)
    const system = new ActorSystem<StoreResources>({
      host,
      thread: 'data-0',
      clock,
      random: new SeededRandom(index + 1),
      bus,
      resources: {
        store: new MemoryStore({ disk: new VirtualDisk(), schedule, commitMs: 0.2, flushMs: 1 }),
        dots: new CountingDotClock({ vnode: vnodeIdOf(index + 1, 1), counter: 0 }),
        settings: {
          defaults: { n: 3, r: 0, w: 0, resolver: 'last-write-wins', ttl: 0, durability: 'flushed', rate: 0 },
          pairBytesMax: 10_240,
          requestTimeoutMs: 2_000,
          hedgeMs: 10,
          readRepairChance: 1 / 16,
          events: false
        }
      },
      log: silentLog,
      metrics: new MetricRegistry()
    })
    system.start(dataTree(undefined))
    const coordinator = { address: addressOf(thread, 'coordinator'), correlation: 0, incarnation: 0 }
    system.signal<CoordinatorMessage>(coordinator, { kind: 'ring', view: ringView() })
  }
}

function ringView(): RingView {
  const owners = Array.from({ length: partitions }, (_, partition) =>
    [0, 1, 2].map(offset => (partition + offset) % names.length)
  )
  const host = (name: string, index: number): HostView =>
    ({
      name,
      uid: index + 1,
      incarnation: 1,
      state: 'up',
      dc: 'dc1',
      zone: `z${index}`,
      weight: 1,
      threads: 1,
      standing: 'up',
      isReplaced: false,
      isRemoving: false,
      isBack: false,
      isDirect: true,
      seen: '00000001'
    }) as unknown as HostView
  return {
    cluster: 'bench',
    epoch: '00000001',
    revision: '1',
    partitions,
    replicas: 3,
    hosts: names.map(host),
    owners,
    future: [],
    moving: 0
  }
}
