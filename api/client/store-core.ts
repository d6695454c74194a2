import type {
  DeleteRequest,
  GetRequest,
  Got,
  PutRequest,
  QuorumOptions,
  Refused,
  Written
} from '../../actors/coordinator-protocol.ts'
import type { RingView } from '../../actors/ring-view.ts'
import {
  addressOf,
  type Address,
  type Bus,
  type Envelope,
  type Message,
  type Receiver,
  type Ref,
  type ThreadAddress,
  type UndeliveredReason
} from '../../bus/bus.ts'
import { fault } from '../../model/fault.ts'
import { partitionOf, positionOf, type Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { Clock } from '../../runtime/clock.ts'
import { undeliveredKind, undeliveredReasonOf } from '../../runtime/signal.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import { errorOf, type StoreError } from './errors.ts'
import { Request, type Answer } from './request.ts'
import { Routes, type Coordinator } from './routes.ts'

/** Attempts that a request may have that were surely without effect. */
const setbacksMax = 4
/** Of these, refusals for overload: who is overloaded is not helped by more requests. */
const overloadRetriesMax = 2
/** First wait before the next attempt, doubled each time, at random between half of it and all. */
const retryDelayMs = 8
/** A coordinator that has not answered within this share of the timeout is slow. */
const patienceShare = 0.25
/** The ring is not asked for more often than that; the wait doubles for as long as asking brings no other ring. */
const staleIntervalMsMin = 200
const staleIntervalMsMax = 5_000
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
}

export type PutOf = Omit<PutRequest, 'kind' | 'options' | 'hops' | 'replyTo'>
export type DeleteOf = Omit<DeleteRequest, 'kind' | 'options' | 'hops' | 'replyTo'>
/** Of each member of a union, what is left without its `replyTo`. */
export type WithoutReplyTo<M> = M extends unknown ? Omit<M, 'replyTo'> : never

export interface StoreCoreFigures {
  readonly waiting: number
  readonly requests: number
  readonly retries: number
  /** Gets that were asked of a second coordinator since the first was slow. */
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
  readonly #random: () => number
  readonly #onStale: (() => void) | undefined
  readonly #requestsMax: number
  readonly #preferredHost: string | undefined
  readonly #self: Address
  readonly #incarnation: number
  readonly #wheel: DeadlineWheel<Request>
  readonly #requests = new Map<number, Request>()
  readonly #listeners = new Map<number, (message: Message) => void>()
  readonly #flush = (): void => this.#flushNow()
  #routes: Routes | undefined = undefined
  #awaitingView: (() => void)[] = []
  #correlation = 0
  #flushes = 1
  #flushScheduled = false
  #staleAtMs = Number.NEGATIVE_INFINITY
  #staleIntervalMs = 0
  #closed = false
  #retries = 0
  #hedges = 0
  #timeouts = 0
  #refused = 0

  constructor(options: StoreCoreOptions) {
    this.#bus = options.bus
    this.#clock = options.clock
    this.#random = options.random
    this.#onStale = options.onStale
    this.#requestsMax = options.requestsMax ?? limits.clientRequestsMax
    this.#preferredHost = options.preferredHost
    this.#self = addressOf(options.bus.thread, 'store')
    // A host's door has the same address after a restart: what was meant for the one before is told apart by this.
    this.#incarnation = 1 + Math.floor(options.random() * (incarnations - 1))
    this.#wheel = new DeadlineWheel<Request>(options.clock, request => this.#due(request))
    if (options.view !== undefined) this.setView(options.view)
    options.bus.listen(this)
  }

  get view(): RingView | undefined {
    return this.#routes?.view
  }

  /** Route by this ring from now on; requests that wait for one go. */
  setView(view: RingView): void {
    this.#routes = new Routes(view, this.#routes, this.#preferredHost)
    this.#staleIntervalMs = Math.min(this.#staleIntervalMs, staleIntervalMsMin)
    const awaiting = this.#awaitingView
    this.#awaitingView = []
    for (const resolve of awaiting) resolve()
  }

  /** Resolves once there is a ring. Bound it by a deadline of your own. */
  ready(): Promise<void> {
    return this.#routes !== undefined ? Promise.resolve() : new Promise(resolve => this.#awaitingView.push(resolve))
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
    this.#requests.set(correlation, request)
    this.#send(request, to, timeoutMs)
    return request.promise as Promise<R>
  }

  /** Tell any actor, without a reply. @returns false where the bus refused it */
  tell(to: Ref<never>, message: Message): boolean {
    const sent = this.#bus.send({ to, lane: 'control', budgetMs: 0, traceparent: undefined, message })
    this.#scheduleFlush()
    return sent
  }

  /** A reference for standing subscriptions: `handler` gets whatever is sent to it, until `unlisten`. */
  listen<M extends Message>(handler: (message: M) => void): Ref<M> {
    if (this.#listeners.size >= listenersMax)
      throw new RangeError(`there are ${listenersMax} listeners: end one before adding another`)
    const correlation = ++this.#correlation
    this.#listeners.set(correlation, handler as (message: Message) => void)
    return this.#ref(correlation)
  }

  unlisten(ref: Ref<never>): void {
    this.#listeners.delete(ref.correlation)
  }

  figures(): StoreCoreFigures {
    return {
      waiting: this.#requests.size,
      requests: this.#correlation,
      retries: this.#retries,
      hedges: this.#hedges,
      timeouts: this.#timeouts,
      refused: this.#refused
    }
  }

  /** End what is under way with `Unavailable`, and close the bus. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#wheel.close()
    for (const request of this.#requests.values()) {
      request.reject(this.#unanswered(request, 'unavailable', 'the client was closed before the answer came'))
    }
    this.#requests.clear()
    this.#listeners.clear()
    await this.#bus.close()
  }

  // ---- Receiver

  deliver(envelope: Envelope): void {
    const { to, message } = envelope
    if (to.incarnation !== this.#incarnation && to.incarnation !== 0) return
    const request = this.#requests.get(to.correlation)
    if (request === undefined) {
      this.#listeners.get(to.correlation)?.(message)
      return
    }
    const { coordinator } = request
    if (coordinator !== undefined && coordinator.avoidedUntilMs !== 0) coordinator.answered()
    switch (message.kind) {
      case 'got':
      case 'written': {
        const { epoch } = message as Got | Written
        if (epoch !== this.#routes?.view.epoch && request.partition >= 0) this.#stale(epoch)
        this.#end(request)
        request.resolve(message)
        return
      }
      case 'refused':
        this.#refusedBy(request, message as Refused)
        return
      case undeliveredKind:
        this.#undelivered(request, undeliveredReasonOf(message) ?? 'no-such-actor')
        return
      default:
        this.#end(request)
        if (request.partition < 0) request.resolve(message)
        else
          request.reject(
            errorOf(
              fault('internal', `a coordinator answered with ${JSON.stringify(message.kind.slice(0, 40))}, which is no reply`)
            )
          )
    }
  }

  delivered(): void {}

  /** The broker found nobody at `thread` for one of the batches of late. */
  unreachable(thread: ThreadAddress): void {
    const coordinator = this.#routes?.coordinator(thread)
    if (coordinator !== undefined) {
      coordinator.penalise(this.#clock.now())
      this.#stale('')
    }
    let flush = 0
    const pending: Request[] = []
    for (const request of this.#requests.values()) {
      if (request.to !== undefined) {
        if (!request.to.address.startsWith(`${thread}.`)) continue
        this.#end(request)
        request.reject(this.#unanswered(request, 'unavailable', `nobody listens at ${thread}: its host may be down`))
      } else if (coordinator !== undefined && request.coordinator === coordinator) {
        if (pending.length > 0 && request.flush !== flush) flush = -1
        else flush = request.flush
        pending.push(request)
      }
    }
    // Which batch found nobody isn't said. Where only one is out it was that one; else an earlier one may have arrived,
    // and a write in it may have been stored.
    const surelyNotDelivered = flush > 0
    for (const request of pending) {
      if (surelyNotDelivered || !request.isWrite) this.#again(request, false, 'unavailable', `nobody listens at ${thread}`)
    }
  }

  // ---- a request's way

  #ref<M extends Message>(correlation: number): Ref<M> {
    return { address: this.#self, correlation, incarnation: this.#incarnation }
  }

  #submit(correlation: number, message: GetRequest | PutRequest | DeleteRequest, timeoutMs: number): Promise<Answer> {
    const refusal = this.#refusal()
    if (refusal !== undefined) return Promise.reject(refusal)
    const routes = this.#routes
    if (routes === undefined) {
      return Promise.reject(errorOf(fault('unavailable', 'the ring is not known yet: wait for ready()', { outcome: 'refused' })))
    }
    const nowMs = this.#clock.now()
    const partition = partitionOf(positionOf(message.key), routes.view.partitions)
    const request = new Request(correlation, message, partition, nowMs + timeoutMs, timeoutMs)
    this.#requests.set(correlation, request)
    this.#attempt(request, nowMs, undefined)
    return request.promise
  }

  #refusal(): StoreError | undefined {
    if (this.#closed) return errorOf(fault('unavailable', 'the client is closed', { outcome: 'refused' }))
    if (this.#requests.size < this.#requestsMax) return undefined
    this.#refused += 1
    return errorOf(
      fault(
        'overloaded',
        `${this.#requests.size} requests are under way, the limit is ${this.#requestsMax}: wait for some of them before asking more`,
        {
          limit: this.#requestsMax,
          size: this.#requests.size,
          outcome: 'refused'
        }
      )
    )
  }

  #attempt(request: Request, nowMs: number, failed: Coordinator | undefined): void {
    const routes = this.#routes!
    const coordinator = routes.pick(request.partition, nowMs, request.isConditional, failed)
    if (coordinator === undefined) {
      this.#stale('')
      this.#again(request, false, 'unavailable', 'no host of the ring can be reached')
      return
    }
    request.coordinator = coordinator
    const leftMs = request.deadlineMs - nowMs
    this.#send(request, coordinator.to, leftMs)
  }

  #send(request: Request, to: Ref, leftMs: number): void {
    const envelope: Envelope = { to, lane: 'data', budgetMs: leftMs, traceparent: undefined, message: request.message }
    if (!this.#bus.send(envelope)) {
      this.#unsent(request)
      return
    }
    request.attempts += 1
    request.flush = this.#flushes
    this.#scheduleFlush()
    // An ask has nobody else to turn to.
    const patienceMs =
      request.to === undefined && !request.impatient ? Math.min(leftMs, request.timeoutMs * patienceShare) : leftMs
    this.#wait(request, request.deadlineMs - leftMs + patienceMs)
  }

  #unsent(request: Request): void {
    if (!this.#bus.connected) {
      this.#again(request, false, 'unavailable', 'there is no connection to the cluster')
      return
    }
    this.#end(request)
    this.#refused += 1
    const { message } = request
    const size = message.kind === 'put' ? (message as PutRequest).value.length : 0
    request.reject(
      errorOf(
        size > limits.pairBytesCeiling
          ? fault('too_large', `the value has ${size} bytes, the limit is ${limits.pairBytesCeiling}: store it in parts`, {
              limit: limits.pairBytesCeiling,
              size,
              outcome: 'refused'
            })
          : fault('overloaded', 'too many bytes wait for the server: send less, or more slowly', { outcome: 'refused' })
      )
    )
  }

  /** An attempt surely had no effect: make another one, a little later, as long as there is time and patience. */
  #again(request: Request, overloaded: boolean, code: 'overloaded' | 'unavailable', why: string): void {
    request.setbacks += 1
    const failed = request.coordinator
    request.coordinator = undefined
    const attemptsMax = overloaded ? overloadRetriesMax : setbacksMax
    const nowMs = this.#clock.now()
    // Where a coordinator is gone there are others, who need no rest.
    const delayMs = !overloaded && failed !== undefined && request.setbacks === 1 ? 0 : this.#delayMs(request.setbacks)
    // Without a connection the bus is trying to get one: that is worth all the time there is.
    const isHopeless = request.to !== undefined || (this.#bus.connected && request.setbacks > attemptsMax)
    if (isHopeless || nowMs + delayMs >= request.deadlineMs) {
      this.#end(request)
      request.reject(errorOf(this.#faultOf(request, code, `${why}: tried ${request.setbacks} times`, 'refused')))
      return
    }
    this.#retries += 1
    if (delayMs > 0) this.#wait(request, nowMs + delayMs)
    else this.#attempt(request, nowMs, failed)
  }

  #delayMs(setbacks: number): number {
    return retryDelayMs * 2 ** Math.min(setbacks, 6) * (0.5 + this.#random() / 2)
  }

  #wait(request: Request, dueMs: number): void {
    this.#wheel.remove(request)
    this.#wheel.add(request, dueMs)
  }

  #end(request: Request): void {
    this.#requests.delete(request.correlation)
    this.#wheel.remove(request)
  }

  /** The wheel's: the deadline, the time of the next attempt, or the end of patience. */
  #due(request: Request): void {
    const nowMs = this.#clock.now()
    const { coordinator } = request
    if (request.deadlineMs <= nowMs) {
      coordinator?.penalise(nowMs)
      this.#timeouts += 1
      this.#end(request)
      request.reject(this.#unanswered(request, 'timeout', `no answer within ${request.timeoutMs} ms${this.#where(request)}`))
    } else if (coordinator === undefined && request.to === undefined) {
      this.#attempt(request, nowMs, undefined)
    } else {
      request.impatient = true
      coordinator?.penalise(nowMs)
      if (request.isWrite) {
        this.#wait(request, request.deadlineMs)
      } else {
        // Whichever of the two answers first is right.
        this.#hedges += 1
        this.#attempt(request, nowMs, coordinator)
      }
    }
  }

  #refusedBy(request: Request, { fault: why, epoch }: Refused): void {
    if (request.partition >= 0 && epoch !== this.#routes?.view.epoch) this.#stale(epoch)
    const overloaded = why.code === 'overloaded' && why.outcome !== 'indeterminate'
    // The coordinator knows no ring yet, or another one than the owner.
    const unavailable = why.code === 'unavailable' && why.outcome === 'refused'
    if (request.partition >= 0 && request.setbacks < overloadRetriesMax && (overloaded || unavailable)) {
      this.#again(request, overloaded, overloaded ? 'overloaded' : 'unavailable', why.detail)
      return
    }
    this.#end(request)
    request.reject(errorOf(why))
  }

  #undelivered(request: Request, reason: UndeliveredReason): void {
    if (reason === 'expired') {
      this.#timeouts += 1
      this.#end(request)
      request.reject(
        errorOf(
          this.#faultOf(
            request,
            'timeout',
            `it arrived after its deadline of ${request.timeoutMs} ms${this.#where(request)}`,
            'refused'
          )
        )
      )
    } else if (reason === 'overloaded') {
      this.#again(request, true, 'overloaded', `the coordinator is overloaded${this.#where(request)}`)
    } else {
      request.coordinator?.penalise(this.#clock.now())
      this.#again(request, false, 'unavailable', `there is no such actor${this.#where(request)} (${reason})`)
    }
  }

  #where(request: Request): string {
    const at = request.coordinator?.thread ?? request.to?.address
    return at === undefined ? '' : ` from ${at}`
  }

  /** The request ends without an answer: a write that was sent may have been stored. */
  #unanswered(request: Request, code: 'timeout' | 'unavailable', why: string): StoreError {
    const mayBeStored = request.isWrite && request.coordinator !== undefined
    return errorOf(
      this.#faultOf(
        request,
        code,
        mayBeStored ? `${why}: some replica may hold the write` : why,
        mayBeStored ? 'indeterminate' : 'refused'
      )
    )
  }

  #faultOf(request: Request, code: 'timeout' | 'unavailable' | 'overloaded', why: string, outcome: 'refused' | 'indeterminate') {
    return request.isWrite
      ? fault(code, `${request.message.kind}: ${why}`, { outcome })
      : fault(code, `${request.message.kind}: ${why}`)
  }

  /** @param epoch what a coordinator said; '' where the ring is in doubt for another reason */
  #stale(epoch: string): void {
    if (this.#onStale === undefined) return
    const nowMs = this.#clock.now()
    if (nowMs - this.#staleAtMs < this.#staleIntervalMs) return
    if (epoch !== '' && epoch === this.#routes?.view.epoch) return
    this.#staleAtMs = nowMs
    this.#staleIntervalMs = Math.min(Math.max(this.#staleIntervalMs * 2, staleIntervalMsMin), staleIntervalMsMax)
    this.#onStale()
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    this.#clock.defer(this.#flush)
  }

  #flushNow(): void {
    this.#flushScheduled = false
    this.#flushes += 1
    this.#bus.flush()
  }
}
