import type { Ref } from '../bus/bus.ts'
import type { CausalContext } from '../model/causal-context.ts'
import type { Fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'
import type { Durability } from '../storage/store.ts'

/** How a bucket settles concurrent values: kept for the reader, or the newest by its writer's clock. */
export type Resolver = 'siblings' | 'last-write-wins'

export type VnodeMessage =
  /** Mint a dot for a new value or tombstone and store it. From the coordinator of the same thread only. Answered twice: `minted` at once, `stored` when durable. */
  | {
      readonly kind: 'write'
      readonly key: Key
      readonly value: Uint8Array
      readonly contentType: string
      readonly tombstone: boolean
      readonly context: CausalContext | undefined
      /** Refuse with key_exists where a live value is known here. */
      readonly create: boolean
      readonly modifiedMs: number
      readonly expiresMs: number
      readonly resolver: Resolver
      readonly durability: Durability
      readonly replyTo: Ref<VnodeReply>
    }
  /** Merge what another replica has. Answered by `stored`. */
  | {
      readonly kind: 'replicate'
      readonly key: Key
      readonly siblings: Uint8Array
      readonly resolver: Resolver
      readonly durability: Durability
      readonly replyTo: Ref<VnodeReply>
    }
  /** What is here? Answered by `record`. */
  | { readonly kind: 'read'; readonly key: Key; readonly replyTo: Ref<VnodeReply> }
  /** Is it what I have? Answered by `same`, or by `record` where it is not. `digest` 0: I have nothing; −1: send it in any case. */
  | { readonly kind: 'compare'; readonly key: Key; readonly digest: number; readonly replyTo: Ref<VnodeReply> }
  /** A page of the partition in key order, for transfer and listing. */
  | {
      readonly kind: 'scan'
      readonly after: Key | undefined
      readonly pairsMax: number
      /** Keys alone, or with their siblings. */
      readonly keysOnly: boolean
      readonly replyTo: Ref<VnodeReply>
    }
  /** For `explain`: what is known of the key here. */
  | { readonly kind: 'inspect'; readonly key: Key; readonly replyTo: Ref<VnodeReply> }

export type VnodeReply =
  /** `context`: what the writer had seen, and its own write. */
  | { readonly kind: 'minted'; readonly siblings: Uint8Array; readonly context: CausalContext }
  | { readonly kind: 'stored'; readonly durability: Durability }
  | { readonly kind: 'failed'; readonly fault: Fault }
  /** Empty: no record here. */
  | { readonly kind: 'record'; readonly siblings: Uint8Array }
  | { readonly kind: 'same' }
  | {
      readonly kind: 'page'
      readonly pairs: readonly { readonly key: Key; readonly siblings: Uint8Array }[]
      readonly next: Key | undefined
    }
  | {
      readonly kind: 'inspected'
      readonly found: boolean
      /** [uid.partition.epoch, counter] of each version. */
      readonly dots: readonly (readonly [string, number])[]
      readonly siblings: number
      readonly tombstone: boolean
      readonly digest: string
      readonly bytes: number
    }
