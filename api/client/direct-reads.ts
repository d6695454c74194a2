import type { GetRequest, Got, PeekRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import { ReplyTimes } from '../../actors/coordinator/reply-times.ts'
import type { Peeked } from '../../actors/vnode/peek-protocol.ts'
import { bucketOf } from '../../model/key.ts'
import { quorumOf } from '../../model/quorum.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import type { Coordinator, Routes } from './routes.ts'

/** One of so many gets goes to a coordinator all the same, which may ask every owner and mend a stale one. */
const coordinatedShare = 1 / 16
/** Buckets whose needs are remembered. */
const bucketsMax = 1024
/** Until times are known, so long owners may take before one more is asked. */
const usualMsAtFirst = 25
const ownersMax = 8

/** What came of an answer: nothing yet; all say the same; they do not, so that a coordinator has to merge and mend; too few were asked. */
type Outcome = 'waiting' | 'agreed' | 'differ' | 'too-few'

/** One get that the client asks the owners itself: the first for the record, further ones for its digest. */
export class DirectRead {
  readonly owners: Coordinator[]
  readonly epoch: string
  readonly startedMs: number
  /** Bits of the slots that have answered. */
  #answered = 0
  #answers = 0
  #record: Peeked | undefined
  /** What all say that have answered; undefined: nobody has. */
  #digest: number | undefined

  constructor(owners: Coordinator[], epoch: string, startedMs: number) {
    this.owners = owners
    this.epoch = epoch
    this.startedMs = startedMs
  }

  came(answer: Peeked): Outcome {
    const bit = 1 << answer.slot
    if (answer.slot >= this.owners.length || (this.#answered & bit) !== 0) return 'waiting'
    if (answer.needed > this.owners.length) return 'too-few'
    const { siblings } = answer
    const digest = siblings.length === 0 ? answer.digest : digestOf(siblings)
    this.#digest ??= digest
    if (digest !== this.#digest) return 'differ'
    this.#answered |= bit
    this.#answers++
    // One that holds nothing has said all.
    if (siblings.length > 0 || digest === 0) this.#record ??= answer
    return this.#answers >= answer.needed && this.#record !== undefined ? 'agreed' : 'waiting'
  }

  /** Where they agreed. */
  got(): Got {
    const { siblings, strength } = this.#record!
    return { kind: 'got', siblings, strength, answered: this.#answers, epoch: this.epoch, receipt: undefined }
  }
}

/**
 * Gets whose owners the client asks itself: half the way of one that a coordinator serves, and no work for it. As many owners as the
 * bucket's quorum wants have to say the same by one and the same ring; whatever else there is to a read (differences, repair, fallbacks,
 * an owner that was away, a receipt) is a coordinator's, who is asked then.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 6.4: client-driven coordination
 */
export class DirectReads {
  readonly #random: () => number
  readonly #times = new ReplyTimes(usualMsAtFirst)
  /** Owners that a get of the bucket asks where it says nothing. */
  readonly #needed = new Map<string, number>()

  constructor(random: () => number) {
    this.#random = random
  }

  /** After so long one more owner is asked. */
  get patienceMs(): number {
    return this.#times.hedgeMs
  }

  /** @returns undefined where a coordinator is to be asked */
  begin({ key, options }: GetRequest, routes: Routes, partition: number, nowMs: number): DirectRead | undefined {
    const { level, primaries, durable, receipt } = options
    if (receipt === true || primaries !== undefined || durable !== undefined) return undefined
    if (level !== undefined && level !== 'one') return undefined
    const needed = options.replicas ?? (level === 'one' ? 1 : (this.#needed.get(bucketOf(key)) ?? quorumOf(routes.view.replicas)))
    if (needed < 1 || needed > ownersMax || this.#random() < coordinatedShare) return undefined
    const owners = routes.owners(partition, needed)
    return owners === undefined ? undefined : new DirectRead(owners, routes.view.epoch, nowMs)
  }

  /** What the owner of this slot is asked. */
  peekOf(read: DirectRead, slot: number, isDigest: boolean, { key, options, replyTo }: GetRequest): PeekRequest {
    return { kind: 'peek', key, options, slot, isDigest, epoch: read.epoch, replyTo: replyTo as never }
  }

  /** The bucket wants more owners than were asked. */
  learn({ key, options }: GetRequest, { needed }: Peeked): void {
    if (options.replicas !== undefined || options.level !== undefined) return
    if (this.#needed.size >= bucketsMax) this.#needed.clear()
    this.#needed.set(bucketOf(key), needed)
  }

  ended(read: DirectRead, nowMs: number): void {
    this.#times.record(nowMs - read.startedMs)
  }
}
