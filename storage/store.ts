import type { Fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'

/** `committed` survives the death of the process, `flushed` survives power loss. */
export type Durability = 'committed' | 'flushed'

/**
 * Told once what became of a write. An object rather than a promise or a closure: the hot path has one allocation a write.
 * Called from a later turn than the write's own, never from within `write`.
 */
export interface Completion {
  /** @param fault undefined: durable as asked; else nothing of the write is kept */
  settled(fault: Fault | undefined): void
}

export interface StoredPair {
  readonly key: Key
  /** What `write` was given. Shared with the store: never to be changed. */
  readonly record: Uint8Array
}

export interface StorePage {
  readonly pairs: readonly StoredPair[]
  /** Keys of this page whose record fails its checksum; they are not among `pairs`. */
  readonly corrupt: readonly Key[]
  /** Where to go on; undefined at the end of the partition. */
  readonly next: Key | undefined
}

/** A page of a scan ends early once its records hold this much. */
export const scanPageBytesMax = 4 * 1024 * 1024

export interface StoreFigures {
  readonly memoryTableBytes: number
  readonly memoryTablePairs: number
  readonly logBytes: number
  readonly writes: number
  readonly flushes: number
  readonly reads: number
  readonly corruptRecords: number
}

/**
 * One data thread's handle on its host's storage. Records are opaque here; checksums are added on the way in and verified on the way out.
 *
 * Reads see every write of the same handle at once, durable or not. Reads are synchronous: memory table, then the memory-mapped file.
 */
export interface Store {
  /**
   * @returns the record, or undefined where there is none; shared with the store, never to be changed
   * @throws {CorruptRecord} the stored bytes fail their checksum: never taken for 'not found'
   */
  read(partition: number, key: Key): Uint8Array | undefined
  /**
   * Replace the pair's record. The bytes belong to the store from here on.
   * Writes settle in order; a `committed` one may settle before an earlier `flushed` one.
   * @returns false where it is refused at once, before any read could show it; `completion` is told so all the same
   */
  write(partition: number, key: Key, record: Uint8Array, durability: Durability, completion: Completion): boolean
  /** Forget the pair: for purged tombstones and partitions that moved away, never for a user's delete. @returns as `write` */
  erase(partition: number, key: Key, completion: Completion): boolean
  /**
   * Rises whenever changes that were taken, and that reads showed, are refused after all. In the same turn in which reads cease to
   * show them: before anyone can act on what is left, and before their completions are told.
   */
  readonly failures: number
  /** Pairs of one partition in key order, beginning after `after`. */
  scan(partition: number, after: Key | undefined, pairsMax: number): StorePage
  figures(): StoreFigures
  /** Settle everything, flush, let go. */
  close(): Promise<void>
}

/** A stored record whose checksum does not hold. */
export class CorruptRecord extends Error {
  readonly key: Key
  constructor(key: Key, why: string) {
    super(`the record of key ${JSON.stringify(key.slice(0, 80))} is corrupt: ${why}`)
    this.name = 'CorruptRecord'
    this.key = key
  }
}

/**
 * Mints dots. The id is new after every stop that was not clean, so a counter that was not written down is never used again.
 *
 * Whoever mints claims, in the vector of the record, to have seen all that this id minted for the key before. That holds only while the
 * thread has kept all of it: a write that was refused by the disk after its dot was told to others, or a record that turned out to be
 * damaged, ends it. From then on a mint claims single dots (`isWhole` is false), until another id has taken the place of this one.
 * @see Preguiça et al., Dotted Version Vectors (2010), section 5
 */
export interface DotClock {
  /** (host uid, epoch) as one number: uid × 2^20 + epoch. It may change between two turns. */
  readonly vnode: number
  /** The next counter: greater than any this id was given before. */
  next(): number
  /** The last counter that was given out. */
  readonly counter: number
  /** Whether all that this id minted and that is acknowledged is still kept here. */
  readonly isWhole: boolean
  /** Something that this id minted may be kept here no more. Another id is asked for; it comes in a later turn. */
  abandon(): void
  /** Writes work: the time to ask for another id where the present one is not whole. Costs nothing where it is. */
  recovered(): void
  /** Ids that were given up in this life of the thread, with the time at which they were: oldest first. */
  readonly retired: readonly RetiredId[]
}

export interface RetiredId {
  readonly vnode: number
  /** Of the thread's monotonic clock. */
  readonly atMs: number
}

/** So long after an id was given up no request that minted with it is under way any more. */
export const retiredMs = 2 * limits.requestTimeoutMsMax
