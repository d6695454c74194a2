import { createHash, randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type BackupDirectory, syncDirectory } from './backup-directory.ts'
import {
  encodeEnd,
  encodeEntry,
  encodeHeader,
  type SegmentEntry,
  type SegmentHeader,
  type WrittenSegment
} from './segment-format.ts'

const bufferedBytesMax = 256 * 1024

/** Writes one segment beside its place; it gets its name when it is whole, and is on the disk. */
export class SegmentWriter {
  readonly #directory: BackupDirectory
  readonly #header: SegmentHeader
  readonly #hash = createHash('sha256')
  readonly #path: string
  #file: FileHandle | undefined
  #buffered: Buffer[] = []
  #bufferedBytes = 0
  #bytes = 0
  #entries = 0

  constructor(directory: BackupDirectory, header: SegmentHeader) {
    this.#directory = directory
    this.#header = header
    this.#path = join(directory.segments, `unfinished-${randomUUID()}`)
    this.#buffer(encodeHeader(header))
  }

  get entries(): number {
    return this.#entries
  }

  /** To be called in ascending order of keys; resolves once there is room for more. */
  async add(entry: SegmentEntry): Promise<void> {
    this.#buffer(encodeEntry(entry, this.#header.partition))
    this.#entries++
    if (this.#bufferedBytes >= bufferedBytesMax) await this.#write()
  }

  async finish(): Promise<WrittenSegment> {
    this.#buffer(encodeEnd(this.#entries))
    await this.#write()
    await this.#file!.sync()
    await this.#close()
    const hash = this.#hash.digest('hex')
    const path = this.#directory.segmentPath(hash)
    await mkdir(dirname(path), { recursive: true })
    // Where it is there already, it is the same.
    await rename(this.#path, path)
    await syncDirectory(dirname(path))
    return { hash, bytes: this.#bytes, entries: this.#entries }
  }

  /** Leave nothing behind. */
  async abandon(): Promise<void> {
    const isOpen = this.#file !== undefined
    await this.#close()
    if (isOpen) await unlink(this.#path)
  }

  #buffer(bytes: Buffer): void {
    this.#buffered.push(bytes)
    this.#bufferedBytes += bytes.length
  }

  async #write(): Promise<void> {
    this.#file ??= await open(this.#path, 'wx')
    const bytes = Buffer.concat(this.#buffered)
    this.#buffered = []
    this.#bufferedBytes = 0
    this.#hash.update(bytes)
    for (let at = 0; at < bytes.length; ) at += (await this.#file.write(bytes, at)).bytesWritten
    this.#bytes += bytes.length
  }

  async #close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }
}
