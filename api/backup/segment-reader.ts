import type { Hash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { Key } from '../../model/key.ts'
import {
  bodyLengthOf,
  checkEnd,
  DamagedSegment,
  decodeBody,
  decodeHeader,
  endBytes,
  entryHeadBytes,
  headerBytes,
  type SegmentEntry,
  type SegmentHeader
} from './segment-format.ts'

export interface SegmentReading {
  /** Of which partition it has to be. */
  readonly partition: number
  readonly partitions: number
  /** Told of entries that cannot be read where the next ones can; left out: the first is thrown. */
  readonly onDamage?: (damage: DamagedSegment) => void
  /** Given all bytes. */
  readonly hash?: Hash
}

const chunkBytes = 256 * 1024

/**
 * The entries of a segment, ascending by key.
 * @throws {DamagedSegment} it ends too early, is of another partition, or is damaged
 */
export async function* entriesOf(path: string, reading: SegmentReading): AsyncGenerator<SegmentEntry> {
  const file = new ChunkedFile(path, reading.hash)
  try {
    checkPlace(decodeHeader(await file.take(headerBytes, 'its header')), reading)
    let last: Key | undefined
    for (let number = 1; ; number++) {
      const head = await file.take(entryHeadBytes, `entry ${number}`)
      const length = bodyLengthOf(head, number)
      if (length === undefined) {
        const rest = await file.take(endBytes - entryHeadBytes, 'its end')
        checkEnd(Buffer.concat([head, rest]), number - 1)
        return await file.checkOver()
      }
      const body = await file.take(length, `entry ${number}`)
      try {
        const entry = decodeBody(head, body, reading.partition, number)
        if (last !== undefined && entry.key <= last) throw new DamagedSegment(`entry ${number} is out of order`, true)
        last = entry.key
        yield entry
      } catch (error) {
        if (!(error instanceof DamagedSegment) || !error.goesOn || reading.onDamage === undefined) throw error
        reading.onDamage(error)
      }
    }
  } finally {
    await file.close()
  }
}

function checkPlace({ partition, partitions }: SegmentHeader, wanted: SegmentReading): void {
  if (partition === wanted.partition && partitions === wanted.partitions) return
  throw new DamagedSegment(
    `it is of partition ${partition} of ${partitions}, wanted is ${wanted.partition} of ${wanted.partitions}`
  )
}

/** A file from its beginning to its end, some bytes at a time. */
class ChunkedFile {
  readonly #path: string
  readonly #hash: Hash | undefined
  #file: Awaited<ReturnType<typeof open>> | undefined
  #chunk = Buffer.alloc(0)
  #at = 0

  constructor(path: string, hash: Hash | undefined) {
    this.#path = path
    this.#hash = hash
  }

  /** Bytes of their own, not used again. @throws {DamagedSegment} there are not so many */
  async take(count: number, what: string): Promise<Buffer> {
    while (this.#chunk.length - this.#at < count) {
      if (!(await this.#more(count))) throw new DamagedSegment(`it ends within ${what}: it was cut short`)
    }
    const bytes = this.#chunk.subarray(this.#at, this.#at + count)
    this.#at += count
    return bytes
  }

  /** @throws {DamagedSegment} something follows */
  async checkOver(): Promise<void> {
    if (this.#at < this.#chunk.length || (await this.#more(1))) throw new DamagedSegment('there are bytes behind its end')
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }

  async #more(wanted: number): Promise<boolean> {
    this.#file ??= await open(this.#path)
    const buffer = Buffer.allocUnsafe(Math.max(chunkBytes, wanted))
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, null)
    if (bytesRead === 0) return false
    const fresh = buffer.subarray(0, bytesRead)
    this.#hash?.update(fresh)
    this.#chunk = this.#at < this.#chunk.length ? Buffer.concat([this.#chunk.subarray(this.#at), fresh]) : fresh
    this.#at = 0
    return true
  }
}
