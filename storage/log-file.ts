import { constants } from 'node:fs'
import { dirname, join } from 'node:path'
import { syncDirectory, type FileOperations } from './file-operations.ts'
import { endMark, segmentFile, segmentHeader, segmentHeaderBytes, segmentSeed, type SegmentName } from './log-segment.ts'
import type { Generation } from './memory-table.ts'

const openFlags = constants.O_RDWR | constants.O_CREAT
const directFlag = constants.O_DSYNC ?? 0

/** Whether a file can be opened so that each write returns when it is on the disk. */
export const canWriteDirectly = directFlag !== 0

type Done = (error: NodeJS.ErrnoException | null) => void

/** A log segment that is, or is to be, written to. */
export class LogFile {
  readonly name: SegmentName
  readonly path: string
  readonly seed: number
  /** The memory table's side of it. */
  readonly memory: Generation
  fd = -1
  /** The same file, opened with O_DSYNC: one call where write and fdatasync are two. */
  directFd = -1
  /** Of the next batch. */
  sequence = 0
  /** Written so far. */
  bytes = 0
  /** `bytes`, and what is gathered for it. */
  plannedBytes = segmentHeaderBytes
  /** Something is written that was not flushed. */
  dirty = false
  /** Files whose place this segment takes, deleted once it is flushed. */
  readonly replaces: string[] = []
  /** Batches that carry over what is in `replaces` and are not flushed yet. */
  carrying = 0

  constructor(directory: string, name: SegmentName, memory: Generation) {
    this.name = name
    this.path = join(directory, segmentFile(name))
    this.seed = segmentSeed(name)
    this.memory = memory
  }

  /**
   * Make the file, on the disk with its header when `done` is called.
   * @param spare a file to be written over; the header is on the disk before the file gets its new name: an old header
   * under a new name would bring old records back
   */
  open(files: FileOperations, spare: string | undefined, done: Done): void {
    files.open(spare ?? this.path, openFlags | directFlag, (error, directFd) => {
      if (error) return done(error)
      this.directFd = directFd
      files.write(directFd, segmentHeader(this.name), 0, segmentHeaderBytes, 0, writeError => {
        if (writeError) return done(writeError)
        if (spare === undefined) return this.#reopen(files, done)
        files.rename(spare, this.path, renameError => (renameError ? done(renameError) : this.#reopen(files, done)))
      })
    })
  }

  #reopen(files: FileOperations, done: Done): void {
    files.open(this.path, openFlags, (error, fd) => {
      if (error) return done(error)
      this.fd = fd
      syncDirectory(files, dirname(this.path), syncError => {
        if (syncError === null) this.bytes = segmentHeaderBytes
        done(syncError)
      })
    })
  }

  /**
   * Mark the segment as complete, flush it, let go of it. All of it is on the disk before the next one begins.
   * Where that fails the segment only looks incomplete to recovery.
   */
  seal(files: FileOperations, done: () => void): void {
    const mark = endMark(this.seed, this.sequence)
    const sealed = (): void => {
      this.close(files)
      done()
    }
    const flushApart = this.dirty || !canWriteDirectly
    files.write(flushApart ? this.fd : this.directFd, mark, 0, mark.length, this.bytes, () => {
      if (flushApart) files.fdatasync(this.fd, sealed)
      else sealed()
    })
  }

  close(files: FileOperations): void {
    if (this.fd >= 0) files.close(this.fd, ignore)
    if (this.directFd >= 0) files.close(this.directFd, ignore)
    this.fd = this.directFd = -1
  }
}

function ignore(): void {}
