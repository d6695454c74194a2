import { closeSync, constants, openSync, readSync, write } from 'node:fs'
import { join } from 'node:path'
import type { Key } from '../../model/key.ts'
import { entryBytes, readEntry, writeEntry, type EntryView } from '../../storage/log-segment.ts'
import { unframeRecord } from '../../storage/record.ts'
import type { Completion } from '../../storage/store.ts'
import type { Bench } from '../question.ts'
import { distinctKeys, keysOf, measurePuts, measureReads, partitionOfNumber, report } from './load.ts'

/**
 * The simplest store there is, for comparison: one log, and in memory where in it each key's newest record lies (Bitcask's way).
 * Group commit as in our own log; no compaction, no checkpoints, no failures.
 */
class HashIndexedLog {
  readonly #fd: number
  readonly #places: Map<Key, number>[] = []
  #buffers: [Buffer, Buffer] = [Buffer.allocUnsafeSlow(1 << 22), Buffer.allocUnsafeSlow(1 << 22)]
  #end = 0
  #waiting: Completion[] = []
  #writing: Completion[] = []
  #isWriting = false
  #position = 0

  constructor(path: string) {
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_DSYNC)
  }

  write(partition: number, key: Key, record: Uint8Array, completion: Completion): void {
    const bytes = entryBytes(key, record)
    const places = (this.#places[partition] ??= new Map())
    places.set(key, (this.#position + this.#end) * 2 ** 16 + bytes)
    this.#end = writeEntry(this.#buffers[0], this.#end, partition, key, record)
    this.#waiting.push(completion)
    if (!this.#isWriting && this.#waiting.length === 1) setImmediate(this.#begin)
  }

  readonly #begin = (): void => {
    if (this.#isWriting || this.#waiting.length === 0) return
    this.#isWriting = true
    const [full, empty] = this.#buffers
    this.#buffers = [empty, full]
    ;[this.#writing, this.#waiting] = [this.#waiting, this.#writing]
    const [position, length] = [this.#position, this.#end]
    this.#position += length
    this.#end = 0
    write(this.#fd, full, 0, length, position, this.#written)
  }

  readonly #written = (error: Error | null): void => {
    if (error) throw error
    this.#isWriting = false
    const settled = this.#writing
    this.#writing = []
    for (const completion of settled) completion.settled(undefined)
    this.#begin()
  }

  read(partition: number, key: Key): Uint8Array | undefined {
    const place = this.#places[partition]?.get(key)
    if (place === undefined) return undefined
    const length = place % 2 ** 16
    const entry = Buffer.allocUnsafe(length)
    readSync(this.#fd, entry, 0, length, Math.floor(place / 2 ** 16))
    const view: EntryView = { partition: 0, key, recordStart: 0, recordEnd: 0 }
    readEntry(entry, 0, view)
    return unframeRecord(entry.subarray(view.recordStart), view.recordEnd - view.recordStart, partition, key)
  }

  /** One partition in key order, by reading the index and sorting: there is no order on the disk. */
  scan(partition: number): number {
    let bytes = 0
    for (const key of [...(this.#places[partition]?.keys() ?? [])].sort()) bytes += this.read(partition, key)!.length
    return bytes
  }

  close(): void {
    closeSync(this.#fd)
  }
}

export async function putsOfHashIndexedLog(
  bench: Bench,
  directory: string,
  bytes: number,
  inFlight: number,
  seconds: number
): Promise<void> {
  const keys = keysOf(distinctKeys)
  const log = new HashIndexedLog(join(directory, 'log'))
  const load = measurePuts(inFlight, seconds, (number, completion) => {
    const at = number % distinctKeys
    log.write(partitionOfNumber(at), keys[at]!, Buffer.alloc(bytes, at), completion)
  })
  report(bench, `put ${bytes} B, ${inFlight} in flight: hash-indexed log, flushed`, await load.result)
  log.close()
}

export async function readsOfHashIndexedLog(bench: Bench, directory: string, bytes: number, seconds: number): Promise<void> {
  const keys = keysOf(distinctKeys)
  const log = new HashIndexedLog(join(directory, 'log'))
  const put = (number: number, completion: Completion): void =>
    log.write(partitionOfNumber(number), keys[number]!, Buffer.alloc(bytes, number), completion)
  await measurePuts(1024, Infinity, put, distinctKeys).result
  const read = (number: number): Uint8Array | undefined =>
    log.read(partitionOfNumber(number % distinctKeys), keys[number % distinctKeys]!)
  report(bench, `read ${bytes} B: hash-indexed log`, measureReads(seconds, read))
  const began = performance.now()
  let scanned = 0
  for (let partition = 0; partition < 256; partition++) scanned += log.scan(partition)
  const pairs = scanned / bytes
  bench.row({
    what: `scan ${bytes} B: hash-indexed log, all in key order`,
    per_second: (pairs / (performance.now() - began)) * 1_000
  })
  log.close()
}
