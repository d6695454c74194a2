import type { Ref } from '../../bus/bus.ts'
import type { CausalContext } from '../../model/causal-context.ts'
import type { Fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { ConsistencyLevel } from '../../model/quorum.ts'
import type { Durability } from '../../storage/store.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import type { HintFigures } from '../vnode/hint-ledger.ts'
import type { AdoptMessage, AdoptReply } from '../replication/adopt-protocol.ts'
import type { RingView } from '../ring/ring-view.ts'
import type { StoredList } from '../vnode/ack-protocol.ts'
import type { PeekReply } from '../vnode/peek-protocol.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

/** What a request asks of its quorum. 0 and undefined: the bucket's own. */
export interface QuorumOptions {
  readonly level?: ConsistencyLevel | undefined
  /** R of a get, W of a put or delete. */
  readonly replicas?: number | undefined
  /** PR or PW: of these, so many must be primaries. */
  readonly primaries?: number | undefined
  /** DW: of these, so many must have flushed. */
  readonly durable?: number | undefined
  /** What a replica must have done before it acknowledges; the bucket's own where undefined. */
  readonly durability?: Durability | undefined
  /** Whether hosts beyond the preference list may stand in; default true. */
  readonly sloppy?: boolean | undefined
  /** Whether the reply shall name who acknowledged. */
  readonly receipt?: boolean | undefined
}

export interface GetRequest {
  readonly kind: 'get'
  readonly key: Key
  readonly options: QuorumOptions
  /** How many coordinators have passed it on: at most one does. */
  readonly hops: number
  readonly replyTo: Ref<GetReply>
}

export interface PutRequest {
  readonly kind: 'put'
  readonly key: Key
  readonly value: Uint8Array
  readonly contentType: string
  /** What the writer had seen; undefined: nothing, so the value is concurrent with whatever is there. */
  readonly context: CausalContext | undefined
  /** `create`: only where there is no live value. */
  readonly mode: 'put' | 'create'
  /** ETag that the present value must have (`If-Match`); '' for none. */
  readonly ifMatch: string
  /** Seconds to live; 0: the bucket's own. */
  readonly ttlSeconds: number
  readonly options: QuorumOptions
  /**
   * The client counts by itself: owners may tell it that they have the write (`acked`, `coordinated`), and it is answered only where that would not do.
   * @see DeCandia et al., Dynamo (SOSP 2007), section 6.4: client-driven coordination
   */
  readonly countsAcks?: boolean | undefined
  readonly hops: number
  readonly replyTo: Ref<PutReply>
}

export interface DeleteRequest {
  readonly kind: 'delete'
  readonly key: Key
  /** undefined: what a quorum knows now is deleted. */
  readonly context: CausalContext | undefined
  readonly ifMatch: string
  readonly options: QuorumOptions
  readonly hops: number
  readonly replyTo: Ref<PutReply>
}

export type StoreRequest = GetRequest | PutRequest | DeleteRequest

/**
 * From a client that asks the owners of a key itself, each of them: what does this host's replica hold? Answered by `peeked`; by `refused`
 * where a coordinator is to be asked instead, since owners, needs or data are not what the client takes them for.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 6.4: client-driven coordination
 */
export interface PeekRequest {
  readonly kind: 'peek'
  readonly key: Key
  readonly options: QuorumOptions
  /** Which of those that are asked this one is: given back with the answer. */
  readonly slot: number
  /** Whether the digest will do. */
  readonly isDigest: boolean
  /** Of the ring by which the client chose whom to ask: with another one the answers would not add up. */
  readonly epoch: string
  readonly replyTo: Ref<PeekReply>
}

/**
 * From a client that counts the acknowledgements of a put by itself and has not heard enough: what became of it? Answered as the put would
 * be, under the put's number, once that is known; not at all where it is not known here.
 */
export interface RecallRequest {
  readonly kind: 'recall'
  /** The correlation of the put's `replyTo`: a number of the recall's own tells its refusals from those of the put. */
  readonly put: number
  readonly replyTo: Ref<PutReply>
}

/** A write that was acknowledged, for change events: told to the door of the coordinator's thread. */
export interface Accepted {
  readonly kind: 'accepted'
  readonly key: Key
  readonly operation: 'put' | 'delete'
  readonly contentType: string
  readonly context: CausalContext
}

/** How much the reply can be relied on: R + W > N of primaries; a fallback took part; fewer. */
export type Strength = 'strong' | 'sloppy' | 'weak'

export interface Acknowledgement {
  readonly host: string
  readonly zone: string
  readonly dc: string
  readonly role: 'primary' | 'fallback'
  readonly durability: Durability
}

/** @see interfaces: "a receipt" */
export interface Receipt {
  readonly consistency: Strength
  readonly needed: number
  readonly acks: readonly Acknowledgement[]
  readonly coordinator: string
  readonly epoch: string
}

export interface Got {
  readonly kind: 'got'
  /** Canonical bytes of the siblings (model/siblings-codec); empty where no replica knows the key. */
  readonly siblings: Uint8Array
  readonly strength: Strength
  readonly answered: number
  readonly epoch: string
  readonly receipt: Receipt | undefined
}

export interface Written {
  readonly kind: 'written'
  /** What the writer had seen, and its own write: give it back with the next write. */
  readonly context: CausalContext
  readonly strength: Strength
  readonly answered: number
  readonly epoch: string
  readonly receipt: Receipt | undefined
}

export interface Refused {
  readonly kind: 'refused'
  readonly fault: Fault
  readonly epoch: string
}

export type GetReply = Got | Refused
export type PutReply = Written | Refused
export type StoreReply = Got | Written | Refused

/** The hints of one data thread. */
export interface HintsListed {
  readonly kind: 'hints-listed'
  /** `target`: the uid of the host that is to have them. */
  readonly hints: readonly { readonly partition: number; readonly target: number; readonly pending: number }[]
  /** Keys of which other datacenters still lack the latest write, and are to get it from here. */
  readonly owed?: number | undefined
  /** Since the thread started: created = delivered + superseded + pending. */
  readonly figures: HintFigures
}

/** All that a coordinator may be told. */
export type CoordinatorMessage =
  | StoreRequest
  | PeekRequest
  | RecallRequest
  | StoredList
  | VnodeReply
  | AdoptMessage
  | AdoptReply
  /** From another datacenter, for a read of all of them. */
  | GetReply
  /** Which hints lie on this thread? Answered by `hints-listed`. */
  | { readonly kind: 'list-hints'; readonly replyTo: Ref<HintsListed> }
  | { readonly kind: 'ring'; readonly view: RingView }
  | { readonly kind: 'buckets'; readonly table: BucketTable }
  /** To itself: look for requests that are overdue. */
  | { readonly kind: 'tick' }
  /** To itself, by way of the data lane: how long requests wait there. */
  | { readonly kind: 'mark'; readonly putAtMs: number }
  /** To itself: subscribe to the ring again. */
  | { readonly kind: 'renew' }
