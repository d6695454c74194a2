import type {
  CoordinatorMessage,
  DeleteRequest,
  GetRequest,
  HintsListed,
  PutRequest,
  StoreReply
} from '../../../actors/coordinator/coordinator-protocol.ts'
import type { BucketTable } from '../../../actors/ring/bucket-table.ts'
import type { HostView, RingView } from '../../../actors/ring/ring-view.ts'
import type { StoreResources } from '../../../actors/store-resources.ts'
import { dataTree } from '../../../actors/tree.ts'
import type { VnodeMessage, VnodeReply } from '../../../actors/vnode/vnode-protocol.ts'
import { actorOf, addressOf, type Envelope, hostOf, type Ref, threadAddressOf, type UndeliveredReason } from '../../../bus/bus.ts'
import { hintKeyOf } from '../../../model/hint.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../../model/key.ts'
import type { HostState } from '../../../model/membership.ts'
import type { Siblings } from '../../../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../../../model/siblings-codec.ts'
import { vnodeIdOf } from '../../../model/version-vector.ts'
import { ActorSystem } from '../../../runtime/actor-system.ts'
import { silentLog } from '../../../runtime/log.ts'
import { silentMetrics } from '../../../runtime/metrics.ts'
import { SeededRandom } from '../../../runtime/random.ts'
import { undeliveredMessage } from '../../../runtime/signal.ts'
import { VirtualClock } from '../../../runtime/virtual-clock.ts'
import { CountingDotClock } from '../../../storage/dot-clock.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { VirtualDisk } from '../../../storage/virtual-disk.ts'

/** What the coordinator asked of a vnode on another host. */
export interface Asked {
  readonly host: string
  readonly message: VnodeMessage
  readonly budgetMs: number
}

export interface RigOptions {
  /** Hosts in the order of the key's preference: three owners, then those that may stand in. The coordinator's is h1. */
  readonly order?: readonly string[]
  /** Of hosts that are not up. */
  readonly states?: Readonly<Record<string, HostState>>
  readonly hedgeMs?: number
  readonly readRepairChance?: number
}

const partitions = 4
const self = 'h1'
/** A bucket key of partition 0. */
export const key: Key = Array.from({ length: 64 }, (_, index) => keyOfText('b', `k${index}`)).find(
  candidate => partitionOf(positionOf(candidate), partitions) === 0
)!

export const uidOfHost = (host: string): number => 1_000 + Number(host.slice(1))

/** A record as a write of `host` would have left it, in an epoch of long ago. */
export function recordBy(host: string, counter: number, value = 'v'): Uint8Array {
  const vnode = vnodeIdOf(uidOfHost(host), 900)
  const record: Siblings = {
    context: { vector: [vnode, counter], cloud: [] },
    versions: [
      { vnode, counter, value: Buffer.from(value), contentType: '', modifiedMs: counter, expiresMs: 0, tombstone: false }
    ]
  }
  return encodeSiblings(record)
}

/**
 * One data thread with the real coordinator, vnodes and a store in memory on virtual time. What it sends to other hosts is collected;
 * the test answers in their place, when and how it likes.
 */
export class CoordinatorRig {
  readonly clock = new VirtualClock()
  readonly disk = new VirtualDisk()
  readonly asked: Asked[] = []
  readonly replies: StoreReply[] = []
  /** Gets that another host's coordinator is to serve. */
  readonly passedOn: GetRequest[] = []
  readonly #options: RigOptions
  readonly #system: ActorSystem<StoreResources>
  #revision = 0
  #requests = 0

  constructor(options: RigOptions = {}) {
    this.#options = options
    const host = this.clock.host(self)
    const schedule = (delayMs: number, work: () => void) => void host.after(delayMs, work)
    const gateway = {
      send: (envelope: Envelope) => {
        this.#take(envelope)
        return true
      },
      flush() {}
    }
    this.#system = new ActorSystem<StoreResources>({
      host: self,
      thread: 'data-0',
      clock: host,
      random: new SeededRandom(1),
      gateways: new Map([...this.#order, 'client'].map(name => [name, gateway])),
      resources: {
        store: new MemoryStore({ disk: this.disk, schedule, commitMs: 0.2, flushMs: 1 }),
        dots: new CountingDotClock({ vnode: vnodeIdOf(uidOfHost(self), 1), counter: 0 }),
        settings: {
          defaults: { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 },
          pairBytesMax: 10_240,
          requestTimeoutMs: 2_000,
          hedgeMs: options.hedgeMs ?? 50,
          readRepairChance: options.readRepairChance ?? 0,
          events: false
        }
      },
      log: silentLog,
      metrics: silentMetrics
    })
    this.#system.start(dataTree(undefined))
    this.ring(options.states ?? {})
    this.run(20)
  }

  /** Hosts that are not up from now on, and in which order the key prefers them. */
  ring(states: Readonly<Record<string, HostState>>, order: readonly string[] = this.#order): void {
    const hosts = ['h1', 'h2', 'h3', 'h4', 'h5'].filter(name => this.#order.includes(name)).map(name => hostOfName(name, states))
    const indices = order.map(name => hosts.findIndex(host => host.name === name))
    const view: RingView = {
      cluster: 'rig',
      epoch: '00000001',
      revision: String(++this.#revision),
      partitions,
      replicas: 3,
      hosts,
      owners: [indices.slice(0, 3), indices.slice(3), indices.slice(0, 3), indices.slice(0, 3)],
      future: [],
      moving: 0
    }
    this.#system.signal<CoordinatorMessage>(this.#coordinator, { kind: 'ring', view })
  }

  /** How buckets are set from now on. */
  buckets(table: BucketTable): void {
    this.#system.signal<CoordinatorMessage>(this.#coordinator, { kind: 'buckets', table })
    this.run()
  }

  put(options: PutRequest['options'] = {}, more: Partial<PutRequest> = {}): void {
    this.#request({
      kind: 'put',
      key,
      value: Buffer.from('new'),
      contentType: '',
      context: undefined,
      mode: 'put',
      ifMatch: '',
      ttlSeconds: 0,
      options: { receipt: true, ...options },
      hops: 0,
      replyTo: this.#client(),
      ...more
    })
  }

  /** A put whose client counts by itself. */
  countedPut(options: PutRequest['options'] = {}, more: Partial<PutRequest> = {}): void {
    this.put({ receipt: false, ...options }, { countsAcks: true, ...more })
  }

  /** A client asks what became of the put that was asked last. */
  recall(client = 't', incarnation = 1): void {
    const put = this.#requests
    const replyTo = { ...this.#client(), address: addressOf(threadAddressOf('client', client), 'door'), incarnation }
    this.#system.send<CoordinatorMessage>(this.#coordinator, { kind: 'recall', put, replyTo }, 2_000)
    this.run()
  }

  /** The vnode of `host` has stored what it was given, has told the client, and the coordinator hears of it `agoMs` later. */
  tells(host: string, agoMs = 1): VnodeMessage {
    const { message } = this.next(host)
    const { address, incarnation, correlation } = (message as { readonly replyTo: Ref }).replyTo
    const to: Ref<CoordinatorMessage> = { address, incarnation, correlation: 0 }
    this.#system.send(to, { kind: 'stored-list', acks: [correlation, agoMs * 1_000] })
    this.run()
    return message
  }

  get(options: GetRequest['options'] = {}): void {
    this.#request({ kind: 'get', key, options: { receipt: true, ...options }, hops: 0, replyTo: this.#client() })
  }

  /** So many gets at one moment. */
  gets(count: number, options: GetRequest['options'] = {}, budgetMs = 2_000): void {
    for (let left = count; left > 0; left--) {
      const request: GetRequest = { kind: 'get', key, options, hops: 0, replyTo: this.#client() }
      this.#system.send(this.#coordinator, request, budgetMs)
    }
    this.run()
  }

  run(ms = 5): void {
    this.clock.run(this.clock.now() + ms)
  }

  /** Tell this host's own vnode; what it answers comes to `replies`. */
  vnode(message: (replyTo: Ref<VnodeReply>) => VnodeMessage): void {
    const to = addressOf(threadAddressOf(self, 'data-0'), 'vnode-0')
    this.#system.send<VnodeMessage>({ address: to, correlation: 0, incarnation: 0 }, message(this.#client()))
  }

  /** A message that it cannot handle: it crashes, and its supervisor starts it again. */
  crashVnode(): void {
    this.vnode(() => ({ kind: 'write' }) as VnodeMessage)
    this.run(2_000)
  }

  /** What the coordinator says of the hints on its thread. */
  hints(): HintsListed {
    const before = this.replies.length
    this.#system.send<CoordinatorMessage>(this.#coordinator, { kind: 'list-hints', replyTo: this.#client() })
    this.run()
    return this.replies.splice(before)[0] as unknown as HintsListed
  }

  /** The oldest question to `host` that was not answered yet; it counts as answered now. @throws {RangeError} there is none */
  next(host: string): Asked {
    const index = this.asked.findIndex(asked => asked.host === host)
    if (index < 0) throw new RangeError(`nothing was asked of ${host}`)
    return this.asked.splice(index, 1)[0] as Asked
  }

  answer(host: string, reply: VnodeReply): VnodeMessage {
    const { message } = this.next(host)
    this.#reply(message, reply)
    return message
  }

  /** To all that is asked now, in one turn. @returns how many questions that were */
  answerAll(reply: VnodeReply): number {
    const asked = this.asked.splice(0)
    for (const { message } of asked) this.#system.send((message as { readonly replyTo: Ref<VnodeReply> }).replyTo, reply)
    this.run()
    return asked.length
  }

  /** A question that was taken with `next`. */
  answerLate({ message }: Asked, reply: VnodeReply): void {
    this.#reply(message, reply)
  }

  stores(host: string): VnodeMessage {
    return this.answer(host, { kind: 'stored', durability: 'flushed' })
  }

  /** The vnode there was not found, or took no more. */
  undelivered(host: string, reason: UndeliveredReason): void {
    const to = (this.next(host).message as { readonly replyTo: Ref }).replyTo
    this.#system.deliver({ to, lane: 'control', budgetMs: 0, traceparent: undefined, message: undeliveredMessage(reason) })
    this.#system.delivered()
    this.run()
  }

  /** As the broker says of a thread at which nobody listens. */
  unreachable(host: string): void {
    this.#system.unreachable(threadAddressOf(host, 'data-0'))
    this.#system.delivered()
    this.run()
  }

  /** What is asked and not answered: `h2 replicate`, `h4 hint for h3`. */
  get open(): string[] {
    return this.asked.map(({ host, message }) => `${host} ${message.kind}${hintFor(message)}`).sort()
  }

  /** What this host keeps of the key for `target`. */
  hintFor(target: string): Siblings | undefined {
    const record = this.disk.pairs(0)?.get(hintKeyOf(uidOfHost(target), key))
    return record === undefined ? undefined : decodeSiblings(record)
  }

  /** Requests under way. */
  get underWay(): unknown {
    return this.summary.requests
  }

  /** What the coordinator says of itself. */
  get summary(): Readonly<Record<string, unknown>> {
    const find = (node: { name: string; summary?: unknown; children: readonly any[] }): any =>
      node.name === 'coordinator' ? node.summary : node.children.map(find).find(found => found !== undefined)
    return find(this.#system.describe())
  }

  get crashes(): readonly string[] {
    return this.#system.crashes().map(({ actor, error, stack }) => `${actor}: ${error} ${stack}`)
  }

  get #order(): readonly string[] {
    return this.#options.order ?? ['h1', 'h2', 'h3', 'h4', 'h5']
  }

  get #coordinator(): Ref<CoordinatorMessage> {
    return { address: addressOf(threadAddressOf(self, 'data-0'), 'coordinator'), correlation: 0, incarnation: 0 }
  }

  #client(): Ref<any> {
    return { address: addressOf(threadAddressOf('client', 't'), 'door'), correlation: ++this.#requests, incarnation: 1 }
  }

  #request(request: GetRequest | PutRequest | DeleteRequest): void {
    this.#system.send(this.#coordinator, request, 2_000)
    this.run()
  }

  #reply(message: VnodeMessage, reply: VnodeReply): void {
    this.#system.send((message as { readonly replyTo: Ref<VnodeReply> }).replyTo, reply)
    this.run()
  }

  #take({ to, message, budgetMs }: Envelope): void {
    const host = hostOf(to.address)
    if (host === 'client') this.replies.push(message as StoreReply)
    else if (message.kind === 'get') this.passedOn.push(message as GetRequest)
    else if (actorOf(to.address).startsWith('vnode-')) this.asked.push({ host, message: message as VnodeMessage, budgetMs })
  }
}

function hintFor(message: VnodeMessage): string {
  return message.kind === 'hint' ? ` for h${message.target - 1_000}` : ''
}

export function hostOfName(name: string, states: Readonly<Record<string, HostState>>): HostView {
  return {
    name,
    uid: uidOfHost(name),
    incarnation: 1,
    state: states[name] ?? 'up',
    dc: 'dc1',
    zone: 'z1',
    weight: 1,
    threads: 1,
    pid: 1,
    http: '',
    nats: '',
    version: '0',
    isBack: false,
    isDirect: true,
    standing: 'up',
    isReplaced: false,
    isRemoving: false,
    seen: '',
    arrived: ''
  }
}
