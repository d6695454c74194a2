import type { Fault } from '../model/fault.ts'
import type { CommitLogOptions, CommitLogOwner } from './commit-log-owner.ts'
import type { FileOperations } from './file-operations.ts'
import { Batch, settle, settleCommitted } from './log-batch.ts'
import { canWriteDirectly, LogFile } from './log-file.ts'
import { batchHeaderBytes, entryBytes, sealBatch, segmentHeaderBytes } from './log-segment.ts'
import type { Entry, Generation } from './memory-table.ts'
import { storageFault } from './storage-fault.ts'

interface Failure {
  readonly error: unknown
  readonly doing: string
  /** What the file holds is unknown. */
  readonly inFlush: boolean
}

const bufferBytesMin = 64 * 1024
const buffersKept = 4

/**
 * Append-only log of one data thread with group commit: while one batch is written and flushed, the next gathers.
 * When the disk refuses, everything unsettled is refused (later writes may rest on the refused ones) and taken out of
 * the memory table, and the log is cut back to its last good batch, or goes on in a new segment.
 * @see Gray and Reuter, Transaction Processing (1993), section 9.4, group commit
 */
export class CommitLog {
  readonly #options: CommitLogOptions
  readonly #owner: CommitLogOwner
  readonly #files: FileOperations
  readonly #buffers: Buffer[] = []
  readonly #spares: string[] = []
  /** Full batches, oldest first; `#gathering` comes after them. */
  readonly #queue: Batch[] = []
  #gathering: Batch
  /** Where entries go now; `#segment` is the one that is written to, the same or an older one. */
  #planned: LogFile
  #segment: LogFile | undefined
  #writing: Batch | undefined
  #writingDirect = false
  #writtenBytes = 0
  /** Written, and someone waits for the flush. */
  #unflushed: Batch[] = []
  #flushCovers = 0
  #flushing = false
  /** Opening, cutting back or writing: nothing else may be begun. */
  #busy = false
  #scheduled = false
  #failure: Failure | undefined
  #lazyFlush: NodeJS.Timeout | undefined
  #sealTimer: NodeJS.Timeout | undefined
  #closed: (() => void) | undefined
  #numbers = 0
  flushes = 0

  constructor(options: CommitLogOptions, owner: CommitLogOwner) {
    this.#options = options
    this.#owner = owner
    this.#files = options.files
    this.#planned = this.#plan()
    this.#gathering = this.#newBatch()
  }

  /** Bytes that are in no sealed segment yet. */
  get bytes(): number {
    return (
      this.#planned.plannedBytes +
      (this.#segment === undefined || this.#segment === this.#planned ? 0 : this.#segment.plannedBytes)
    )
  }

  /** Take the entry into the next batch. It is settled later, never from within. */
  append(entry: Entry): void {
    const bytes = entryBytes(entry.key, entry.record)
    let batch = this.#gathering
    if (batch.entries.length > 0) {
      if (this.#planned.plannedBytes + bytes > this.#options.segmentBytes) batch = this.#nextSegment()
      else if (batch.isFull(bytes, this.#options)) batch = this.#nextBatch()
    } else if (
      this.#planned.plannedBytes > segmentHeaderBytes &&
      this.#planned.plannedBytes + bytes > this.#options.segmentBytes
    ) {
      batch = this.#nextSegment()
    }
    batch.add(entry, bytes)
    if (entry.flushed) batch.flushed++
    else batch.committed++
    batch.segment.memory.put(entry)
    this.#wake()
  }

  /** A file that the log may write over: its segment is in the table. */
  recycle(path: string): void {
    this.#spares.push(path)
  }

  get spares(): number {
    return this.#spares.length
  }

  /** Give the disk back what is kept to be written over, but for so many. */
  dropSpares(keep: number): void {
    for (const spare of this.#spares.splice(keep)) this.#files.unlink(spare, ignore)
  }

  /** Write and flush everything, hand over the last segment, let go of the files. Nothing may be appended any more. */
  close(done: () => void): void {
    this.#closed = done
    this.#nextSegment()
    this.#wake()
  }

  #wake(): void {
    if (this.#scheduled || this.#busy) return
    this.#scheduled = true
    setImmediate(this.#woken)
  }

  readonly #woken = (): void => {
    this.#scheduled = false
    this.#advance()
  }

  /** Begin whatever is next, if nothing stands in its way; called whenever something ended. */
  #advance(): void {
    if (this.#busy) return
    if (this.#failure !== undefined) return this.#advanceFailure(this.#failure)
    const batch = this.#queue[0] ?? (this.#gathering.entries.length > 0 ? this.#gathering : undefined)
    const segment = this.#segment
    if (segment !== undefined && (batch === undefined ? segment !== this.#planned : batch.segment !== segment)) {
      if (this.#flushing) return
      if (this.#unflushed.length > 0) return this.#flush()
      return this.#seal(segment)
    }
    if (batch === undefined) return this.#advanceClose()
    if (segment === undefined) return this.#open(batch.segment)
    if (this.#flushing && batch.committed === 0) return
    this.#write(batch)
  }

  #advanceClose(): void {
    if (this.#closed === undefined || this.#flushing) return
    clearTimeout(this.#lazyFlush)
    clearTimeout(this.#sealTimer)
    this.dropSpares(0)
    const done = this.#closed
    this.#closed = undefined
    done()
  }

  // ---- gathering

  #plan(memory?: Generation): LogFile {
    const { directory, generation, thread } = this.#options
    const number = ++this.#numbers
    return new LogFile(directory, { generation, thread, number }, memory ?? this.#owner.begun(number))
  }

  #newBatch(): Batch {
    this.#planned.plannedBytes += batchHeaderBytes
    return new Batch(this.#planned, this.#buffers.pop() ?? Buffer.allocUnsafeSlow(bufferBytesMin))
  }

  #nextBatch(): Batch {
    if (this.#gathering.entries.length > 0) this.#queue.push(this.#gathering)
    this.#gathering = this.#newBatch()
    return this.#gathering
  }

  #nextSegment(): Batch {
    if (this.#gathering.entries.length > 0) this.#queue.push(this.#gathering)
    this.#planned = this.#plan()
    this.#gathering = this.#newBatch()
    return this.#gathering
  }

  // ---- files

  #open(segment: LogFile): void {
    this.#busy = true
    const spare = this.#spares.pop()
    segment.open(this.#files, spare, error => {
      this.#busy = false
      this.#segment = segment
      if (error === null) {
        this.#armSeal()
      } else {
        if (spare !== undefined) segment.replaces.push(spare)
        this.#failure = { error, doing: `opening log segment ${segment.path}`, inFlush: true }
      }
      this.#advance()
    })
  }

  #armSeal(): void {
    clearTimeout(this.#sealTimer)
    this.#sealTimer = setTimeout(this.#sealPlanned, this.#options.sealAfterMs)
    this.#sealTimer.unref()
  }

  readonly #sealPlanned = (): void => {
    if (this.#segment === undefined || this.#segment !== this.#planned) return
    this.#nextSegment()
    this.#wake()
  }

  #seal(segment: LogFile): void {
    this.#segment = undefined
    clearTimeout(this.#lazyFlush)
    this.#lazyFlush = undefined
    this.#busy = true
    segment.seal(this.#files, () => {
      this.#busy = false
      this.#owner.sealed({ path: segment.path, number: segment.name.number, bytes: segment.bytes })
      this.#advance()
    })
  }

  // ---- writing

  #write(batch: Batch): void {
    if (batch === this.#gathering) this.#gathering = this.#newBatch()
    else this.#queue.shift()
    const segment = batch.segment
    sealBatch(batch.buffer, batch.end, segment.seed, segment.sequence++)
    this.#busy = true
    this.#writing = batch
    this.#writtenBytes = 0
    // What lies before must be on the disk too, so the short way is open to a batch only where nothing waits for a flush.
    this.#writingDirect = batch.committed === 0 && !segment.dirty && canWriteDirectly
    this.#writeRest(batch)
  }

  #writeRest(batch: Batch): void {
    const segment = batch.segment
    const from = this.#writtenBytes
    const fd = this.#writingDirect ? segment.directFd : segment.fd
    this.#files.write(fd, batch.buffer, from, batch.end - from, segment.bytes + from, this.#written)
  }

  readonly #written = (error: NodeJS.ErrnoException | null, bytes: number): void => {
    const batch = this.#writing!
    if (error === null) {
      this.#writtenBytes += bytes
      if (this.#writtenBytes < batch.end) return this.#writeRest(batch)
    }
    this.#busy = false
    if (error !== null) {
      this.#failure ??= { error, doing: 'writing to the commit log', inFlush: false }
      return this.#advance()
    }
    this.#writing = undefined
    batch.segment.bytes += batch.end
    if (this.#buffers.length < buffersKept) this.#buffers.push(batch.buffer)
    if (this.#writingDirect) {
      this.flushes++
      this.#durable(batch)
    } else {
      batch.segment.dirty = true
      if (batch.flushed > 0) {
        this.#unflushed.push(batch)
        if (!this.#flushing && this.#failure === undefined) this.#flush()
      } else if (this.#lazyFlush === undefined) {
        this.#lazyFlush = setTimeout(this.#flushLazily, this.#options.lazyFlushMs)
        this.#lazyFlush.unref()
      }
      if (batch.committed > 0) settleCommitted(batch.entries)
    }
    this.#advance()
  }

  // ---- flushing

  readonly #flushLazily = (): void => {
    this.#lazyFlush = undefined
    if (this.#segment?.dirty === true && !this.#flushing && this.#failure === undefined) this.#flush()
  }

  #flush(): void {
    const segment = this.#segment!
    this.#flushing = true
    this.#flushCovers = this.#unflushed.length
    // A batch that is being written meanwhile makes the segment dirty again when its write ends.
    segment.dirty = false
    this.#files.fdatasync(segment.fd, this.#flushed)
  }

  readonly #flushed = (error: NodeJS.ErrnoException | null): void => {
    this.#flushing = false
    this.flushes++
    const segment = this.#segment!
    if (error !== null) {
      segment.dirty = true
      this.#failure = { error, doing: 'flushing the commit log', inFlush: true }
      return this.#advance()
    }
    const batches = this.#unflushed.splice(0, this.#flushCovers)
    if (this.#unflushed.length > 0) this.#flush()
    for (const batch of batches) this.#durable(batch)
    this.#advance()
  }

  #durable(batch: Batch): void {
    const segment = batch.segment
    if (batch.carries && --segment.carrying === 0) {
      for (const path of segment.replaces.splice(0)) this.#files.unlink(path, ignore)
    }
    settle(batch.entries, undefined)
  }

  // ---- failing

  #advanceFailure(failure: Failure): void {
    if (this.#flushing) return
    // What is written may yet be flushed, and then it is not refused.
    if (!failure.inFlush && this.#unflushed.length > 0) return this.#flush()
    const segment = this.#segment!
    if (failure.inFlush || segment.carrying > 0) return this.#abandon(segment, failure)
    this.#busy = true
    this.#files.ftruncate(segment.fd, segment.bytes, error => {
      this.#busy = false
      if (error) return this.#abandon(segment, failure)
      this.#failure = undefined
      this.#refuse(storageFault(failure.error, failure.doing, false))
      this.#owner.abandoned(segment.name.number + 1)
      this.#planned = segment
      segment.plannedBytes = segment.bytes
      this.#armSeal()
      this.#gathering = this.#newBatch()
      this.#advance()
    })
  }

  /**
   * The segment's file is not to be trusted: after a failed flush the kernel may have dropped what it could not write.
   * All that is settled of it is in the memory table, so it goes to a new segment, and the file is deleted once that is flushed.
   * @see Rebello et al., Can Applications Recover from fsync Failures? (USENIX ATC 2020)
   */
  #abandon(segment: LogFile, failure: Failure): void {
    this.#failure = undefined
    segment.close(this.#files)
    this.#segment = undefined
    this.#refuse(storageFault(failure.error, failure.doing, segment.bytes > segmentHeaderBytes))
    this.#owner.abandoned(segment.name.number + 1)
    this.#planned = this.#plan(segment.memory)
    segment.memory.number = this.#planned.name.number
    this.#planned.replaces.push(...segment.replaces, segment.path)
    this.#gathering = this.#newBatch()
    if (segment.memory.pairs === 0) {
      for (const path of this.#planned.replaces.splice(0)) this.#files.unlink(path, ignore)
      return this.#advance()
    }
    // At the end the file stays as it is, for the next start to recover.
    if (this.#closed !== undefined) return this.#advance()
    this.#carry(segment.memory)
    const again = setTimeout(() => this.#advance(), this.#options.lazyFlushMs)
    again.unref()
  }

  /** Write the generation's entries, all settled, once more. */
  #carry(memory: Generation): void {
    for (const pairs of memory.partitions.values()) {
      for (const entry of pairs.values()) {
        const bytes = entryBytes(entry.key, entry.record)
        const full = this.#gathering.entries.length > 0 && this.#gathering.isFull(bytes, this.#options)
        const batch = full ? this.#nextBatch() : this.#gathering
        if (!batch.carries) {
          batch.carries = true
          this.#planned.carrying++
        }
        batch.add(entry, bytes)
        batch.flushed++
      }
    }
  }

  /** Refuse everything that is not settled, newest first, so that the memory table is left as it was before. */
  #refuse(fault: Fault): void {
    this.#owner.failed(fault)
    const batches = this.#unflushed.splice(0)
    if (this.#writing !== undefined) batches.push(this.#writing)
    this.#writing = undefined
    batches.push(...this.#queue.splice(0), this.#gathering)
    for (let at = batches.length - 1; at >= 0; at--) {
      const entries = batches[at]!.entries
      for (let index = entries.length - 1; index >= 0; index--) {
        const entry = entries[index]!
        if (entry.completion !== undefined) entry.generation!.undo(entry)
      }
    }
    // Settled in a turn of their own: the log is in order again before anyone answers with a new write.
    setImmediate(() => {
      for (const batch of batches) settle(batch.entries, fault)
    })
  }
}

function ignore(): void {}
