import type { Fault } from '../model/fault.ts'
import type { FileOperations } from './file-operations.ts'
import type { Generation } from './memory-table.ts'

export interface CommitLogOptions {
  /** Where the segments lie. */
  readonly directory: string
  readonly thread: number
  readonly generation: number
  readonly segmentBytes: number
  readonly batchBytesMax: number
  readonly batchRecordsMax: number
  /** A segment that holds anything is sealed after this long, however small it is. */
  readonly sealAfterMs: number
  /** Committed data are flushed after this long, though nobody waits for it. */
  readonly lazyFlushMs: number
  readonly files: FileOperations
}

/** A finished segment, ready to be moved to the table. */
export interface SealedSegment {
  readonly path: string
  readonly number: number
  /** Bytes of header and batches; what lies beyond is left from an earlier use. */
  readonly bytes: number
}

export interface CommitLogOwner {
  /** The entries appended from now on go to segment `number`: begin a generation of the memory table. */
  begun(number: number): Generation
  sealed(segment: SealedSegment): void
  /** The disk did not take it: all that is not settled is being refused, and taken out of the memory table, in this turn. */
  failed(fault: Fault): void
  /** Generation `number` and the newer ones will never be sealed; they hold nothing. */
  abandoned(number: number): void
}
