import type { RingView } from '../../actors/ring/ring-view.ts'
import { type BucketTable, type BucketProperties, propertiesOf } from '../../actors/ring/bucket-table.ts'
import type { DeleteRequest, PutRequest, StoreReply, StoreRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import { wireCodecs } from '../../actors/wire.ts'
import { Admin } from '../../api/admin.ts'
import { StoreCore } from '../../api/client/store-core.ts'
import { actorOf, type Bus, type Envelope, type Message, threadAddressOf } from '../../bus/bus.ts'
import { codecRegistry } from '../../bus/codec.ts'
import { MemoryNetwork } from '../../bus/memory-bus.ts'
import { emptyContext } from '../../model/causal-context.ts'
import { fault, type Fault } from '../../model/fault.ts'
import { bucketOf, type Key, partitionOf, positionOf } from '../../model/key.ts'
import { contextAfterWrite, emptySiblings, isDeleted, live, merge, type Siblings, write } from '../../model/siblings.ts'
import { decodeSiblings, digestOf, encodeSiblings } from '../../model/siblings-codec.ts'
import { systemClock } from '../../runtime/system-clock.ts'

const vnode = 7 * 0x10_0000
const nothing = new Uint8Array(0)
export const defaults: BucketProperties = { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 }

export function ringOfHosts(hosts: readonly string[], partitions = 16): RingView {
  return {
    cluster: 'carillon',
    epoch: '0000abcd',
    revision: '1',
    partitions,
    replicas: Math.min(3, hosts.length),
    hosts: hosts.map((name, index) => ({
      name,
      uid: index + 1,
      incarnation: 1,
      state: 'up',
      dc: 'dc1',
      zone: `zone-${name}`,
      weight: 1,
      threads: 1,
      pid: 100 + index,
      http: `127.0.0.1:${7071 + index}`,
      nats: `127.0.0.1:${7421 + index}`,
      version: '0.1.0'
    })),
    owners: Array.from({ length: partitions }, (_, partition) =>
      [0, 1, 2].slice(0, hosts.length).map(step => (partition + step) % hosts.length)
    ),
    future: []
  } as unknown as RingView
}

/**
 * A cluster of a few hosts in one process, each a Map of siblings behind a coordinator that writes to all of them at once.
 * Small, but real: versions, contexts and tombstones are those of the model, messages cross a bus with the real codecs.
 */
export class SmallStore {
  readonly view: RingView
  readonly network: MemoryNetwork
  readonly records = new Map<string, Map<Key, Uint8Array>>()
  readonly core: StoreCore
  readonly admin: Admin
  readonly seen: StoreRequest[] = []
  table: BucketTable = {}
  /** Answer every get, put and delete with it. */
  refusal: Fault | undefined = undefined
  /** Of writes: told after each success. */
  onAccepted: ((request: PutRequest | DeleteRequest, context: Siblings['context'], at: string) => void) | undefined = undefined
  readonly #buses = new Map<string, Bus[]>()
  #counter = 0

  constructor(hosts: readonly string[] = ['a', 'b', 'c'], partitions = 16) {
    this.view = ringOfHosts(hosts, partitions)
    this.network = new MemoryNetwork({
      schedule: (_delay, fn) => void setImmediate(fn),
      random: () => 0.5,
      codec: codecRegistry(wireCodecs)
    })
    for (const host of hosts) this.#start(host)
    this.core = this.newCore(hosts[0]!, 'api')
    this.admin = new Admin({ core: this.core, host: hosts[0]!, timeoutMs: 300 })
  }

  newCore(host: string, thread: string): StoreCore {
    return new StoreCore({
      bus: this.network.bus(threadAddressOf(host, thread)),
      clock: systemClock,
      random: Math.random,
      view: this.view
    })
  }

  kill(host: string): void {
    for (const thread of ['data-0', 'system', 'main']) this.network.detach(threadAddressOf(host, thread))
    this.#buses.delete(host)
  }

  async close(): Promise<void> {
    await this.core.close()
  }

  #start(host: string): void {
    this.records.set(host, new Map())
    const buses = ['data-0', 'system', 'main'].map(thread => {
      const bus = this.network.bus(threadAddressOf(host, thread))
      bus.listen({
        deliver: envelope => {
          const reply = this.#answer(host, envelope)
          const { replyTo } = envelope.message
          if (reply !== undefined && replyTo !== undefined)
            bus.send({ to: replyTo, lane: 'data', budgetMs: 0, traceparent: undefined, message: reply })
        },
        delivered: () => bus.flush(),
        unreachable: () => {}
      })
      return bus
    })
    this.#buses.set(host, buses)
  }

  #answer(host: string, { to, message }: Envelope): Message | undefined {
    const actor = actorOf(to.address)
    if (actor === 'coordinator') return this.coordinate(host, message as StoreRequest)
    if (actor === 'ring-keeper') {
      if (message.kind === 'subscribe') return { kind: 'ring', view: this.view } as Message
      return {
        kind: 'cluster',
        cluster: { id: 'c0ffee', partitions: this.view.partitions, replicas: 3 },
        view: this.view,
        table: this.table,
        defaults
      } as Message
    }
    if (actor === 'gossip-agent') {
      if (message.kind === 'plan')
        return {
          kind: 'plan-told',
          cluster: { id: 'c0ffee', partitions: 16, replicas: 3 },
          hostsNeeded: 3,
          members: [],
          waitsFor: []
        } as Message
      const { bucket, properties } = message as unknown as { bucket: string; properties: Partial<BucketProperties> }
      const before = propertiesOf(this.table, bucket, {} as BucketProperties)
      this.table = { ...this.table, [bucket]: { version: 1, writer: host, properties: { ...before, ...properties } } }
      return { kind: 'bucket-set' }
    }
    if (actor === 'work-keeper') {
      const figures = { keys: 3 }
      const state = { state: 'running', ready: true, fence: 8, lost: 1, runs: 2, figures, totals: figures }
      return { kind: 'work', host, items: [{ job: 'handoff/z', kind: 'handoff', subject: 'z', ...state }] } as Message
    }
    if (actor === 'host') {
      return message.kind === 'collect-metrics'
        ? ({ kind: 'host-metrics', host, text: '# HELP carillon_up 1\ncarillon_up 1\n' } as Message)
        : ({
            kind: 'host-description',
            host,
            tree: { name: host, kind: 'host', thread: 'main', state: 'running', children: [] }
          } as unknown as Message)
    }
    return this.#vnode(host, Number(actor.slice('vnode-'.length)), message)
  }

  coordinate(host: string, request: StoreRequest): StoreReply {
    this.seen.push(request)
    const { epoch } = this.view
    const refused = (why: Fault): StoreReply => ({ kind: 'refused', fault: why, epoch })
    if (this.refusal !== undefined) return refused(this.refusal)
    const { n } = propertiesOf(this.table, bucketOf(request.key), defaults)
    const { replicas = 0, primaries = 0, durable = 0, receipt } = request.options
    const asked = Math.max(replicas, primaries, durable)
    if (asked > n)
      return refused(fault('bad_request', `${asked} replicas are asked for, the bucket has n = ${n}`, { limit: n, size: asked }))
    const shownReceipt =
      receipt === true
        ? {
            consistency: 'strong' as const,
            needed: 2,
            acks: [{ host, zone: 'z', dc: 'dc1', role: 'primary' as const, durability: 'flushed' as const }],
            coordinator: host,
            epoch
          }
        : undefined
    const about = { strength: 'strong' as const, answered: 2, epoch, receipt: shownReceipt }
    let present = emptySiblings
    for (const records of this.records.values()) {
      const bytes = records.get(request.key)
      if (bytes !== undefined) present = merge(present, decodeSiblings(bytes))
    }
    if (request.kind === 'get')
      return { kind: 'got', siblings: present === emptySiblings ? nothing : encodeSiblings(present), ...about }
    const isLive = live(present, Date.now()).length > 0
    if (request.kind === 'put' && request.mode === 'create' && isLive)
      return refused(fault('key_exists', 'the key exists', { outcome: 'refused' }))
    if (
      request.ifMatch !== '' &&
      !(isLive && (request.ifMatch === '*' || request.ifMatch === digestOf(encodeSiblings(present)).toString(16)))
    ) {
      return refused(fault('precondition_failed', 'the value is not the one that If-Match names', { outcome: 'refused' }))
    }
    const isDelete = request.kind === 'delete'
    const seen = request.context ?? (isDelete ? present.context : emptyContext)
    const dot = { vnode, counter: ++this.#counter }
    const ttlSeconds = isDelete ? 0 : request.ttlSeconds
    const nowMs = Date.now()
    const after = write(present, seen, {
      ...dot,
      value: isDelete ? nothing : Uint8Array.from(request.value),
      contentType: isDelete ? '' : request.contentType,
      modifiedMs: nowMs,
      expiresMs: ttlSeconds === 0 ? 0 : nowMs + ttlSeconds * 1000,
      tombstone: isDelete
    })
    const bytes = encodeSiblings(after)
    for (const records of this.records.values()) records.set(request.key, bytes)
    const context = contextAfterWrite(after, seen, dot)
    this.onAccepted?.(request, context, host)
    return { kind: 'written', context, ...about }
  }

  #vnode(host: string, partition: number, message: Message): Message | undefined {
    const records = this.records.get(host)!
    if (message.kind === 'inspect') {
      const bytes = records.get((message as unknown as { key: Key }).key)
      const versions = bytes === undefined ? [] : decodeSiblings(bytes).versions
      const digest = bytes === undefined ? '' : digestOf(bytes).toString(16)
      const tombstone = versions.length > 0 && versions.every(version => version.tombstone)
      const dots = versions.map(version => [`7.${partition}.0`, version.counter])
      return {
        kind: 'inspected',
        found: bytes !== undefined,
        dots,
        siblings: versions.length,
        tombstone,
        digest,
        bytes: bytes?.length ?? 0
      } as Message
    }
    if (message.kind !== 'scan') return undefined
    const { after, pairsMax, keysOnly } = message as unknown as { after: Key | undefined; pairsMax: number; keysOnly: boolean }
    const all = [...records].filter(
      ([key]) => partitionOf(positionOf(key), this.view.partitions) === partition && (after === undefined || key > after)
    )
    all.sort(([a], [b]) => (a < b ? -1 : 1))
    const page = all.slice(0, pairsMax)
    const pairs = page
      .filter(([, bytes]) => !keysOnly || !isDeleted(decodeSiblings(bytes), Date.now()))
      .map(([key, bytes]) => ({ key, siblings: keysOnly ? nothing : bytes }))
    return { kind: 'page', pairs, next: page.length < all.length ? page.at(-1)![0] : undefined } as Message
  }
}
