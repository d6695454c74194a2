import type { Ref } from '../bus/bus.ts'
import type { Key } from '../model/key.ts'
import type { Durability } from '../storage/store.ts'
import type { Resolver, VnodeReply } from './vnode-protocol.ts'

/** What a vnode is told of the hints that it keeps for hosts that are away. `target`: the uid of such a host. */
export type HintMessage =
  /** Keep it for `target`; merged into what is kept for it already. Answered by `stored`. */
  | {
      readonly kind: 'hint'
      readonly target: number
      readonly key: Key
      readonly siblings: Uint8Array
      readonly resolver: Resolver
      readonly durability: Durability
      readonly replyTo: Ref<VnodeReply>
    }
  /** It has arrived: forget it, if it is still the one with this digest. */
  | { readonly kind: 'hint-delivered'; readonly target: number; readonly key: Key; readonly digest: number }
  /** A page of what is kept for `target`, in key order. Answered by `hints`. */
  | {
      readonly kind: 'hints-page'
      readonly target: number
      /** The last key of the page before. */
      readonly after: Key | undefined
      readonly pairsMax: number
      readonly replyTo: Ref<VnodeReply>
    }
  /** How many are kept here? Answered by `held`. */
  | { readonly kind: 'hints-held'; readonly replyTo: Ref<VnodeReply> }

export type HintReply =
  | {
      readonly kind: 'hints'
      readonly pairs: readonly { readonly key: Key; readonly siblings: Uint8Array }[]
      /** Where to go on; undefined at the end. */
      readonly next: Key | undefined
    }
  | {
      readonly kind: 'held'
      readonly partition: number
      /** On the disk, and being written or erased right now. */
      readonly pending: number
      /** The id under which this vnode mints as a stand-in: as alive as its own. Its counter is the same one. */
      readonly standIn: number
    }

/** A hint as `inspected` shows it. */
export interface HintInspected {
  readonly target: number
  readonly ageMs: number
}
