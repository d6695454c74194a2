import type { Ref } from '../../bus/bus.ts'
import type { Key } from '../../model/key.ts'
import type { Settlement } from '../floor/floor-protocol.ts'

/** What a vnode is told of a partition that its host does not own any more, by the stray agent of that host. */
export type StrayMessage =
  /**
   * Records are going to be forgotten, so the floors have to go first: with records missing, what they say would be false.
   * Answered by `clearing` once that is flushed; by `failed` where a floor is being written just now.
   */
  | { readonly kind: 'begin-clearing'; readonly replyTo: Ref<StrayReply | Settlement> }
  /**
   * All owners hold what these records held: forget those that are still the same. Answered by `strays-forgotten`; by `failed` where the
   * token holds no more, or the store has refused.
   */
  | {
      readonly kind: 'forget-strays'
      readonly token: string
      readonly strays: readonly Stray[]
      readonly replyTo: Ref<StrayReply | Settlement>
    }

/** A user's record as it was read here. */
export interface Stray {
  readonly key: Key
  readonly digest: number
}

export type StrayReply =
  /** `token` holds until the vnode is told anything that only an owner is told, by whomever. */
  | { readonly kind: 'clearing'; readonly partition: number; readonly token: string }
  | {
      readonly kind: 'strays-forgotten'
      readonly partition: number
      readonly erased: number
      /** Of those that were named, the ones that have changed since, or are damaged. */
      readonly kept: number
    }
