import type { PutRequest, Refused } from '../../actors/coordinator/coordinator-protocol.ts'
import type { Bus, Envelope, Ref, ThreadAddress, UndeliveredReason } from '../../bus/bus.ts'
import { type Fault, fault, type FaultCode } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import type { Clock } from '../../runtime/clock.ts'
import { IdTable } from '../../runtime/id-table.ts'
import { DeadlineWheel } from './deadline-wheel.ts'
import { errorOf } from './errors.ts'
import { unanswered, whereOf, withoutEffect } from './request-fault.ts'
import type { Answer, Request } from './request.ts'
import type { Coordinator, Routes } from './routes.ts'
import type { StaleRing } from './stale-ring.ts'

/** Attempts that a request may have that were surely without effect. */
const setbacksMax = 4
/** Of these, refusals by a coordinator: who is overloaded is not helped by more requests. */
const refusalsMax = 2
const troublesOfOneHost: readonly FaultCode[] = ['storage_full', 'storage_failed', 'corrupt_record']
/** First wait before the next attempt, doubled each time, at random between half of it and all. */
const retryDelayMs = 8
/** A coordinator that has not answered within this share of the timeout is slow. */
const patienceShare = 0.25
/** Further coordinators that a get is asked of since the ones before are slow. */
const hedgesMax = 3

export interface AttemptsOptions {
  readonly bus: Bus
  readonly clock: Clock
  random(): number
  readonly stale: StaleRing
  /** A number that no request had before. */
  nextCorrelation(): number
}

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
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #random: () => number
  readonly #stale: StaleRing
  readonly #nextCorrelation: () => number
  readonly #wheel: DeadlineWheel<Request>
  readonly #flush = (): void => this.#flushNow()
  /** The number of the flush that comes next. */
  #flushes = 1
  #isFlushDue = false

  constructor(options: AttemptsOptions) {
    this.#bus = options.bus
    this.#clock = options.clock
    this.#random = options.random
    this.#stale = options.stale
    this.#nextCorrelation = () => options.nextCorrelation()
    this.#wheel = new DeadlineWheel<Request>(options.clock, request => this.#due(request))
  }

  /** @param request a store's, or one with `to` */
  begin(request: Request, nowMs: number): void {
    this.underWay.set(request.correlation, request)
    if (request.to === undefined) this.#attempt(request, nowMs, undefined)
    else this.#send(request, request.to, request.timeoutMs)
  }

  answer(request: Request, answer: Answer): void {
    this.#end(request)
    request.resolve(answer)
  }

  fail(request: Request, error: Error): void {
    this.#end(request)
    request.reject(error)
  }

  refusedBy(request: Request, { fault: why }: Refused): void {
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
    const pending: Request[] = []
    let isOneBatch = true
    for (const request of this.underWay.values()) {
      if (request.to !== undefined) {
        if (request.to.address.startsWith(`${thread}.`)) this.fail(request, unanswered(request, 'unavailable', why))
      } else if (coordinator !== undefined && request.coordinator === coordinator) {
        if (pending.length > 0 && request.flush !== pending[0]!.flush) isOneBatch = false
        pending.push(request)
      }
    }
    // Which batch found nobody isn't said. Where only one is out it was that one; else an earlier one may have arrived,
    // and a write in it may have been stored.
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
    this.flushSoon()
    // An ask has nobody else to turn to.
    const isWatched = request.to === undefined && request.slowness < (request.isWrite ? 1 : hedgesMax)
    const waitMs = isWatched ? Math.min(leftMs, request.timeoutMs * patienceShare) : leftMs
    this.#wait(request, request.deadlineMs - leftMs + waitMs)
  }

  #unsent(request: Request): void {
    if (!this.#bus.connected) {
      this.#again(request, 'unavailable', 'there is no connection to the cluster')
      return
    }
    this.refused += 1
    const size = request.message.kind === 'put' ? (request.message as PutRequest).value.length : 0
    const limit = limits.pairBytesCeiling
    this.fail(
      request,
      errorOf(
        size > limit
          ? fault('too_large', `the value has ${size} bytes, the limit is ${limit}: store it in parts`, {
              limit,
              size,
              outcome: 'refused'
            })
          : fault('overloaded', 'too many bytes wait for the server: send less, or more slowly', { outcome: 'refused' })
      )
    )
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
    if (!request.isWrite) return
    this.underWay.delete(request.correlation)
    request.renumber(this.#nextCorrelation())
    this.underWay.set(request.correlation, request)
  }

  /** An attempt surely had no effect: make another one, a little later, as long as there is time and patience. */
  #again(request: Request, code: 'overloaded' | 'unavailable', why: string): void {
    request.setbacks += 1
    const failed = request.coordinator
    request.coordinator = undefined
    const nowMs = this.#clock.now()
    // Where a coordinator is gone there are others, who need no rest.
    const delayMs = code === 'unavailable' && failed !== undefined && request.setbacks === 1 ? 0 : this.#delayMs(request.setbacks)
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

  #delayMs(setbacks: number): number {
    return retryDelayMs * 2 ** Math.min(setbacks, 6) * (0.5 + this.#random() / 2)
  }

  /** The wheel's: the deadline, the time of the next attempt, or the end of patience. */
  #due(request: Request): void {
    const nowMs = this.#clock.now()
    const { coordinator } = request
    if (request.deadlineMs <= nowMs) {
      coordinator?.penalise(nowMs)
      this.timeouts += 1
      this.fail(request, unanswered(request, 'timeout', `no answer within ${request.timeoutMs} ms${whereOf(request)}`))
    } else if (coordinator === undefined && request.to === undefined) {
      this.#attempt(request, nowMs, undefined)
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

  #wait(request: Request, dueMs: number): void {
    this.#wheel.remove(request)
    this.#wheel.add(request, dueMs)
  }

  #end(request: Request): void {
    this.underWay.delete(request.correlation)
    this.#wheel.remove(request)
  }

  #flushNow(): void {
    this.#isFlushDue = false
    this.#flushes += 1
    this.#bus.flush()
  }
}

/** Milliseconds after which to try again, as a coordinator said; 0: it did not. */
function toldBy({ retryAfterMs }: Fault): number {
  return typeof retryAfterMs === 'number' && retryAfterMs > 0 ? retryAfterMs : 0
}
