import type { Ref } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { VersionVector } from '../../model/version-vector.ts'
import type { KeyClasses } from './key-classes.ts'

/** What a vnode may be told about its Merkle trees. From the same host only; nodes are numbered as in `model/merkle-tree`. */
export type TreeMessage =
  /**
   * The roots of all classes. Answered by `roots`, once the trees are built and follow `classes`; by `failed` (`overloaded`) where too
   * many wait. Whoever asks gives a budget and asks again: a tree of many keys takes its time.
   */
  | { readonly kind: 'roots'; readonly classes: KeyClasses; readonly replyTo: Ref<TreeReply | TreeFailure> }
  /** The children of inner nodes. Answered by `nodes`, or `failed` (`unavailable`) where there is no such tree now. */
  | {
      readonly kind: 'nodes'
      readonly n: number
      readonly nodes: readonly number[]
      readonly replyTo: Ref<TreeReply | TreeFailure>
    }
  /** The keys below these nodes. Answered by `listed`, or `failed`: `unavailable` as above, `overloaded` where they are too many. */
  | {
      readonly kind: 'list'
      readonly n: number
      readonly nodes: readonly number[]
      readonly replyTo: Ref<TreeReply | TreeFailure>
    }
  /** Records of keys that were listed not long ago, by hash. Answered by `fetched`. */
  | {
      readonly kind: 'fetch'
      readonly n: number
      readonly hashes: readonly number[]
      readonly bytesMax: number
      readonly replyTo: Ref<TreeReply | TreeFailure>
    }
  /** Records of a class in key order. Answered by `fetched`. */
  | {
      readonly kind: 'fetch-page'
      readonly n: number
      readonly classes: KeyClasses
      readonly after: Key | undefined
      readonly replyTo: Ref<TreeReply | TreeFailure>
    }
  /** From itself: the next slice of a scan; the end of what was listed. */
  | { readonly kind: 'slice' }
  | { readonly kind: 'forget-listed' }

/** As any of a vnode's answers. */
export type TreeFailure = { readonly kind: 'failed'; readonly fault: Fault }

export type TreeReply =
  | {
      readonly kind: 'roots'
      readonly partition: number
      /** `classesHash` of the classes that the trees follow; another's question may have changed them since. */
      readonly classes: number
      readonly trees: readonly TreeRoot[]
      /** Keys that are in no tree since their record fails its checksum; as of the last scan. */
      readonly corrupt: number
    }
  /** In the order in which they were asked for. */
  | { readonly kind: 'nodes'; readonly partition: number; readonly n: number; readonly children: Uint8Array }
  /** `encodeListed`. */
  | { readonly kind: 'listed'; readonly partition: number; readonly n: number; readonly entries: Uint8Array }
  | {
      readonly kind: 'fetched'
      readonly partition: number
      readonly n: number
      readonly pairs: readonly FetchedPair[]
      /** What this replica knows to be purged of the class; undefined: nothing. */
      readonly floor: VersionVector | undefined
      /** So many of the hashes, from the first on, are dealt with; the others did not fit. */
      readonly taken: number
      /** Of a page: where to go on. */
      readonly next: Key | undefined
    }

export interface FetchedPair {
  readonly key: Key
  readonly siblings: Uint8Array
}

export interface TreeRoot {
  /** The class. */
  readonly n: number
  readonly depth: number
  readonly keys: number
  /** Two 32-bit halves of the root's hash; both 0 where there are no keys. */
  readonly high: number
  readonly low: number
  /** The highest counter of each vnode id among the contexts of the class's records. */
  readonly seen: VersionVector
}
