import { limits } from './limits.ts'

/** When requests have waited too long for more of them to be taken, in milliseconds. */
export interface AdmissionTerms {
  /** A wait that is no trouble: what has waited less is always taken. */
  readonly targetMs: number
  /** A burst may wait for longer than the target, if for no longer than this. */
  readonly burstMs: number
  /** What has waited so long is refused without further thought. */
  readonly waitMsMax: number
  /** So long after a refusal the next wait over the target is no burst any more, but more of the same. */
  readonly alertMs: number
}

/** The terms of a host's own queues. */
export const admissionTerms: AdmissionTerms = Object.freeze({
  targetMs: limits.admissionTargetMs,
  burstMs: limits.admissionBurstMs,
  waitMsMax: limits.admissionWaitMsMax,
  alertMs: limits.admissionAlertMs
})

/**
 * Whether to take a request, by how long it has waited. A queue that empties now and then is a burst, and is served; one that
 * no request has passed in less than the target for a while is a standing one: whoever waits in it adds nothing but delay. Then what has
 * waited for longer than the target is refused, which costs little, until the queue is shorter: so the server is never idle,
 * those that it takes have waited for the target at most, and the others hear so about as soon.
 * @see Nichols, Jacobson: Controlling Queue Delay (ACM Queue, 2012); Maurer: Fail at Scale (ACM Queue, 2015)
 */
export class Admission {
  readonly #terms: AdmissionTerms
  /** Since when no request has waited for less than the target; Infinity: the last one did. */
  #standingSinceMs = Number.POSITIVE_INFINITY
  #lastMs = Number.NEGATIVE_INFINITY
  #alertUntilMs = Number.NEGATIVE_INFINITY

  constructor(terms: AdmissionTerms) {
    this.#terms = terms
  }

  /**
   * @param waitedMs how long the request has waited
   * @param nowMs never less than before
   */
  takes(waitedMs: number, nowMs: number): boolean {
    const { targetMs, burstMs, waitMsMax, alertMs } = this.#terms
    // Nobody came for so long: there was no queue to stand in.
    if (nowMs - this.#lastMs > burstMs) this.#standingSinceMs = Number.POSITIVE_INFINITY
    this.#lastMs = nowMs
    if (waitedMs < targetMs) {
      this.#standingSinceMs = Number.POSITIVE_INFINITY
      return true
    }
    if (this.#standingSinceMs > nowMs) this.#standingSinceMs = nowMs
    const isBurst = waitedMs < waitMsMax && nowMs >= this.#alertUntilMs && nowMs - this.#standingSinceMs < burstMs
    if (!isBurst) this.#alertUntilMs = nowMs + alertMs
    return isBurst
  }

  /** Whether waits over the target are refused at once. */
  isAlert(nowMs: number): boolean {
    return nowMs < this.#alertUntilMs
  }
}
