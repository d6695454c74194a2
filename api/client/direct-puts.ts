import type { PutRequest, QuorumOptions, Written } from '../../actors/coordinator/coordinator-protocol.ts'
import { ReplyTimes } from '../../actors/coordinator/reply-times.ts'
import type { Acked, Coordinated } from '../../actors/vnode/ack-protocol.ts'
import { Quorum } from '../../model/quorum.ts'

/** With more requests under way the client leaves it to coordinators: three messages for each put then cost more than they save. */
export const inFlightMax = 8
/** Until times are known, so long a put may take before its coordinator is asked what became of it. */
const usualMsAtFirst = 25
/** So often the usual time a put may take, and at least so many milliseconds. */
const patience = 4
const patienceMsMin = 50
/** So many puts in a row whose acknowledgements did not arrive although they were stored: it is not that they were late. */
const lossesMax = 3
/** So long the coordinators are to answer then. */
const restMs = 10_000
const slotsMax = 31

/** The acknowledgements of one put that the client counts by itself. */
export class DirectPut {
  /** Bits of the slots that have acknowledged. */
  #slots = 0
  #answers = 0
  #coordinated: Coordinated | undefined
  #quorum: Quorum | undefined

  /** @returns the answer to the put, once as many owners have it as are needed */
  came(ack: Acked | Coordinated): Written | undefined {
    const bit = 1 << ack.slot
    if (ack.slot >= slotsMax || (this.#slots & bit) !== 0) return undefined
    this.#slots |= bit
    this.#answers++
    if (ack.kind === 'coordinated') this.#begin(ack)
    else this.#quorum?.acknowledged(true, false)
    if (this.#coordinated === undefined || this.#quorum?.verdict !== 'met') return undefined
    const { context, strength, epoch } = this.#coordinated
    return { kind: 'written', context, strength, answered: this.#answers, epoch, receipt: undefined }
  }

  /** The owner that minted says what there is to count; others may have been faster. */
  #begin(ack: Coordinated): void {
    const { needed, asked } = ack
    if (needed < 1 || needed > asked || this.#answers > asked) return
    this.#coordinated = ack
    this.#quorum = new Quorum({ n: asked, needed, primariesNeeded: 0, durableNeeded: 0, asked })
    for (let counted = 0; counted < this.#answers; counted++) this.#quorum.acknowledged(true, false)
  }
}

/**
 * Puts whose acknowledgements the client counts by itself: a coordinator mints, all owners tell the client that they have it, three messages one after the other
 * instead of four. What such a put comes to is what the coordinator would have said: so many owners of one ring have it. Whatever else there is to a put
 * (owners away, fallbacks, moving partitions, refusals, a receipt) the coordinator answers.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 6.4: client-driven coordination
 */
export class DirectPuts {
  readonly #times = new ReplyTimes(usualMsAtFirst)
  #restsUntilMs = 0
  #losses = 0

  /** Whether to count for this put. */
  takes(
    { mode, ifMatch }: Pick<PutRequest, 'mode' | 'ifMatch'>,
    options: QuorumOptions,
    inFlight: number,
    nowMs: number
  ): boolean {
    if (inFlight >= inFlightMax || nowMs < this.#restsUntilMs || mode !== 'put' || ifMatch !== '' || options.receipt === true)
      return false
    return options.level === undefined || options.level === 'quorum' || options.level === 'all'
  }

  /** After so long the coordinator is asked. */
  get patienceMs(): number {
    return Math.max(patienceMsMin, patience * this.#times.usualMs)
  }

  ended(tookMs: number): void {
    this.#losses = 0
    this.#times.record(tookMs)
  }

  /** The coordinator is asked. */
  late(): void {
    this.#times.record(this.patienceMs)
  }

  /** The coordinator said that a put is stored, after it was asked: what owners tell does not get here, or very late. */
  lost(nowMs: number): void {
    if (++this.#losses < lossesMax) return
    this.#losses = 0
    this.#restsUntilMs = nowMs + restMs
  }
}
