import type { CoordinatorMessage, Got, StoreReply, StoreRequest, Written } from '../../actors/coordinator/coordinator-protocol.ts'
import type { HostView, RingView } from '../../actors/ring/ring-view.ts'
import { wireCodecs } from '../../actors/wire.ts'
import type { StoreError } from '../../api/client/errors.ts'
import { StoreCore, type PutOf, type StoreCoreOptions } from '../../api/client/store-core.ts'
import { actorOf, threadAddressOf, type Envelope, type Message, type Ref, type ThreadAddress } from '../../bus/bus.ts'
import { codecRegistry } from '../../bus/codec.ts'
import { MemoryNetwork } from '../../bus/memory-bus.ts'
import type { MemoryBus } from '../../bus/memory-thread.ts'
import { emptyContext, withCounter } from '../../model/causal-context.ts'
import type { Key } from '../../model/key.ts'
import { undeliveredMessage } from '../../runtime/signal.ts'
import { VirtualClock } from '../../runtime/virtual-clock.ts'

/** What a coordinator of a test does with a request; undefined: it stays silent. */
export type Answering = (request: StoreRequest, at: ThreadAddress, envelope: Envelope) => StoreReply | Message | undefined

export const written: Written = {
  kind: 'written',
  context: withCounter(emptyContext, 7, 1),
  strength: 'strong',
  answered: 2,
  epoch: '00000001',
  receipt: undefined
}

export function ringOf(
  hosts: readonly string[],
  change: Partial<RingView> = {},
  states: Readonly<Record<string, HostView['state']>> = {}
): RingView {
  const partitions = 8
  return {
    cluster: 'carillon',
    epoch: '00000001',
    revision: '1',
    partitions,
    replicas: 3,
    hosts: hosts.map((name, index) => ({
      name,
      uid: index + 1,
      incarnation: 1,
      state: states[name] ?? 'up',
      dc: 'dc1',
      zone: name,
      weight: 1,
      threads: 1,
      pid: 0,
      http: '',
      nats: '',
      version: '0',
      isBack: false,
      isDirect: true,
      standing: 'up',
      isReplaced: false,
      isRemoving: false,
      seen: '00000001',
      arrived: ''
    })),
    owners: Array.from({ length: partitions }, (_, partition) =>
      hosts.slice(0, 3).map((_, index) => (partition + index) % Math.min(3, hosts.length))
    ),
    future: [],
    moving: 0,
    ...change
  }
}

/** Coordinators that answer as told, on a network in memory and on virtual time. */
export class Coordinators {
  readonly clock = new VirtualClock()
  readonly network: MemoryNetwork
  /** Every request that arrived, in order. */
  readonly seen: { readonly at: string; readonly request: StoreRequest; readonly envelope: Envelope; readonly nowMs: number }[] =
    []
  /** Messages that arrived together. */
  readonly batches: number[] = []
  answer: Answering
  readonly #buses = new Map<string, MemoryBus>()

  constructor(hosts: readonly string[], answer: Answering, delayMs = 1) {
    this.answer = answer
    this.network = new MemoryNetwork({
      schedule: (delay, fn) => void this.clock.after(delay, fn),
      random: () => 0.5,
      codec: codecRegistry(wireCodecs),
      weather: { delayMinMs: delayMs, delayMaxMs: delayMs }
    })
    for (const host of hosts) this.start(host)
  }

  start(host: string): void {
    const bus = this.network.bus(threadAddressOf(host, 'data-0'))
    this.#buses.set(host, bus)
    let batch = 0
    bus.listen({
      deliver: envelope => {
        batch += 1
        const request = envelope.message as Extract<CoordinatorMessage, StoreRequest>
        this.seen.push({ at: host, request, envelope, nowMs: this.clock.now() })
        const reply = this.answer(request, bus.thread, envelope)
        if (reply !== undefined) this.reply(host, request.replyTo, reply)
      },
      delivered: () => {
        this.batches.push(batch)
        batch = 0
        bus.flush()
      },
      unreachable: () => {}
    })
  }

  /** As `kill -9` does. */
  kill(host: string): void {
    this.network.detach(threadAddressOf(host, 'data-0'))
    this.#buses.delete(host)
  }

  reply(host: string, to: Ref<never>, message: Message): void {
    this.#buses.get(host)?.send({ to, lane: 'data', budgetMs: 0, traceparent: undefined, message })
  }

  flush(): void {
    for (const bus of this.#buses.values()) bus.flush()
  }

  undelivered(reason: 'no-such-actor' | 'overloaded' | 'expired'): Message {
    return undeliveredMessage(reason)
  }

  core(options: Partial<StoreCoreOptions> = {}): StoreCore {
    return new StoreCore({
      bus: this.network.bus(threadAddressOf('client', 'test')),
      clock: this.clock,
      random: () => 0.5,
      ...options
    })
  }

  /** Let virtual time go on until the promise has settled. */
  async settle<T>(promise: Promise<T>, withinMs = 20_000): Promise<T> {
    let settled = false
    const done = promise.then(
      value => {
        settled = true
        return value
      },
      error => {
        settled = true
        throw error
      }
    )
    done.catch(() => {})
    const untilMs = this.clock.now() + withinMs
    for (;;) {
      // Continuations run between events, as they do between the events of a real loop.
      await new Promise(resolve => setImmediate(resolve))
      if (settled) return done
      if (!this.clock.step(untilMs)) throw new Error(`nothing settled within ${withinMs} ms of virtual time`)
    }
  }
}

export function actorNameOf(envelope: Envelope): string {
  return actorOf(envelope.to.address)
}

export function got(change: Partial<Got> = {}): Got {
  return {
    kind: 'got',
    siblings: new Uint8Array(0),
    strength: 'strong',
    answered: 2,
    epoch: written.epoch,
    receipt: undefined,
    ...change
  }
}

export function answering(request: StoreRequest) {
  return request.kind === 'get' ? got() : written
}

export function putOf(key: Key, change: Partial<PutOf> = {}): PutOf {
  return {
    key,
    value: Buffer.from('"v"'),
    contentType: 'application/json',
    context: undefined,
    mode: 'put',
    ifMatch: '',
    ttlSeconds: 0,
    ...change
  }
}

export async function rejection(promise: Promise<unknown>): Promise<StoreError> {
  return promise.then(
    () => {
      throw new Error('it was not rejected')
    },
    error => error as StoreError
  )
}
