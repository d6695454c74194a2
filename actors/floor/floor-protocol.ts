import type { Ref } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { VersionVector } from '../../model/version-vector.ts'
import type { Durability } from '../../storage/store.ts'
import type { KeyClasses } from '../vnode/key-classes.ts'

/** What a vnode may be told about its floors, from the same host; see `model/floor.ts`. */
export type FloorMessage =
  /** Another replica answered `obsolete` with this floor: drop what of the key it covers. Answered by `stored` or `failed`. */
  | { readonly kind: 'strip'; readonly key: Key; readonly floor: VersionVector; readonly replyTo: Ref<FloorReply | Settlement> }
  /** Are there tombstones? Answered by `floor-wanted`. */
  | { readonly kind: 'want-floor'; readonly classes: KeyClasses; readonly replyTo: Ref<FloorReply | Settlement> }
  /** Are hints kept here, and who mints? Answered by `floor-guarded`. */
  | { readonly kind: 'guard-floor'; readonly replyTo: Ref<FloorReply | Settlement> }
  /** Take note of what changes from now on: a floor may be asked for. Answered by `floor-prepared`. */
  | { readonly kind: 'prepare-floor'; readonly n: number; readonly replyTo: Ref<FloorReply | Settlement> }
  /** Keep this floor, if nothing has come or gone meanwhile that it would be wrong for. Answered by `stored`, flushed, or `failed`. */
  | {
      readonly kind: 'raise-floor'
      readonly n: number
      readonly classes: KeyClasses
      readonly token: string
      readonly floor: VersionVector
      readonly replyTo: Ref<FloorReply | Settlement>
    }
  /** All owners keep the floor: erase the tombstones that it covers. Answered by `swept` when it is done. */
  | { readonly kind: 'sweep'; readonly replyTo: Ref<FloorReply | Settlement> }
  /** From itself: the next slice of a sweep. */
  | { readonly kind: 'sweep-slice' }

export type FloorReply =
  /** All of it was deleted and purged here: nothing of it is stored. `floor`: what this vnode keeps for the key's class. */
  | { readonly kind: 'obsolete'; readonly floor: VersionVector }
  /** Classes with tombstones, as far as known. */
  | {
      readonly kind: 'floor-wanted'
      readonly partition: number
      readonly classes: readonly number[]
      /** Tombstones that came since the vnode was started. */
      readonly tombstones: number
    }
  /** `ids`: who mints here, and up to which counter all that it minted is kept here or was given away. Flat, like a vector. */
  | {
      readonly kind: 'floor-guarded'
      readonly partition: number
      /** Or a restore is open. */
      readonly hints: boolean
      /** Records of a backup may still come: see `RestoreMessage`. */
      readonly restore?: boolean | undefined
      /** There are users' records, damaged ones included. */
      readonly records: boolean
      readonly ids: readonly number[]
    }
  | {
      readonly kind: 'floor-prepared'
      readonly partition: number
      /** To be given back with `raise-floor`; only the newest counts. */
      readonly token: string
      /** The floor that is kept now. */
      readonly floor: VersionVector
    }
  | { readonly kind: 'swept'; readonly partition: number; readonly purged: number; readonly left: number }

/** What became of a change. */
export type Settlement =
  | { readonly kind: 'stored'; readonly durability: Durability }
  | { readonly kind: 'failed'; readonly fault: Fault }
