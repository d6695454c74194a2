import type { Ref } from '../../bus/bus.ts'
import type { Key } from '../../model/key.ts'
import type { Fault } from '../../model/fault.ts'

/** What a vnode is told of what it owes other datacenters. `tag`: see `owedTagOf`. */
export type OwedMessage =
  /**
   * A datacenter has it, at least what was minted as `digest`: forget the note, unless something was minted since. `isDropped`: it was not
   * delivered, since the datacenter was removed.
   */
  | {
      readonly kind: 'owed-delivered'
      readonly tag: number
      readonly key: Key
      readonly digest: number
      readonly isDropped?: true
    }
  /** To itself: a note was not written, or not erased; what is there is counted anew. */
  | { readonly kind: 'owed-recount' }
  /** A page of what is owed, in key order. Answered by `owed`. */
  | {
      readonly kind: 'owed-page'
      readonly tag: number
      /** The last key of the page before. */
      readonly after: Key | undefined
      readonly pairsMax: number
      /** Without records: to be shown. */
      readonly keysOnly: boolean
      readonly replyTo: Ref<OwedReply | OwedFailed>
    }

/** The vnode could not read it. */
export interface OwedFailed {
  readonly kind: 'failed'
  readonly fault: Fault
}

export interface OwedPair {
  readonly key: Key
  readonly sinceMs: number
  /** Of the note: given back with `owed-delivered`. */
  readonly digest: number
  /** What the datacenter is to be given; empty where only keys were asked for. */
  readonly siblings: Uint8Array
}

export type OwedReply = {
  readonly kind: 'owed'
  readonly pairs: readonly OwedPair[]
  /** Notes whose record is damaged here: they stay. */
  readonly damaged: number
  /** Where to go on; undefined at the end. */
  readonly next: Key | undefined
}
