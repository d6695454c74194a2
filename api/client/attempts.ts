import type { GetRequest, Got, PutRequest, QuorumOptions, Refused } from '../../actors/coordinator/coordinator-protocol.ts'
import type { Acked, Coordinated } from '../../actors/vnode/ack-protocol.ts'
import type { Peeked } from '../../actors/vnode/peek-protocol.ts'
import type { Bus, Envelope, Ref, ThreadAddress, UndeliveredReason } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Clock } from '../../runtime/clock.ts'
import { IdTable } from '../../runtime/id-table.ts'
import type { AttemptsOptions } from './attempts-options.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import { DirectPut, DirectPuts } from './direct-puts.ts'
import { type DirectRead, DirectReads } from './direct-reads.ts'
import { errorOf } from './errors.ts'
import { notTaken, unanswered, whereOf, withoutEffect } from './request-fault.ts'
import type { Answer, Request } from './request.ts'
import { delayMsOf, hedgesMax, patienceShare, refusalsMax, setbacksMax, toldBy, troublesOfOneHost } from './retry-terms.ts'
import type { Coordinator, Routes } from './routes.ts'
import { copyOf, SharedReads } from './shared-reads.ts'
import type { StaleRing } from './stale-ring.ts'
import { unreachedOf } from './unreached.ts'

/**
 * The requests under way: sends each to a coordinator, and again where that surely had no effect, until it is answered or its time is up.
 * A write whose fate is unknown is never sent twice.
 */
export class Attempts {
  /** By correlation. */
  readonly underWay = new IdTable<Request>()
  routes: Routes | undefined = undefined
  retries = 0
  hedges = 0
  timeouts = 0
  refused = 0
  /** Gets that owners answered without a coordinator. */
  direct = 0
  /** Puts whose acknowledgements were counted here. */
  counted = 0
  recalls = 0
  /** Gets that were answered with another one of their key. */
  shared = 0
  readonly #direct: DirectReads | undefined
  readonly #shared = new SharedReads<Request>()
  readonly #counting: DirectPuts | undefined
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #random: () => number
  readonly #stale: StaleRing
  readonly #nextCorrelation: () => number
  readonly #wheel: DeadlineWheel<Request>
  readonly #flush = (): void => {
    this.#isFlushDue = false
    this.#flushes += 1
    this.#bus.flush()
  }
  /** The number of the flush that comes next. */
  #flushes = 1
  #isFlushDue = false

  constructor(options: AttemptsOptions) {
    this.#bus = options.bus
    this.#clock = options.clock
    this.#random = options.random
    this.#stale = options.stale
    this.#nextCorrelation = () => options.nextCorrelation()
    this.#direct = options.asksOwners ? new DirectReads(options.random) : undefined
    this.#counting = options.countsAcks ? new DirectPuts() : undefined
    this.#wheel = new DeadlineWheel<Request>(options.clock, request => this.#due(request))
  }

  /** @param request a store's, or one with `to` */
  begin(request: Request, nowMs: number): void {
    this.underWay.set(request.correlation, request)
    if (request.to !== undefined) this.#send(request, request.to, request.timeoutMs)
    else if (request.message.kind !== 'get') this.#attempt(request, nowMs, undefined)
    else if (this.#direct === undefined || !this.#shared.waits(request)) this.#read(request, nowMs)
    else this.#wait(request, Math.min(request.deadlineMs, nowMs + this.#direct.patienceMs))
  }

  #read(request: Request, nowMs: number): void {
    for (const follower of request.followers ?? []) this.#wait(follower, follower.deadlineMs)
    if (!this.#askOwners(request, nowMs)) this.#attempt(request, nowMs, undefined)
  }

  /** Whether the acknowledgements of this put are to be counted here. */
  counts(put: Pick<PutRequest, 'mode' | 'ifMatch'>, options: QuorumOptions): boolean {
    return this.#counting?.takes(put, options, this.underWay.size, this.#clock.now()) === true
  }

  answer(request: Request, answer: Answer): void {
    if (request.isRecalled && answer.kind === 'written') this.#counting?.lost(this.#clock.now())
    this.#end(request)
    request.resolve(answer)
    if (request.lane !== undefined) this.#readEnded(request, answer)
  }

  fail(request: Request, error: Error): void {
    this.#end(request)
    request.reject(error)
    if (request.lane !== undefined) this.#readEnded(request, undefined)
  }

  /** Whoever shares the read has its answer, or reads for itself; then it is the turn of those that wait. */
  #readEnded(request: Request, answer: Answer | undefined): void {
    const nowMs = this.#clock.now()
    for (const follower of request.followers ?? []) {
      if (this.underWay.get(follower.correlation) !== follower) continue
      if (answer === undefined) this.#read(follower, nowMs)
      else {
        this.shared += 1
        this.answer(follower, copyOf(answer as Got))
      }
    }
    const next = this.#shared.ended(request)
    if (next !== undefined) this.#read(next, nowMs)
  }

  /** What one of the owners holds. */
  peeked(request: Request, answer: Peeked): void {
    const { direct } = request
    if (direct === undefined) return
    const outcome = direct.came(answer)
    if (outcome === 'waiting') return
    if (outcome === 'too-few') this.#direct?.learn(request.message as GetRequest, answer)
    if (outcome !== 'agreed') return this.#askCoordinator(request)
    this.direct += 1
    // One that took long was counted when it was found slow.
    if (request.slowness === 0) this.#direct?.ended(direct, this.#clock.now())
    request.slowness = 0
    this.answer(request, direct.got())
  }

  /** An owner has what a put wrote. */
  acked(request: Request, ack: Acked | Coordinated): void {
    if (!request.isCounting) return
    const written = (request.acks ??= new DirectPut()).came(ack)
    if (written === undefined) return
    this.counted += 1
    request.isRecalled = false
    this.#counting?.ended(this.#clock.now() - request.deadlineMs + request.timeoutMs)
    this.answer(request, written)
  }

  refusedBy(request: Request, { fault: why }: Refused): void {
    if (request.direct !== undefined && why.code === 'unavailable') return this.#askCoordinator(request)
    if (request.direct !== undefined) this.#giveUpOwners(request)
    const overloaded = why.code === 'overloaded' && why.outcome !== 'indeterminate'
    // The coordinator knows no ring yet, or another one than the owner.
    const unavailable = why.code === 'unavailable' && why.outcome === 'refused'
    // Its own disk does not take it, or has it damaged: another owner's may.
    const isOfThatHost = why.outcome === 'refused' && troublesOfOneHost.includes(why.code)
    if (isOfThatHost) request.coordinator?.penalise(this.#clock.now())
    const retryAfterMs = toldBy(why)
    const hasToWait = retryAfterMs > 0 && (overloaded || why.code === 'rate_limited')
    if (request.to === undefined && request.setbacks < refusalsMax && hasToWait) {
      this.#later(request, why, retryAfterMs)
    } else if (request.to === undefined && request.setbacks < refusalsMax && (overloaded || unavailable || isOfThatHost)) {
      this.#again(request, overloaded ? 'overloaded' : 'unavailable', why.detail)
    } else {
      this.fail(request, errorOf(why))
    }
  }

  undelivered(request: Request, reason: UndeliveredReason): void {
    if (request.direct !== undefined) return this.#askCoordinator(request)
    // Of a message that came twice, once to somewhere it was not taken.
    if (request.acks !== undefined) return
    if (reason === 'expired') {
      this.timeouts += 1
      this.fail(
        request,
        withoutEffect(request, 'timeout', `it arrived after its time of ${request.timeoutMs} ms${whereOf(request)}`)
      )
    } else if (reason === 'overloaded') {
      this.#again(request, 'overloaded', `too much waits there already${whereOf(request)}`)
    } else {
      request.coordinator?.penalise(this.#clock.now())
      this.#again(request, 'unavailable', `there is no such actor${whereOf(request)} (${reason})`)
    }
  }

  /** The broker found nobody at `thread` for one of the batches of late. */
  unreachable(thread: ThreadAddress): void {
    const nowMs = this.#clock.now()
    const coordinator = this.routes?.coordinator(thread)
    if (coordinator !== undefined) {
      coordinator.penalise(nowMs)
      this.#stale.doubted(nowMs)
    }
    const why = `nobody listens at ${thread}: its host may be down`
    const { asks, direct, pending, isOneBatch } = unreachedOf(this.underWay.values(), thread, coordinator)
    for (const request of asks) this.fail(request, unanswered(request, 'unavailable', why))
    for (const request of direct) this.#askCoordinator(request)
    for (const request of pending) if (isOneBatch || !request.isWrite) this.#again(request, 'unavailable', why)
  }

  /** Let what is queued leave at the end of this turn of the event loop. */
  flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.#clock.defer(this.#flush)
  }

  close(): void {
    this.#wheel.close()
    for (const request of this.underWay.values()) {
      request.reject(unanswered(request, 'unavailable', 'the client was closed before the answer came'))
    }
    this.underWay.clear()
  }

  /** @returns false where a coordinator is to be asked */
  #askOwners(request: Request, nowMs: number): boolean {
    const message = request.message as GetRequest
    if (this.#direct === undefined || this.routes === undefined) return false
    const read = this.#direct.begin(message, this.routes, request.partition, nowMs)
    if (read === undefined) return false
    request.direct = read
    for (let slot = 0; slot < read.owners.length; slot++) {
      if (this.#peek(request, read, slot, slot > 0)) continue
      this.#giveUpOwners(request)
      return false
    }
    this.#wait(request, Math.min(request.deadlineMs, nowMs + this.#direct.patienceMs))
    return true
  }

  #peek(request: Request, read: DirectRead, slot: number, isDigest: boolean): boolean {
    const { to } = read.owners[slot]!
    const message = this.#direct!.peekOf(read, slot, isDigest, request.message as GetRequest)
    this.flushSoon()
    read.owners[slot]!.lastFlush = this.#flushes
    return this.#bus.send({ to, lane: 'data', budgetMs: request.timeoutMs, traceparent: undefined, message })
  }

  /** Owners are slow: ask one more what it holds; after a while a coordinator. */
  #ownersAreSlow(request: Request, read: DirectRead, nowMs: number): void {
    const patienceMs = read.startedMs + request.timeoutMs * patienceShare
    if (nowMs >= patienceMs) return this.#askCoordinator(request)
    request.slowness = 1
    const another = this.routes?.anotherOwner(request.partition, read.owners)
    if (another !== undefined) {
      this.hedges += 1
      read.owners.push(another)
      this.#peek(request, read, read.owners.length - 1, false)
    }
    this.#wait(request, Math.min(request.deadlineMs, patienceMs))
  }

  /** What owners still answer is for nobody. */
  #giveUpOwners(request: Request): void {
    if (request.direct === undefined) return
    request.direct = undefined
    request.slowness = 0
    this.#renumber(request)
  }

  #askCoordinator(request: Request): void {
    this.#giveUpOwners(request)
    this.#attempt(request, this.#clock.now(), undefined)
  }

  #renumber(request: Request): void {
    this.underWay.delete(request.correlation)
    request.renumber(this.#nextCorrelation())
    this.underWay.set(request.correlation, request)
  }

  #attempt(request: Request, nowMs: number, failed: Coordinator | undefined): void {
    const coordinator = this.routes?.pick(request.partition, nowMs, request.isConditional, failed)
    if (coordinator === undefined) {
      this.#stale.doubted(nowMs)
      this.#again(request, 'unavailable', 'no host of the ring can be reached')
      return
    }
    request.coordinator = coordinator
    this.#send(request, coordinator.to, request.deadlineMs - nowMs)
  }

  #send(request: Request, to: Ref, leftMs: number): void {
    const envelope: Envelope = { to, lane: 'data', budgetMs: leftMs, traceparent: undefined, message: request.message }
    if (!this.#bus.send(envelope)) {
      this.#unsent(request)
      return
    }
    request.flush = this.#flushes
    if (request.coordinator !== undefined) request.coordinator.lastFlush = this.#flushes
    this.flushSoon()
    // An ask has nobody else to turn to.
    const isWatched = request.to === undefined && request.slowness < (request.isWrite ? 1 : hedgesMax)
    let waitMs = isWatched ? Math.min(leftMs, request.timeoutMs * patienceShare) : leftMs
    if (request.isCounting) waitMs = Math.min(waitMs, this.#counting?.patienceMs ?? waitMs)
    this.#wait(request, request.deadlineMs - leftMs + waitMs)
  }

  #unsent(request: Request): void {
    if (!this.#bus.connected) return this.#again(request, 'unavailable', 'there is no connection to the cluster')
    this.refused += 1
    this.fail(request, notTaken(request))
  }

  /** Who refused it said when to come again: not before, and later each time; at once the error where that is too late. */
  #later(request: Request, why: Fault, retryAfterMs: number): void {
    const nowMs = this.#clock.now()
    const delayMs = retryAfterMs * 2 ** request.setbacks * (1 + this.#random())
    if (nowMs + delayMs >= request.deadlineMs) {
      this.fail(request, errorOf(why))
      return
    }
    request.setbacks += 1
    request.coordinator = undefined
    // Where there is too much to do, nobody else is asked besides.
    request.slowness = hedgesMax
    this.#anew(request)
    this.#wait(request, nowMs + delayMs)
  }

  /** Another attempt will be made. */
  #anew(request: Request): void {
    this.retries += 1
    if (request.isWrite) this.#renumber(request)
  }

  /** An attempt surely had no effect: make another one, a little later, as long as there is time and patience. */
  #again(request: Request, code: 'overloaded' | 'unavailable', why: string): void {
    request.setbacks += 1
    const failed = request.coordinator
    request.coordinator = undefined
    const nowMs = this.#clock.now()
    // Where a coordinator is gone there are others, who need no rest.
    const delayMs =
      code === 'unavailable' && failed !== undefined && request.setbacks === 1 ? 0 : delayMsOf(request.setbacks, this.#random())
    // Without a connection the bus is trying to get one: that is worth all the time there is.
    const isEnough = this.#bus.connected && request.setbacks > (code === 'overloaded' ? refusalsMax : setbacksMax)
    if (request.to !== undefined || isEnough || nowMs + delayMs >= request.deadlineMs) {
      this.fail(request, withoutEffect(request, code, `${why}: tried ${request.setbacks} times`))
      return
    }
    this.#anew(request)
    if (delayMs > 0) this.#wait(request, nowMs + delayMs)
    else this.#attempt(request, nowMs, failed)
  }

  /** The wheel's: the deadline, the time of the next attempt, or the end of patience. */
  #due(request: Request): void {
    // It may have ended with another that was due.
    if (this.underWay.get(request.correlation) !== request) return
    const nowMs = this.#clock.now()
    const { coordinator } = request
    if (request.deadlineMs <= nowMs) {
      coordinator?.penalise(nowMs)
      this.timeouts += 1
      this.fail(request, unanswered(request, 'timeout', `no answer within ${request.timeoutMs} ms${whereOf(request)}`))
    } else if (request.isWaiting) {
      // Those that are under way take long: one more, for all that wait.
      this.#read(this.#shared.next(request.lane!)!, nowMs)
    } else if (request.direct !== undefined) {
      if (request.slowness === 0) this.#direct?.ended(request.direct, nowMs)
      this.#ownersAreSlow(request, request.direct, nowMs)
    } else if (coordinator === undefined && request.to === undefined) {
      this.#attempt(request, nowMs, undefined)
    } else if (request.isCounting && !request.isRecalled && coordinator !== undefined) {
      this.#recall(request, coordinator, nowMs)
    } else {
      request.slowness += 1
      coordinator?.penalise(nowMs)
      if (request.isWrite) {
        this.#wait(request, request.deadlineMs)
      } else {
        // Whichever of the two answers first is right.
        this.hedges += 1
        this.#attempt(request, nowMs, coordinator)
      }
    }
  }

  /** Too few acknowledgements have come: what does the coordinator say? */
  #recall(request: Request, { to }: Coordinator, nowMs: number): void {
    request.isRecalled = true
    this.recalls += 1
    this.#counting?.late()
    const { message, deadlineMs, timeoutMs } = request
    const replyTo = { ...(message as PutRequest).replyTo, correlation: this.#nextCorrelation() }
    const recall = { kind: 'recall', put: request.correlation, replyTo }
    request.coordinator!.lastFlush = this.#flushes
    this.flushSoon()
    this.#bus.send({ to, lane: 'data', budgetMs: deadlineMs - nowMs, traceparent: undefined, message: recall })
    this.#wait(request, Math.max(nowMs + 1, deadlineMs - timeoutMs * (1 - patienceShare)))
  }

  #wait(request: Request, dueMs: number): void {
    this.#wheel.remove(request)
    this.#wheel.add(request, dueMs)
  }

  #end(request: Request): void {
    this.underWay.delete(request.correlation)
    this.#wheel.remove(request)
  }
}
