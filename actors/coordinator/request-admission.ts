import { Admission, admissionTerms } from '../../model/admission.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { bucketOf } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { QueueWait } from '../../model/queue-wait.ts'
import { RateLimits } from '../../model/rate-limits.ts'
import type { Context } from '../../runtime/actor.ts'
import { bucketsMax } from '../ring/bucket-table.ts'
import type { CoordinatorMessage, PeekRequest, StoreRequest } from './coordinator-protocol.ts'

/** Marks on their way through the mailbox: one a tick, so that they reach back beyond the longest wait that counts. */
const marksMax = 64
const retryAfterMs = limits.overloadRetryMs

const waitedTooLong = fault(
  'overloaded',
  'the coordinator has more to do than it can: requests wait too long, so this one was refused at once. Try again, more slowly',
  { outcome: 'refused', retryAfterMs }
)
const tooMany = fault(
  'overloaded',
  `the coordinator has ${limits.coordinatorRequestsMax} requests under way: try again, more slowly`,
  { outcome: 'refused', limit: limits.coordinatorRequestsMax, retryAfterMs }
)
const tooManyBytes = fault(
  'overloaded',
  `the writes that the coordinator has under way hold ${limits.coordinatorBytesMax} bytes: try again, more slowly`,
  { outcome: 'refused', limit: limits.coordinatorBytesMax, retryAfterMs }
)
for (const each of [waitedTooLong, tooMany, tooManyBytes]) Object.freeze(each)

type AdmissionContext = Context<CoordinatorMessage>

/** What the coordinator has under way. */
interface Load {
  readonly operations: { readonly size: number }
  readonly unanswered: number
  readonly bytes: number
  /** Data threads of this host: each has its share of a rate. */
  readonly threads: number
}

/**
 * What a coordinator takes on. Its mailbox has one queue, in which requests wait among the replies that end others: once requests wait
 * for too long there, the excess is refused, see `Admission`. Replies of replicas are always handled, and what replicas are asked to do
 * waits in their own mailboxes.
 */
export class RequestAdmission {
  readonly #wait = new QueueWait(marksMax)
  readonly #admission = new Admission(admissionTerms)
  readonly #rates = new RateLimits(bucketsMax)

  /** Whether a mark is under way: then a tick has to follow, lest one that was lost be taken for a long wait. */
  get isMeasuring(): boolean {
    return this.#wait.underWay > 0
  }

  /** How long what the mailbox gives now has waited there, to ten milliseconds. */
  waitedMs(nowMs: number): number {
    return this.#wait.waitedMs(nowMs)
  }

  /** Once a tick. */
  measure(nowMs: number, context: AdmissionContext): void {
    if (this.#wait.underWay === 0) this.#admission.takes(0, nowMs)
    if (!this.#wait.wantsMark) return
    this.#wait.put(nowMs)
    const mark: CoordinatorMessage = { kind: 'mark', putAtMs: nowMs }
    context.send(context.self, mark)
  }

  marked(putAtMs: number): void {
    this.#wait.came(putAtMs)
  }

  /** Before anything is done for a request. @returns why not; undefined: go on */
  late(context: AdmissionContext): Fault | undefined {
    // The usual case, without a look at the clock: the mark of the last tick has come through, or is the only one.
    if (this.#wait.underWay < 2) return undefined
    const nowMs = context.now()
    return this.#admission.takes(this.#wait.waitedMs(nowMs), nowMs) ? undefined : waitedTooLong
  }

  /**
   * Of a request that is this coordinator's to serve.
   * @param rate requests a second that the host takes for the bucket; 0: no limit
   * @returns why not; undefined: go on
   */
  excess(request: StoreRequest | PeekRequest, rate: number, load: Load, context: AdmissionContext): Fault | undefined {
    if (rate > 0) {
      const bucket = bucketOf(request.key)
      const waitMs = this.#rates.take(bucket, rate / load.threads, context.now())
      if (waitMs > 0) {
        const detail = `bucket ${bucket} takes ${rate} requests a second at each host: try again in ${waitMs} ms`
        return fault('rate_limited', detail, { limit: rate, retryAfterMs: waitMs, outcome: 'refused' })
      }
    }
    if (load.unanswered >= limits.coordinatorRequestsMax || load.operations.size >= limits.coordinatorOperationsMax)
      return tooMany
    return load.bytes >= limits.coordinatorBytesMax && request.kind === 'put' ? tooManyBytes : undefined
  }
}
