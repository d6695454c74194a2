import { performance } from 'node:perf_hooks'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fault, type Fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { CommitLog } from './commit-log.ts'
import type { CommitLogOwner, SealedSegment } from './commit-log-owner.ts'
import { diskOperations, type FileOperations } from './file-operations.ts'
import { HotCache, type HotCacheFigures } from './hot-cache.ts'
import { logExtension, segmentNameOf } from './log-segment.ts'
import { Entry, MemoryTable, type Generation } from './memory-table.ts'
import { unframeRecord } from './record.ts'
import { RefusedWrites } from './refused-writes.ts'
import { mergedPage } from './scan-page.ts'
import type { Completion, Durability, Store, StoreFigures, StorePage } from './store.ts'
import { CorruptRecord } from './store.ts'
import type { TableWriterPort } from './table-writer-protocol.ts'
import { logDirectory, openTableForReading, tableRecord, type Table, type TableSync } from './table.ts'

export interface LmdbStoreOptions {
  /** The host's data directory: `table/` and `log/` lie in it. */
  readonly directory: string
  /** Number of the data thread, 0 ≤ thread < 65,536. */
  readonly thread: number
  /** How often the host was started: `HostIdentity.generation`. */
  readonly generation: number
  readonly tableWriter: TableWriterPort
  readonly segmentBytes?: number
  readonly batchBytesMax?: number
  /** Default: as many as fit `batchBytesMax`. */
  readonly batchRecordsMax?: number
  /** Log files kept to be written over; more are deleted. */
  readonly sparesMax?: number
  /** As the table writer's. */
  readonly tableSync?: TableSync
  readonly memoryTableBytesMax?: number
  /** For the hot-value cache; default 0: none. */
  readonly hotCacheBytes?: number
  readonly sealAfterMs?: number
  readonly lazyFlushMs?: number
  readonly files?: FileOperations
}

/** While the disk refuses, one write in this time is let through to it. */
const probeMs = 200
const sealAfterMsDefault = 1_000
const lazyFlushMsDefault = 100
const sparesMaxDefault = 3
/** The same while nothing is written. */
const sparesIdle = 1
/** A record with all its siblings. */
const recordBytesMax = 48 * 1024 * 1024
const noCache: HotCacheFigures = Object.freeze({ bytes: 0, pairs: 0, hits: 0, misses: 0 })
/** Log that waits for the table, as a multiple of the memory table: one hot key fills logs, not memory. */
const logToMemoryMax = 4

/**
 * A data thread's store: commit log → memory table → LMDB (and a cache of what is read from it), which the host's table writer fills from the sealed segments.
 * @see docs/storage.md
 */
export class LmdbStore implements Store, CommitLogOwner {
  readonly #memory = new MemoryTable()
  readonly #cache: HotCache | undefined
  readonly #allocate: ((bytes: number) => Buffer) | undefined
  readonly #refused = new RefusedWrites(setImmediate)
  readonly #table: Table
  readonly #log: CommitLog
  readonly #tableWriter: TableWriterPort
  readonly #memoryBytesMax: number
  readonly #logBytesMax: number
  readonly #sparesMax: number
  /** Segments on their way to the table, and their bytes. */
  #moving = 0
  #movingBytes = 0
  #recycling = 0
  /** Why the table writer does not get on. */
  #stalled: Fault | undefined
  #moved: (() => void) | undefined
  /** Why the log does not take anything; and when a write may find out whether it does again. */
  #failing: Fault | undefined
  #probeAtMs = 0
  failures = 0
  #closed = false
  #released = false
  #writes = 0
  #reads = 0
  #corruptRecords = 0

  /** @throws {Error} segments of an earlier store of this thread are left over: recover them first */
  static open(options: LmdbStoreOptions): LmdbStore {
    const directory = logDirectory(options.directory)
    mkdirSync(directory, { recursive: true })
    for (const file of readdirSync(directory)) {
      if (segmentNameOf(file)?.thread !== options.thread) continue
      if (file.endsWith(logExtension)) {
        const path = join(directory, file)
        throw new Error(`${path} is left over from an earlier run: recover it before thread ${options.thread} opens its store`)
      }
      rmSync(join(directory, file), { force: true })
    }
    return new LmdbStore(options, openTableForReading(options.directory, options.tableSync))
  }

  private constructor(options: LmdbStoreOptions, table: Table) {
    this.#table = table
    this.#tableWriter = options.tableWriter
    const cache =
      options.hotCacheBytes === undefined || options.hotCacheBytes === 0 ? undefined : new HotCache(options.hotCacheBytes)
    this.#cache = cache
    this.#allocate = cache === undefined ? undefined : bytes => cache.allocate(bytes)
    this.#memoryBytesMax = options.memoryTableBytesMax ?? limits.memoryTableBytesMax
    this.#logBytesMax = this.#memoryBytesMax * logToMemoryMax
    this.#sparesMax = options.sparesMax ?? sparesMaxDefault
    this.#log = new CommitLog(
      {
        directory: logDirectory(options.directory),
        thread: options.thread,
        generation: options.generation,
        segmentBytes: options.segmentBytes ?? limits.logSegmentBytes,
        batchBytesMax: options.batchBytesMax ?? limits.logBatchBytesMax,
        batchRecordsMax: options.batchRecordsMax ?? Number.POSITIVE_INFINITY,
        sealAfterMs: options.sealAfterMs ?? sealAfterMsDefault,
        lazyFlushMs: options.lazyFlushMs ?? lazyFlushMsDefault,
        files: options.files ?? diskOperations
      },
      this
    )
  }

  read(partition: number, key: Key): Uint8Array | undefined {
    this.#reads++
    const entry = this.#memory.get(partition, key)
    if (entry !== undefined) return entry.record
    return this.#cache?.get(partition, key) ?? this.#readTable(partition, key)
  }

  #readTable(partition: number, key: Key): Uint8Array | undefined {
    const framed = tableRecord(this.#table, partition, key)
    if (framed === undefined) return undefined
    try {
      const record = unframeRecord(framed, framed.length, partition, key, this.#allocate)
      this.#cache?.put(partition, key, record)
      return record
    } catch (error) {
      if (error instanceof CorruptRecord) this.#corruptRecords++
      throw error
    }
  }

  write(partition: number, key: Key, record: Uint8Array, durability: Durability, completion: Completion): boolean {
    return this.#append(new Entry(partition, key, record, durability === 'flushed', completion), completion)
  }

  erase(partition: number, key: Key, completion: Completion): boolean {
    return this.#append(new Entry(partition, key, undefined, false, completion), completion)
  }

  #append(entry: Entry, completion: Completion): boolean {
    this.#writes++
    const why = this.#refusal(entry)
    if (why !== undefined) {
      this.#refused.refuse(completion, why)
      return false
    }
    if (this.#failing !== undefined) this.#probe(entry, completion)
    // From here on the memory table has the pair, until the table does: it is read from there before it is cached again.
    this.#cache?.drop(entry.partition, entry.key)
    this.#log.append(entry)
    return true
  }

  #refusal(entry: Entry): Fault | undefined {
    const size = entry.record === undefined ? 0 : entry.record.length
    if (size > recordBytesMax) {
      const detail = `a record of ${size} bytes is over the limit of ${recordBytesMax}`
      return fault('too_large', detail, { limit: recordBytesMax, size, outcome: 'refused' })
    }
    if (this.#closed) return fault('unavailable', 'the store is closed', { outcome: 'refused' })
    if (this.#failing !== undefined && performance.now() < this.#probeAtMs) return this.#failing
    const bytes = this.#memory.bytes
    const logBytes = this.#movingBytes
    if (bytes < this.#memoryBytesMax && logBytes < this.#logBytesMax) return undefined
    if (this.#stalled !== undefined) return this.#stalled
    const [what, limit, reached] =
      bytes < this.#memoryBytesMax ? ['log', this.#logBytesMax, logBytes] : ['memory table', this.#memoryBytesMax, bytes]
    const detail = `the ${what} holds ${reached} bytes, the limit is ${limit}, until the table writer has caught up: try again later`
    return fault('overloaded', detail, { limit, size: reached, outcome: 'refused' })
  }

  /** One write finds out whether the disk takes it again; the others wait for what becomes of it. */
  #probe(entry: Entry, completion: Completion): void {
    this.#probeAtMs = performance.now() + probeMs
    entry.completion = {
      settled: why => {
        if (why === undefined) this.#failing = undefined
        completion.settled(why)
      }
    }
  }

  scan(partition: number, after: Key | undefined, pairsMax: number): StorePage {
    const page = mergedPage(this.#table, this.#memory.after(partition, after), partition, after, pairsMax)
    this.#corruptRecords += page.corrupt.length
    return page
  }

  figures(): StoreFigures {
    return {
      memoryTableBytes: this.#memory.bytes,
      memoryTablePairs: this.#memory.pairs,
      logBytes: this.#movingBytes + this.#log.bytes,
      writes: this.#writes,
      flushes: this.#log.flushes,
      reads: this.#reads,
      corruptRecords: this.#corruptRecords
    }
  }

  cacheFigures(): HotCacheFigures {
    return this.#cache?.figures() ?? noCache
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await new Promise<void>(resolve => this.#log.close(resolve))
    // A table writer that cannot get on does not hold up the end: the next start recovers what is left.
    if (this.#moving > 0 && this.#stalled === undefined) await new Promise<void>(resolve => (this.#moved = resolve))
    this.#released = true
    await this.#table.close()
  }

  // ---- the log's owner

  begun(number: number): Generation {
    return this.#memory.begin(number)
  }

  failed(why: Fault): void {
    this.failures++
    // What comes now is refused before anyone hears of it: it leaves no trace here nor elsewhere.
    this.#failing = { ...why, outcome: 'refused' }
  }

  abandoned(number: number): void {
    this.#memory.abandon(number)
  }

  sealed(segment: SealedSegment): void {
    const recycle = this.#log.spares + this.#recycling < this.#sparesMax && !this.#closed
    if (recycle) this.#recycling++
    this.#moving++
    this.#movingBytes += segment.bytes
    this.#tableWriter.seal(segment, recycle, (why, spare) => {
      if (this.#released) return
      this.#stalled = why
      if (why === undefined) this.#inTable(segment, recycle, spare)
      if (this.#moving === 0 || why !== undefined) this.#moved?.()
    })
  }

  #inTable(segment: SealedSegment, recycled: boolean, spare: string | undefined): void {
    if (recycled) this.#recycling--
    this.#moving--
    this.#movingBytes -= segment.bytes
    if (spare !== undefined) this.#log.recycle(spare)
    // First the newer view of the table, then the memory: no read in between can miss the pair.
    this.#table.resetReadTxn()
    this.#memory.drop(segment.number)
    // Nothing was written since. What comes next finds one file to write over, which is quicker than to append; the disk has the others.
    if (this.#moving === 0 && this.#memory.pairs === 0) this.#log.dropSpares(sparesIdle)
  }
}
