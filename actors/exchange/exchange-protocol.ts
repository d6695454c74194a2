import type { Ref } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { VersionVector } from '../../model/version-vector.ts'

/** Name of the actor that answers other hosts' exchanges: `HOST.system.exchange-responder`. */
export const exchangeResponderName = 'exchange-responder'

/** A tree of a partition that two hosts share, and nodes of it as little-endian 32-bit numbers. */
export type NodesAsk = readonly [partition: number, n: number, nodes: Uint8Array]
/** What came of it: `encodeChildren`, or `encodeListed`. Trees that are not built now are left out. */
export type NodesAnswer = readonly [partition: number, n: number, bytes: Uint8Array]

/** Records of one class of a partition, and what their holder knows to be purged of it. */
export interface RecordsOf {
  readonly partition: number
  readonly n: number
  readonly floor: VersionVector | undefined
  readonly pairs: readonly (readonly [key: Key, siblings: Uint8Array])[]
}

/**
 * Between two hosts, one message each way a step: everything about their shared partitions is batched.
 * The answer to all of them may be `exchange-refused`.
 */
export type ExchangeMessage =
  /** Answered by `roots-same`, or by `roots-differ` with the roots of the answering host. */
  | {
      readonly kind: 'compare-roots'
      /** Of the ring, and `classesHash`: both hosts have to mean the same partitions and classes. */
      readonly epoch: string
      /** For which ring to be it takes partitions over, see `arrivalOf`: those are compared. undefined: what both own now. */
      readonly arrival?: string | undefined
      readonly classes: number
      readonly host: string
      /** Only these are meant, as little-endian 32-bit numbers; always given to a host of another datacenter, whose ring is another. */
      readonly partitions?: Uint8Array | undefined
      /** `RootList.digest` of all shared trees. */
      readonly digest: number
      readonly replyTo: Ref<ExchangeReply>
    }
  /** The children of nodes. Answered by `nodes-read`. */
  | { readonly kind: 'read-nodes'; readonly asks: readonly NodesAsk[]; readonly replyTo: Ref<ExchangeReply> }
  /** The keys below nodes. Answered by `nodes-read`. */
  | { readonly kind: 'list-nodes'; readonly asks: readonly NodesAsk[]; readonly replyTo: Ref<ExchangeReply> }
  /** Records by their keys' hashes, which are given as nodes are. Answered by `records`. */
  | { readonly kind: 'fetch-records'; readonly asks: readonly NodesAsk[]; readonly replyTo: Ref<ExchangeReply> }
  /** Records in key order. Answered by `records`. */
  | {
      readonly kind: 'fetch-records-page'
      readonly partition: number
      readonly n: number
      readonly after: Key | undefined
      readonly replyTo: Ref<ExchangeReply>
    }
  /** To be merged. Answered by `records-pushed` when all are flushed. */
  | {
      readonly kind: 'push-records'
      readonly records: readonly RecordsOf[]
      /** Say what of it is `richer` there. */
      readonly asksBack?: boolean | undefined
      readonly replyTo: Ref<ExchangeReply>
    }

export type ExchangeReply =
  | { readonly kind: 'roots-same' }
  /** `RootList.encode` of those that are built. */
  | { readonly kind: 'roots-differ'; readonly roots: Uint8Array }
  | { readonly kind: 'nodes-read'; readonly answers: readonly NodesAnswer[] }
  | {
      readonly kind: 'records'
      readonly records: readonly RecordsOf[]
      /** For each ask, in order, how many of its hashes are dealt with; asks behind the last one have not been looked at. */
      readonly taken: readonly number[]
      /** Of a page: where to go on. */
      readonly next: Key | undefined
    }
  | {
      readonly kind: 'records-pushed'
      readonly stored: number
      readonly failed: number
      /** What the receiver knows to be purged: its sender should forget it, too. */
      readonly obsolete: readonly ObsoleteKey[]
      /** Where that was asked: hashes of the keys of which the receiver now has something else than came. Earlier versions never say. */
      readonly richer?: readonly NodesAsk[] | undefined
    }
  | { readonly kind: 'exchange-refused'; readonly fault: Fault }

export type ObsoleteKey = readonly [partition: number, key: Key, floor: VersionVector]
