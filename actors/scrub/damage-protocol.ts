import type { Ref } from '../../bus/bus.ts'
import type { Key } from '../../model/key.ts'
import type { Settlement } from '../floor/floor-protocol.ts'

/** What a vnode may be told about records whose checksum does not hold. From the same host only. */
export type RepairMessage =
  /** Verify the records of a page, those of the system among them. Answered by `scrubbed`. */
  | { readonly kind: 'scrub'; readonly after: Key | undefined; readonly replyTo: Ref<RepairReply | Settlement> }
  /**
   * What all other owners know of the key together; empty: nothing. Put it in the place of the record that is damaged, if it still is.
   * Answered by `stored` or `failed`.
   */
  | { readonly kind: 'mend'; readonly key: Key; readonly siblings: Uint8Array; readonly replyTo: Ref<RepairReply | Settlement> }
  /** From itself: remind the repairer of what is damaged still. */
  | { readonly kind: 'remind' }

export type RepairReply = {
  readonly kind: 'scrubbed'
  readonly partition: number
  readonly keys: number
  readonly bytes: number
  /** Of `keys`: those whose record is damaged; the vnode sees to them. */
  readonly corrupt: number
  readonly next: Key | undefined
}

/** What became of a damaged record that only this vnode has: no other owner can be asked for it. `no-note`: it is none of these. */
export type NoteMended = 'mended' | 'lost' | 'no-note'
