import type { Ref } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { strength } from '../../model/quorum.ts'

/** What an owner's coordinator worked out for a client that asks the owners itself. */
interface PeekTerms {
  /** Which of those that are asked this one is. */
  readonly slot: number
  /** Owners that have to say the same, by the bucket's properties. */
  readonly needed: number
  /** Of a read that so many owners answer. */
  readonly strength: ReturnType<typeof strength>
}

/** To a vnode: tell the client what is here. Answered by `peeked`, or `refused`. */
export interface PeekMessage extends PeekTerms {
  readonly kind: 'peek'
  readonly key: Key
  /** Whether the digest will do. */
  readonly isDigest: boolean
  readonly replyTo: Ref<PeekReply>
}

/** What one owner holds. */
export interface Peeked extends PeekTerms {
  readonly kind: 'peeked'
  /** Of the record; 0 where there is none, or the record is here. */
  readonly digest: number
  /** Canonical bytes; empty where there is no record, and where the digest was asked for. */
  readonly siblings: Uint8Array
}

export type PeekReply = Peeked | { readonly kind: 'refused'; readonly fault: Fault; readonly epoch: string }
