import type { Fault } from '../model/fault.ts'
import type { CommitLogOptions } from './commit-log-owner.ts'
import type { LogFile } from './log-file.ts'
import { batchHeaderBytes, writeEntry } from './log-segment.ts'
import type { Entry } from './memory-table.ts'

/** Entries that are written in one go. */
export class Batch {
  readonly segment: LogFile
  readonly entries: Entry[] = []
  buffer: Buffer
  /** Bytes used of `buffer`, the batch's header included. */
  end = batchHeaderBytes
  /** Entries that are settled by the write. */
  committed = 0
  /** Entries that are settled by the flush. */
  flushed = 0
  /** Its entries were settled before, and are written again from a segment that failed. */
  carries = false

  constructor(segment: LogFile, buffer: Buffer) {
    this.segment = segment
    this.buffer = buffer
  }

  /** Whether one more entry of so many bytes is too much for it. */
  isFull(
    bytes: number,
    { batchBytesMax, batchRecordsMax }: Pick<CommitLogOptions, 'batchBytesMax' | 'batchRecordsMax'>
  ): boolean {
    return this.end + bytes > batchBytesMax || this.entries.length >= batchRecordsMax
  }

  /** @param bytes what `entryBytes` says */
  add(entry: Entry, bytes: number): void {
    if (this.end + bytes > this.buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.end + bytes))
      this.buffer.copy(larger, 0, 0, this.end)
      this.buffer = larger
    }
    this.end = writeEntry(this.buffer, this.end, entry.partition, entry.key, entry.record)
    this.segment.plannedBytes += bytes
    this.entries.push(entry)
  }
}

/** Tell every entry that is not settled yet. */
export function settle(entries: readonly Entry[], fault: Fault | undefined): void {
  for (let at = 0; at < entries.length; at++) settleOne(entries[at]!, fault)
}

/** Tell those that do not wait for the flush. */
export function settleCommitted(entries: readonly Entry[]): void {
  for (let at = 0; at < entries.length; at++) if (!entries[at]!.flushed) settleOne(entries[at]!, undefined)
}

/** A completion that throws is its owner's bug; it must not keep the others of its batch from being told. */
function settleOne(entry: Entry, fault: Fault | undefined): void {
  const completion = entry.completion
  if (completion === undefined) return
  entry.completion = undefined
  entry.previous = undefined
  try {
    completion.settled(fault)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
