import { type Message, type Ref, sharedAddressOf } from '../../bus/bus.ts'
import { limits } from '../../model/limits.ts'
import type { CausalContext } from '../../model/causal-context.ts'
import type { Context } from '../../runtime/actor.ts'
import type { ReplicaSet } from '../ring/ring-index.ts'
import type { Coordinated, DirectAck } from '../vnode/ack-protocol.ts'
import type { PutReply, Refused, StoreRequest, Strength, Written } from './coordinator-protocol.ts'

/** What a put whose client counts by itself is told with. */
export interface DirectTerms {
  readonly replyTo: Ref<PutReply>
  readonly needed: number
  readonly asked: number
  readonly strength: Strength
  readonly epoch: string
}

/**
 * Whether the client of a put may count by itself: only where all owners are there and none moves, so that W of them is all there is to it. With W = 1 there is
 * nothing to wait for, and what was passed on could not be asked for again.
 */
export function isDirect(request: StoreRequest, set: ReplicaSet, needed: number, leftMs: number): boolean {
  if (request.kind !== 'put' || request.countsAcks !== true || request.hops > 0) return false
  const { receipt, level } = request.options
  // Owners of one datacenter, or of each, are not a number of owners.
  if (receipt === true || level === 'local_quorum' || level === 'each_quorum') return false
  if (needed < 2 || set.future > 0 || set.replicas[set.selfSlot]?.isPresent !== true || leftMs < limits.directPutMsMin)
    return false
  for (const replica of set.replicas) if (!replica.isReachable) return false
  return true
}

/**
 * What a coordinator knows of a put whose client counts the acknowledgements: what the client was told by those who store it. Outlives the operation,
 * so that a client that has heard too little can ask.
 */
export class DirectPut {
  readonly replyTo: Ref<PutReply>
  readonly #terms: DirectTerms
  readonly #acksTo: Ref<Message>
  /** Owners that told the client themselves. */
  #told = 0
  #hasCoordinated = false
  #outcome: Written | Refused | undefined
  #isAsked = false

  constructor(terms: DirectTerms) {
    this.replyTo = terms.replyTo
    this.#terms = terms
    // The client's own, as its answers are: only by the shortest way from wherever it is sent.
    const { address, correlation, incarnation } = terms.replyTo
    this.#acksTo = { address: sharedAddressOf(address), correlation, incarnation }
  }

  /** With what the owner in `slot` is given. */
  ackOf(slot: number): DirectAck {
    return { client: this.#acksTo, slot, epoch: this.#terms.epoch }
  }

  /** This host's replica has it: the client gets the context with that. */
  minted(slot: number, written: CausalContext, context: Pick<Context, 'send'>): void {
    if (this.#outcome !== undefined) return
    const { needed, asked, strength, epoch } = this.#terms
    const message: Coordinated = { kind: 'coordinated', slot, needed, asked, strength, epoch, context: written }
    context.send(this.replyTo as Ref<never> as Ref<Message>, message)
    this.#hasCoordinated = true
    this.#told++
  }

  told(): void {
    this.#told++
  }

  /** @returns whether the client is to be told: it has not had what it would need to know by itself, or asks */
  ended(outcome: Written | Refused): boolean {
    this.#outcome = outcome
    return outcome.kind === 'refused' || this.#isAsked || !this.#hasCoordinated || this.#told < this.#terms.needed
  }

  /** The client has heard too little. */
  asked(context: Pick<Context, 'send'>): void {
    this.#isAsked = true
    if (this.#outcome !== undefined) context.send(this.#acksTo, this.#outcome)
  }
}

/** The last of them, by whom they answer to: one in each place, the latest. What is forgotten ends for its client as any answer that is lost. */
export class DirectPuts {
  readonly #places: (DirectPut | undefined)[] = new Array(limits.directPutsKept).fill(undefined)

  keep(put: DirectPut): void {
    this.#places[placeOf(put.replyTo)] = put
  }

  /** @param replyTo of whoever asks: nobody is told of others' puts @param correlation of the put */
  of({ address, incarnation }: Ref<never>, correlation: number): DirectPut | undefined {
    const put = this.#places[placeOf({ correlation, incarnation })]
    const of = put?.replyTo
    return of?.correlation === correlation &&
      of.incarnation === incarnation &&
      sharedAddressOf(of.address) === sharedAddressOf(address)
      ? put
      : undefined
  }
}

/** A client counts its requests up: those of one client lie side by side. */
function placeOf({ correlation, incarnation }: Pick<Ref, 'correlation' | 'incarnation'>): number {
  return (correlation + Math.imul(incarnation, 0x9e3779b1)) & (limits.directPutsKept - 1)
}
