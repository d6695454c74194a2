import type { CoordinatorMessage, StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import type { HostView, RingView } from '../../actors/ring/ring-view.ts'
import type { StoreResources } from '../../actors/store-resources.ts'
import { dataTree } from '../../actors/tree.ts'
import type { VnodeMessage, VnodeReply } from '../../actors/vnode/vnode-protocol.ts'
import { addressOf, type Envelope, hostOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { encodeSiblings } from '../../model/siblings-codec.ts'
import { vnodeIdOf } from '../../model/version-vector.ts'
import { ActorSystem } from '../../runtime/actor-system.ts'
import { silentLog } from '../../runtime/log.ts'
import { silentMetrics } from '../../runtime/metrics.ts'
import { SeededRandom } from '../../runtime/random.ts'
import { undeliveredReasonOf } from '../../runtime/signal.ts'
import { CountingDotClock } from '../../storage/dot-clock.ts'
import { MemoryStore } from '../../storage/memory-store.ts'
import type { Completion, Durability } from '../../storage/store.ts'
import { VirtualDisk } from '../../storage/virtual-disk.ts'
import { BusyClock } from './busy-clock.ts'

/** What work costs on the thread, in milliseconds. */
export interface Costs {
  /** A message that arrives. */
  readonly arrival: number
  /** An answer that leaves. */
  readonly answer: number
  readonly read: number
  readonly write: number
}

class CostlyStore extends MemoryStore {
  readonly #spend: (what: 'read' | 'write') => void

  constructor(options: ConstructorParameters<typeof MemoryStore>[0], spend: (what: 'read' | 'write') => void) {
    super(options)
    this.#spend = spend
  }

  override read(partition: number, key: Key): Uint8Array | undefined {
    this.#spend('read')
    return super.read(partition, key)
  }

  override write(partition: number, key: Key, record: Uint8Array, durability: Durability, completion: Completion): boolean {
    this.#spend('write')
    return super.write(partition, key, record, durability, completion)
  }
}

/** A request, or a question of another host's coordinator, and what became of it. */
export interface Asked {
  readonly kind: 'get' | 'put' | 'replicate'
  readonly sentMs: number
  answeredMs: number
  /** `got`, `written`, `stored`, the code of a fault, or `undelivered`. */
  answer: string
}

const partitions = 8
const self = 'h1'

/**
 * One data thread with the real coordinator, vnodes, mailboxes and scheduler on a clock on which work takes time: so it has a capacity.
 * It owns all keys; with `frozen` it shares them with h2, which answers at once, and h3, which does not answer at all.
 */
export class BusyThread {
  readonly clock = new BusyClock()
  readonly asked: Asked[] = []
  readonly #system: ActorSystem<StoreResources>
  readonly #costs: Costs
  readonly #keys: Key[]
  #mailboxMost = 0

  constructor(costs: Costs, peers: 'none' | 'frozen' = 'none') {
    this.#costs = costs
    const { clock } = this
    const store = new CostlyStore(
      { disk: new VirtualDisk(), schedule: (delayMs, work) => void clock.after(delayMs, work), commitMs: 0.2, flushMs: 1 },
      what => clock.spend(costs[what])
    )
    const gateway = {
      send: (envelope: Envelope) => {
        const isQuestion = envelope.message.replyTo !== undefined
        if (!isQuestion) this.#answered(envelope)
        else if (hostOf(envelope.to.address) === 'h2') this.#answer(envelope.message as VnodeMessage)
        return true
      },
      flush() {}
    }
    this.#system = new ActorSystem<StoreResources>({
      host: self,
      thread: 'data-0',
      clock,
      random: new SeededRandom(1),
      gateways: new Map([
        ['client', gateway],
        ['h2', gateway],
        ['h3', gateway]
      ]),
      resources: {
        store,
        dots: new CountingDotClock({ vnode: vnodeIdOf(1_001, 1), counter: 0 }),
        settings: {
          defaults: {
            n: peers === 'none' ? 1 : 3,
            r: 0,
            w: 0,
            resolver: 'last-write-wins',
            ttl: 0,
            durability: 'flushed',
            rate: 0
          },
          pairBytesMax: 10_240,
          requestTimeoutMs: 2_000,
          hedgeMs: 50,
          readRepairChance: 0,
          events: false
        }
      },
      log: silentLog,
      metrics: silentMetrics
    })
    this.#keys = Array.from({ length: 64 }, (_, index) => keyOfText('b', `k${index}`))
    this.#system.start(dataTree(undefined))
    this.tell({ kind: 'ring', view: ringOf(peers === 'none' ? [self] : [self, 'h2', 'h3']) })
    clock.run(20)
  }

  tell(message: CoordinatorMessage): void {
    this.#system.signal<CoordinatorMessage>(ref('coordinator'), message)
  }

  /** Requests at regular intervals, come what may: an open loop. Every second one is a put. */
  load(perSecond: number, fromMs: number, toMs: number, timeoutMs = 2_000): void {
    let index = 0
    for (let atMs = fromMs; atMs < toMs; atMs += 1_000 / perSecond)
      this.#arrive(index++ % 2 === 0 ? 'put' : 'get', atMs, timeoutMs)
  }

  /** What coordinators of other hosts ask of the vnodes here. */
  replicates(perSecond: number, fromMs: number, toMs: number): void {
    for (let atMs = fromMs; atMs < toMs; atMs += 1_000 / perSecond) this.#arrive('replicate', atMs, 2_000)
  }

  /** Let time go on; the longest mailbox is noted meanwhile. */
  run(untilMs: number): void {
    for (let atMs = this.clock.now(); atMs < untilMs; atMs += 20) {
      this.clock.run(Math.min(untilMs, atMs + 20))
      this.#mailboxMost = Math.max(this.#mailboxMost, mailboxOf(this.#system.describe()))
    }
  }

  get mailboxMost(): number {
    return this.#mailboxMost
  }

  get crashes(): readonly string[] {
    return this.#system.crashes().map(({ actor, error }) => `${actor}: ${error}`)
  }

  #arrive(kind: Asked['kind'], atMs: number, budgetMs: number): void {
    const asked: Asked = { kind, sentMs: atMs, answeredMs: Number.POSITIVE_INFINITY, answer: '' }
    const correlation = this.asked.push(asked)
    const key = this.#keys[correlation % this.#keys.length] as Key
    const replyTo: Ref<any> = {
      address: addressOf(threadAddressOf(kind === 'replicate' ? 'h2' : 'client', 't'), 'a'),
      correlation,
      incarnation: 1
    }
    this.clock.at(atMs, () => {
      this.clock.spend(this.#costs.arrival)
      const to = kind === 'replicate' ? ref(`vnode-${partitionOf(positionOf(key), partitions)}`) : ref('coordinator')
      this.#system.deliver({
        to,
        lane: 'data',
        budgetMs,
        traceparent: undefined,
        message: messageOf(kind, key, correlation, replyTo)
      })
      this.#system.delivered()
    })
  }

  /** As h2 does. */
  #answer(message: VnodeMessage): void {
    const { replyTo: to } = message as { readonly replyTo: Ref<VnodeReply> }
    const reply: VnodeReply = message.kind === 'compare' ? { kind: 'same' } : { kind: 'stored', durability: 'flushed' }
    this.clock.after(1, () => {
      this.clock.spend(this.#costs.arrival)
      this.#system.deliver({ to, lane: 'data', budgetMs: 0, traceparent: undefined, message: reply })
      this.#system.delivered()
    })
  }

  #answered({ to, message }: Envelope): void {
    this.clock.spend(this.#costs.answer)
    const asked = this.asked[to.correlation - 1]
    if (asked === undefined || asked.answer !== '') throw new Error(`an answer too many, on ${hostOf(to.address)}`)
    const reply = message as StoreReply | VnodeReply
    asked.answeredMs = this.clock.now()
    asked.answer =
      undeliveredReasonOf(message) ?? (reply.kind === 'refused' || reply.kind === 'failed' ? reply.fault.code : reply.kind)
  }
}

function messageOf(kind: Asked['kind'], key: Key, number: number, replyTo: Ref<any>): CoordinatorMessage | VnodeMessage {
  if (kind === 'get') return { kind, key, options: {}, hops: 0, replyTo }
  const value = Buffer.from(`v${number}`)
  if (kind === 'put')
    return {
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
  const vnode = vnodeIdOf(1_002, 1)
  const siblings = encodeSiblings({
    context: { vector: [vnode, number], cloud: [] },
    versions: [{ vnode, counter: number, value, contentType: '', modifiedMs: 1, expiresMs: 0, tombstone: false }]
  })
  return { kind, key, siblings, resolver: 'last-write-wins', durability: 'flushed', replyTo }
}

function ref(actor: string): Ref<any> {
  return { address: addressOf(threadAddressOf(self, 'data-0'), actor), correlation: 0, incarnation: 0 }
}

function mailboxOf(node: {
  readonly name: string
  readonly mailbox: { readonly length: number }
  readonly children: readonly any[]
}): number {
  return node.children.reduce((most, child) => Math.max(most, mailboxOf(child)), node.mailbox.length)
}

function ringOf(names: readonly string[]): RingView {
  const hosts = names.map<HostView>((name, index) => ({
    name,
    uid: 1_001 + index,
    incarnation: 1,
    state: 'up',
    dc: 'dc1',
    zone: `z${index}`,
    weight: 1,
    threads: 1,
    pid: 0,
    http: '',
    nats: '',
    version: '0',
    isBack: false,
    standing: 'up',
    isReplaced: false,
    isRemoving: false,
    isDirect: true,
    seen: '00000001',
    arrived: ''
  }))
  return {
    cluster: 'busy',
    epoch: '00000001',
    revision: '1',
    partitions,
    replicas: hosts.length,
    hosts,
    owners: Array.from({ length: partitions }, () => hosts.map((_, index) => index)),
    future: [],
    moving: 0
  }
}
