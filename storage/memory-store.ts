import { fault, type Fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { Entry, MemoryTable } from './memory-table.ts'
import { RefusedWrites } from './refused-writes.ts'
import {
  CorruptRecord,
  scanPageBytesMax,
  type Completion,
  type Durability,
  type Store,
  type StoreFigures,
  type StoredPair,
  type StorePage
} from './store.ts'
import type { VirtualDisk } from './virtual-disk.ts'

export interface MemoryStoreOptions {
  readonly disk: VirtualDisk
  /** Runs `work` after `delayMs` of whatever time the caller keeps; never from within. */
  readonly schedule: (delayMs: number, work: () => void) => void
  /** From the write of a batch to its being committed. */
  readonly commitMs: number
  /** From committed to flushed. */
  readonly flushMs: number
  readonly memoryTableBytesMax?: number
  /** Told of each change as it is made; `before` undefined: there was nothing, or it is corrupt; `record` undefined: an erase. */
  readonly onWrite?: (partition: number, key: Key, before: Uint8Array | undefined, record: Uint8Array | undefined) => void
}

/**
 * The store's port on a virtual disk, for simulation: group commit as on a real one, but time is the caller's and nothing is by chance.
 * When the disk crashes, is wiped or restored, a store that is open on it is cut off: it settles nothing more.
 */
export class MemoryStore implements Store {
  readonly #options: MemoryStoreOptions
  readonly #disk: VirtualDisk
  readonly #incarnation: number
  readonly #refused: RefusedWrites
  readonly #memory = new MemoryTable()
  readonly #unsettled = this.#memory.begin(1)
  #gathering: Entry[] = []
  #isWriting = false
  #closing: (() => void) | undefined
  #closed = false
  #writes = 0
  #reads = 0
  #flushes = 0
  #corruptRecords = 0
  failures = 0

  constructor(options: MemoryStoreOptions) {
    this.#options = options
    this.#disk = options.disk
    this.#incarnation = options.disk.incarnation
    this.#refused = new RefusedWrites(work => options.schedule(0, work))
  }

  read(partition: number, key: Key): Uint8Array | undefined {
    this.#reads++
    const entry = this.#memory.get(partition, key)
    if (entry !== undefined) return entry.record
    const record = this.#disk.pairs(partition)?.get(key)
    if (record === undefined || !this.#disk.isCorrupt(partition, key)) return record
    this.#corruptRecords++
    throw new CorruptRecord(key, 'the simulated disk flipped its bits')
  }

  write(partition: number, key: Key, record: Uint8Array, durability: Durability, completion: Completion): boolean {
    return this.#append(new Entry(partition, key, record, durability === 'flushed', completion), completion)
  }

  erase(partition: number, key: Key, completion: Completion): boolean {
    return this.#append(new Entry(partition, key, undefined, false, completion), completion)
  }

  #append(entry: Entry, completion: Completion): boolean {
    this.#writes++
    const why = this.#refusal()
    if (why !== undefined) {
      this.#refused.refuse(completion, why)
      return false
    }
    this.#options.onWrite?.(entry.partition, entry.key, this.#present(entry.partition, entry.key), entry.record)
    this.#unsettled.put(entry)
    this.#gathering.push(entry)
    this.#begin()
    return true
  }

  /** What a reader would find, without counting as one. */
  #present(partition: number, key: Key): Uint8Array | undefined {
    const entry = this.#memory.get(partition, key)
    if (entry !== undefined) return entry.record
    return this.#disk.isCorrupt(partition, key) ? undefined : this.#disk.pairs(partition)?.get(key)
  }

  #refusal(): Fault | undefined {
    if (this.#closed) return fault('unavailable', 'the store is closed', { outcome: 'refused' })
    const limit = this.#options.memoryTableBytesMax ?? limits.memoryTableBytesMax
    const size = this.#memory.bytes
    return size < limit
      ? undefined
      : fault('overloaded', 'the memory table is full: try again later', { limit, size, outcome: 'refused' })
  }

  get #isCutOff(): boolean {
    return this.#disk.incarnation !== this.#incarnation
  }

  /** Write what has gathered, unless a batch is under way. */
  #begin(): void {
    if (this.#isWriting || this.#gathering.length === 0) return
    this.#isWriting = true
    this.#options.schedule(this.#options.commitMs, () => this.#commit())
  }

  #commit(): void {
    if (this.#isCutOff) return
    const batch = this.#gathering
    this.#gathering = []
    if (this.#disk.full || this.#disk.failing) return this.#refuse(batch)
    this.#disk.write(batch)
    for (const entry of batch) {
      entry.previous = undefined
      this.#unsettled.undo(entry)
    }
    for (const entry of batch) if (!entry.flushed) this.#settle(entry)
    this.#options.schedule(this.#options.flushMs, () => this.#flush(batch))
  }

  #flush(batch: readonly Entry[]): void {
    if (this.#isCutOff) return
    this.#disk.flush()
    this.#flushes++
    this.#isWriting = false
    for (const entry of batch) if (entry.flushed) this.#settle(entry)
    this.#begin()
    if (this.#closing !== undefined && !this.#isWriting) this.#closing()
  }

  #settle(entry: Entry): void {
    const completion = entry.completion!
    entry.completion = undefined
    completion.settled(undefined)
  }

  /** The batch, and what came after it, since it may rest on it. */
  #refuse(batch: Entry[]): void {
    const entries = [...batch, ...this.#gathering]
    this.failures++
    this.#gathering = []
    this.#isWriting = false
    for (let at = entries.length - 1; at >= 0; at--) {
      const entry = entries[at]!
      // What it replaced is on the disk already, unless that is refused here too.
      if (entry.previous?.completion === undefined) entry.previous = undefined
      this.#unsettled.undo(entry)
    }
    const why = this.#disk.full
      ? fault('storage_full', 'the simulated disk is full', { outcome: 'refused' })
      : fault('storage_failed', 'the simulated disk fails', { outcome: 'refused' })
    for (const entry of entries) {
      const completion = entry.completion!
      entry.completion = undefined
      completion.settled(why)
    }
    if (this.#closing !== undefined && !this.#isWriting) this.#closing()
  }

  scan(partition: number, after: Key | undefined, pairsMax: number): StorePage {
    const stored = this.#disk.pairs(partition)
    const newer = this.#memory.after(partition, after)
    const records = new Map<Key, Uint8Array | undefined>()
    if (stored !== undefined) for (const [key, record] of stored) if (after === undefined || key > after) records.set(key, record)
    for (const entry of newer) records.set(entry.key, entry.record)
    const fromMemory = new Set(newer.map(entry => entry.key))
    const pairs: StoredPair[] = []
    const corrupt: Key[] = []
    let last: Key | undefined
    let bytes = 0
    for (const key of [...records.keys()].sort()) {
      const record = records.get(key)
      if (record === undefined) continue
      if (pairs.length + corrupt.length >= pairsMax || bytes >= scanPageBytesMax) return { pairs, corrupt, next: last }
      last = key
      bytes += record.length
      if (!fromMemory.has(key) && this.#disk.isCorrupt(partition, key)) corrupt.push(key)
      else pairs.push({ key, record })
    }
    this.#corruptRecords += corrupt.length
    return { pairs, corrupt, next: undefined }
  }

  figures(): StoreFigures {
    return {
      memoryTableBytes: this.#memory.bytes,
      memoryTablePairs: this.#memory.pairs,
      logBytes: 0,
      writes: this.#writes,
      flushes: this.#flushes,
      reads: this.#reads,
      corruptRecords: this.#corruptRecords
    }
  }

  close(): Promise<void> {
    this.#closed = true
    if (!this.#isWriting || this.#isCutOff) return Promise.resolve()
    return new Promise(resolve => (this.#closing = resolve))
  }
}
