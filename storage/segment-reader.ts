import { open } from 'node:fs/promises'
import {
  batchEnd,
  batchHeaderBytes,
  headerDamage,
  isBatchBegun,
  nextBatch,
  readEntry,
  segmentHeaderBytes,
  segmentSeed,
  type EntryView,
  type SegmentName
} from './log-segment.ts'
import type { Key } from '../model/key.ts'
import { Turn } from './turn.ts'

/** Newest record of each key of one segment. */
export interface SegmentContent {
  /** By partition, by key: where in `bytes` the framed record lies (start × 2^26 + length); a length of 0 is an erase. */
  readonly partitions: Map<number, Map<Key, number>>
  readonly bytes: Buffer
  readonly batches: number
  readonly entries: number
  /** It was sealed: nothing is missing at its end. */
  readonly complete: boolean
  /** A batch was begun at its end (or remains from an earlier use of the file) and is not intact. */
  readonly tornTail: boolean
  readonly damage: readonly string[]
}

/** A record's place as one number below 2^53: offsets stay below 2^27, records below 2^26 bytes. */
const placeUnit = 2 ** 26

export function placeStart(place: number): number {
  return Math.floor(place / placeUnit)
}

export function placeLength(place: number): number {
  return place % placeUnit
}

const readBytes = 1024 * 1024

/** @param length bytes to read; undefined: the whole file */
async function readWhole(path: string, length: number | undefined): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const size = (await file.stat()).size
    const bytes = Buffer.allocUnsafeSlow(length === undefined ? size : Math.min(size, length))
    let at = 0
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, Math.min(readBytes, bytes.length - at), at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    return bytes.subarray(0, at)
  } finally {
    await file.close()
  }
}

/**
 * Read and verify a segment, in slices that leave the event loop free.
 * @param length where a sealed segment ends; undefined for one that was left over: what follows its last intact batch is a
 * torn tail (or what the file held before), and what lies between intact batches is damage
 */
export async function readSegment(path: string, name: SegmentName, length: number | undefined): Promise<SegmentContent> {
  const bytes = await readWhole(path, length)
  const seed = segmentSeed(name)
  const partitions = new Map<number, Map<Key, number>>()
  const damage: string[] = []
  const view: EntryView = { partition: 0, key: '' as Key, recordStart: 0, recordEnd: 0 }
  const turn = new Turn()
  let batches = 0
  let entries = 0
  let complete = false
  let tornTail = false
  const header = bytes.length === 0 ? undefined : headerDamage(bytes, name)
  if (header !== undefined && nextBatch(bytes, 0, seed) >= 0)
    damage.push(`${path}: ${header}; its batches are intact and were applied`)
  for (let at = segmentHeaderBytes; at < bytes.length; ) {
    const end = batchEnd(bytes, at, seed)
    if (end < 0) {
      const next = nextBatch(bytes, at + 1, seed)
      if (next < 0) {
        tornTail = isBatchBegun(bytes, at)
        if (length !== undefined) damage.push(`${path}: damaged from byte ${at} to its end at ${bytes.length}`)
        break
      }
      damage.push(`${path}: damaged from byte ${at} to ${next}, ${next - at} bytes were left out`)
      at = next
      continue
    }
    if (end === at + batchHeaderBytes) {
      complete = true
      break
    }
    batches++
    for (let from = at + batchHeaderBytes; from < end; ) {
      from = readEntry(bytes, from, view)
      let pairs = partitions.get(view.partition)
      if (pairs === undefined) partitions.set(view.partition, (pairs = new Map()))
      pairs.set(view.key, view.recordStart * placeUnit + (view.recordEnd - view.recordStart))
      if ((++entries & 0xff) === 0 && turn.isOver) await turn.next()
    }
    at = end
  }
  return { partitions, bytes, batches, entries, complete, tornTail, damage }
}
