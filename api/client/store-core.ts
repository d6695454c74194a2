import type {
  DeleteRequest,
  GetRequest,
  Got,
  PutRequest,
  QuorumOptions,
  Refused,
  Written
} from '../../actors/coordinator/coordinator-protocol.ts'
import type { Acked, Coordinated } from '../../actors/vnode/ack-protocol.ts'
import type { Peeked } from '../../actors/vnode/peek-protocol.ts'
import type { RingView } from '../../actors/ring/ring-view.ts'
import {
  addressOf,
  type Address,
  type Bus,
  type Envelope,
  type Message,
  type Receiver,
  type Ref,
  type ThreadAddress
} from '../../bus/bus.ts'
import { fault } from '../../model/fault.ts'
import { partitionOf, positionOf, type Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { Clock } from '../../runtime/clock.ts'
import { undeliveredKind, undeliveredReasonOf } from '../../runtime/signal.ts'
import { Attempts } from './attempts.ts'
import { errorOf, type StoreError } from './errors.ts'
import { Request, type Answer } from './request.ts'
import { Routes } from './routes.ts'
import { StaleRing } from './stale-ring.ts'

/** Subscriptions that `listen` keeps. */
const listenersMax = 1024
const incarnations = 0x7fff_ffff

export interface StoreCoreOptions {
  /** Not yet listened to; the core owns it from here on, and closes it. */
  readonly bus: Bus
  readonly clock: Clock
  /** 0 ≤ x < 1. */
  random(): number
  readonly view?: RingView | undefined
  /** The ring is no longer the one of `view`: learn it and call `setView`. Called at most every 200 ms, and ever more seldom where that changes nothing. */
  onStale?(): void
  /** Default `limits.clientRequestsMax`. */
  readonly requestsMax?: number | undefined
  /** A host whose coordinators are asked first wherever they own the key: the one that this door runs on. */
  readonly preferredHost?: string | undefined
  /** Gets ask the owners of a key themselves, rather than a coordinator, where that will do; default false. */
  readonly asksOwners?: boolean | undefined
  /** Acknowledgements of puts are counted here, where that will do; default false. */
  readonly countsAcks?: boolean | undefined
}

export type PutOf = Omit<PutRequest, 'kind' | 'options' | 'hops' | 'replyTo'>
export type DeleteOf = Omit<DeleteRequest, 'kind' | 'options' | 'hops' | 'replyTo'>
/** Of each member of a union, what is left without its `replyTo`. */
export type WithoutReplyTo<M> = M extends unknown ? Omit<M, 'replyTo'> : never

export interface StoreCoreFigures {
  readonly waiting: number
  readonly requests: number
  readonly retries: number
  /** Gets that owners answered without a coordinator. */
  readonly direct: number
  /** Gets that were answered with another one of their key. */
  readonly shared: number
  /** Puts whose acknowledgements were counted here. */
  readonly counted: number
  /** Times that the coordinator of such a put was asked, since they did not come. */
  readonly recalls: number
  /** Times that a get was asked of another coordinator since one was slow. */
  readonly hedges: number
  readonly timeouts: number
  readonly refused: number
}

/**
 * Requests to the store by someone who knows the ring: each goes to the coordinator of a replica, all of one turn in one batch,
 * with a deadline. Repeats only what surely had no effect; a write whose fate is unknown ends as `Timeout` with outcome `indeterminate`.
 */
export class StoreCore implements Receiver {
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #requestsMax: number
  readonly #preferredHost: string | undefined
  readonly #self: Address
  readonly #incarnation: number
  readonly #stale: StaleRing
  readonly #attempts: Attempts
  readonly #listeners = new Map<number, (message: Message) => void>()
  #awaitingView: (() => void)[] = []
  #correlation = 0
  #isClosed = false

  constructor(options: StoreCoreOptions) {
    const { bus, clock } = options
    this.#bus = bus
    this.#clock = clock
    this.#requestsMax = options.requestsMax ?? limits.clientRequestsMax
    this.#preferredHost = options.preferredHost
    this.#self = addressOf(bus.thread, 'store')
    // A host's door has the same address after a restart: what was meant for the one before is told apart by this.
    this.#incarnation = 1 + Math.floor(options.random() * (incarnations - 1))
    this.#stale = new StaleRing(options.onStale === undefined ? undefined : () => options.onStale?.())
    this.#attempts = new Attempts({
      bus,
      clock,
      random: () => options.random(),
      stale: this.#stale,
      nextCorrelation: () => ++this.#correlation,
      asksOwners: options.asksOwners === true,
      countsAcks: options.countsAcks === true
    })
    if (options.view !== undefined) this.setView(options.view)
    bus.listen(this)
  }

  get view(): RingView | undefined {
    return this.#attempts.routes?.view
  }

  /** Route by this ring from now on. */
  setView(view: RingView): void {
    this.#attempts.routes = new Routes(view, this.#attempts.routes, this.#preferredHost)
    this.#stale.learnt()
    const awaiting = this.#awaitingView
    this.#awaitingView = []
    for (const resolve of awaiting) resolve()
  }

  /** Resolves once there is a ring. Bound it by a deadline of your own. */
  ready(): Promise<void> {
    return this.view !== undefined ? Promise.resolve() : new Promise(resolve => this.#awaitingView.push(resolve))
  }

  /**
   * @param timeoutMs at most `limits.requestTimeoutMsMax`
   * @throws {StoreError}
   */
  get(key: Key, options: QuorumOptions, timeoutMs: number): Promise<Got> {
    const correlation = ++this.#correlation
    const message: GetRequest = { kind: 'get', key, options, hops: 0, replyTo: this.#ref(correlation) }
    return this.#submit(correlation, message, timeoutMs) as Promise<Got>
  }

  /**
   * @param put its `value` is read before this returns where the bus encodes at once; leave it alone until the reply all the same
   * @throws {StoreError} `outcome` says what may have become of the write
   */
  put(put: PutOf, options: QuorumOptions, timeoutMs: number): Promise<Written> {
    const correlation = ++this.#correlation
    const message: PutRequest = {
      kind: 'put',
      key: put.key,
      value: put.value,
      contentType: put.contentType,
      context: put.context,
      mode: put.mode,
      ifMatch: put.ifMatch,
      ttlSeconds: put.ttlSeconds,
      options,
      countsAcks: this.#attempts.counts(put, options),
      hops: 0,
      replyTo: this.#ref(correlation)
    }
    return this.#submit(correlation, message, timeoutMs) as Promise<Written>
  }

  /** @throws {StoreError} `outcome` says what may have become of the delete */
  delete(del: DeleteOf, options: QuorumOptions, timeoutMs: number): Promise<Written> {
    const correlation = ++this.#correlation
    const message: DeleteRequest = {
      kind: 'delete',
      key: del.key,
      context: del.context,
      ifMatch: del.ifMatch,
      options,
      hops: 0,
      replyTo: this.#ref(correlation)
    }
    return this.#submit(correlation, message, timeoutMs) as Promise<Written>
  }

  /**
   * Ask any actor, once. `replyTo` is put in here.
   * @returns the one reply; rejects where it is `refused`
   * @throws {StoreError} also `Unavailable` where nobody listens at that thread
   */
  ask<R extends Message = Message>(to: Ref<never>, message: { readonly kind: string }, timeoutMs: number): Promise<R> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    const correlation = ++this.#correlation
    const nowMs = this.#clock.now()
    const request = new Request(correlation, { ...message, replyTo: this.#ref(correlation) }, -1, nowMs + timeoutMs, timeoutMs)
    request.to = to
    this.#attempts.begin(request, nowMs)
    return request.promise as Promise<R>
  }

  /** Tell any actor, without a reply. @returns false where the bus refused it */
  tell(to: Ref<never>, message: Message): boolean {
    const sent = this.#bus.send({ to, lane: 'control', budgetMs: 0, traceparent: undefined, message })
    this.#attempts.flushSoon()
    return sent
  }

  /** A reference for standing subscriptions: `handler` gets whatever is sent to it, until `unlisten`. */
  listen<M extends Message>(handler: (message: M) => void): Ref<M> {
    if (this.#listeners.size >= listenersMax) {
      throw new RangeError(`there are ${listenersMax} listeners: end one before adding another`)
    }
    const correlation = ++this.#correlation
    this.#listeners.set(correlation, handler as (message: Message) => void)
    return this.#ref(correlation)
  }

  unlisten(ref: Ref<never>): void {
    this.#listeners.delete(ref.correlation)
  }

  figures(): StoreCoreFigures {
    const { direct, shared, counted, recalls, underWay, retries, hedges, timeouts, refused } = this.#attempts
    return {
      waiting: underWay.size,
      requests: this.#correlation,
      retries,
      direct,
      shared,
      counted,
      recalls,
      hedges,
      timeouts,
      refused
    }
  }

  /** End what is under way with `Unavailable`, and close the bus. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#attempts.close()
    this.#listeners.clear()
    await this.#bus.close()
  }

  deliver(envelope: Envelope): void {
    const { to, message } = envelope
    if (to.incarnation !== this.#incarnation && to.incarnation !== 0) return
    const attempts = this.#attempts
    const request = attempts.underWay.get(to.correlation)
    if (request === undefined) {
      this.#listeners.get(to.correlation)?.(message)
      return
    }
    if (message.kind === 'acked') return attempts.acked(request, message as Acked)
    const { coordinator } = request
    if (coordinator !== undefined && coordinator.avoidedUntilMs !== 0) coordinator.answered()
    switch (message.kind) {
      case 'got':
      case 'written':
        if (request.to === undefined) this.#compareEpoch((message as Got | Written).epoch)
        attempts.answer(request, message)
        return
      case 'coordinated':
        this.#compareEpoch((message as Coordinated).epoch)
        return attempts.acked(request, message as Coordinated)
      case 'peeked':
        attempts.peeked(request, message as Peeked)
        return
      case 'refused':
        if (request.to === undefined) this.#compareEpoch((message as Refused).epoch)
        attempts.refusedBy(request, message as Refused)
        return
      case undeliveredKind:
        attempts.undelivered(request, undeliveredReasonOf(message) ?? 'no-such-actor')
        return
      default:
        if (request.to !== undefined) attempts.answer(request, message)
        else
          attempts.fail(
            request,
            errorOf(
              fault('internal', `a coordinator answered with ${JSON.stringify(message.kind.slice(0, 40))}, which is no reply`)
            )
          )
    }
  }

  delivered(): void {}

  unreachable(thread: ThreadAddress): void {
    this.#attempts.unreachable(thread)
  }

  #ref<M extends Message>(correlation: number): Ref<M> {
    return { address: this.#self, correlation, incarnation: this.#incarnation }
  }

  #submit(correlation: number, message: GetRequest | PutRequest | DeleteRequest, timeoutMs: number): Promise<Answer> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    const { view } = this
    if (view === undefined) {
      return Promise.reject(errorOf(fault('unavailable', 'the ring is not known yet: wait for ready()', { outcome: 'refused' })))
    }
    const nowMs = this.#clock.now()
    const partition = partitionOf(positionOf(message.key), view.partitions)
    const request = new Request(correlation, message, partition, nowMs + timeoutMs, timeoutMs)
    this.#attempts.begin(request, nowMs)
    return request.promise
  }

  #refusal(): StoreError | undefined {
    if (this.#isClosed) return errorOf(fault('unavailable', 'the client is closed', { outcome: 'refused' }))
    const { size } = this.#attempts.underWay
    const limit = this.#requestsMax
    if (size < limit) return undefined
    this.#attempts.refused += 1
    const detail = `${size} requests are under way, the limit is ${limit}: wait for some of them before asking more`
    return errorOf(fault('overloaded', detail, { limit, size, outcome: 'refused' }))
  }

  #compareEpoch(epoch: string): void {
    if (epoch !== this.view?.epoch) this.#stale.doubted(this.#clock.now())
  }
}
