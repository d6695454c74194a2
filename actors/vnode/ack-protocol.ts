import type { Ref } from '../../bus/bus.ts'
import type { CausalContext } from '../../model/causal-context.ts'
import type { strength } from '../../model/quorum.ts'

/** To a client that counts the acknowledgements of its put by itself: this owner has what was minted, as durable as it was asked for. */
export interface Acked {
  readonly kind: 'acked'
  /** Which of the owners it is, in the order of the coordinator's list. */
  readonly slot: number
}

/** The same of the owner that minted, who says what there is to count. */
export interface Coordinated {
  readonly kind: 'coordinated'
  readonly slot: number
  /** Owners that have to have it. */
  readonly needed: number
  /** Owners that were told of it, all of them primaries. */
  readonly asked: number
  readonly strength: ReturnType<typeof strength>
  readonly epoch: string
  /** What the writer had seen, and its own write. */
  readonly context: CausalContext
}

/** With a `replicate`: whom to tell besides the coordinator. */
export interface DirectAck {
  readonly client: Ref<Acked>
  readonly slot: number
  /** Of the ring by which the owners were chosen. By another one an acknowledgement would not add up with the others. */
  readonly epoch: string
}

/** To a coordinator, now and then: replicas that clients were told of before. */
export interface StoredList {
  readonly kind: 'stored-list'
  /** Flat pairs: the correlation of each, and how many microseconds ago it was. */
  readonly acks: readonly number[]
}
