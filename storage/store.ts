import type { Fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'

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
   */
  write(partition: number, key: Key, record: Uint8Array, durability: Durability, completion: Completion): void
  /** Forget the pair: for purged tombstones and partitions that moved away, never for a user's delete. */
  erase(partition: number, key: Key, completion: Completion): void
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
 * @see Preguiça et al., Dotted Version Vectors (2010), section 5
 */
export interface DotClock {
  /** (host uid, epoch) as one number: uid × 2^20 + epoch. */
  readonly vnode: number
  /** The next counter: greater than any this id was given before. */
  next(): number
}
