import { crc32 } from 'node:zlib'
import type { Key } from '../model/key.ts'
import { frameRecord, recordHeaderBytes, writeKey } from './record.ts'

/**
 * One file of the commit log. All numbers are little endian.
 *
 *     header, 64 bytes        u32 magic, u16 version, u16 thread, u32 generation, f64 number, u32 CRC-32 of these, zeros
 *     batch, any number       u32 magic, u32 CRC-32 of what follows, u32 bytes of payload, u32 sequence (0, 1, …), payload
 *                             of 0 bytes: the end mark, written when the segment is sealed
 *     payload                 entries: u8 kind (0 put, 1 erase), u16 partition, u16 bytes of key, u32 bytes of record, key, record
 *
 * A batch's CRC is seeded with the segment's identity: files are written over again, and what an earlier segment
 * left in one never passes for the present one's.
 */
export interface SegmentName {
  /** How often the host had been started when it was written. */
  readonly generation: number
  readonly thread: number
  /** 1, 2, … within generation and thread. */
  readonly number: number
}

export const segmentHeaderBytes = 64
export const batchHeaderBytes = 16
const entryHeaderBytes = 9
const segmentMagic = 0x474c5243
const segmentVersion = 1
const batchMagic = 0x48435442
const batchMagicBytes = Buffer.from([0x42, 0x54, 0x43, 0x48])
const checkedHeaderBytes = 20

export const logExtension = '.log'
/** A file that holds nothing of worth, kept to be written over. */
export const spareExtension = '.spare'

export function segmentFile(name: SegmentName): string {
  return `${pad(name.generation, 10)}-${pad(name.thread, 5)}-${pad(name.number, 12)}${logExtension}`
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0')
}

const filePattern = /^(\d{10})-(\d{5})-(\d{12})\.(?:log|spare)$/

/** @returns undefined where the file is neither segment nor spare */
export function segmentNameOf(file: string): SegmentName | undefined {
  const parts = filePattern.exec(file)
  return parts === null ? undefined : { generation: Number(parts[1]), thread: Number(parts[2]), number: Number(parts[3]) }
}

/** The order in which segments are to be applied. */
export function bySegment(a: SegmentName, b: SegmentName): number {
  return a.generation - b.generation || a.thread - b.thread || a.number - b.number
}

export function segmentHeader(name: SegmentName): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes)
  header.writeUInt32LE(segmentMagic, 0)
  header.writeUInt16LE(segmentVersion, 4)
  header.writeUInt16LE(name.thread, 6)
  header.writeUInt32LE(name.generation, 8)
  header.writeDoubleLE(name.number, 12)
  header.writeUInt32LE(crc32(header.subarray(0, checkedHeaderBytes)), checkedHeaderBytes)
  return header
}

/** Why `bytes` does not begin with the header of segment `name`, if so. */
export function headerDamage(bytes: Buffer, name: SegmentName): string | undefined {
  if (bytes.length < segmentHeaderBytes) return `it ends within its header, after ${bytes.length} bytes`
  if (bytes.readUInt32LE(0) !== segmentMagic) return 'it does not begin with the mark of a log segment'
  if (bytes.readUInt16LE(4) !== segmentVersion)
    return `its format version is ${bytes.readUInt16LE(4)}, known is ${segmentVersion}`
  if (crc32(bytes.subarray(0, checkedHeaderBytes)) !== bytes.readUInt32LE(checkedHeaderBytes))
    return "its header's checksum does not hold"
  return bytes.subarray(0, segmentHeaderBytes).equals(segmentHeader(name))
    ? undefined
    : 'its header names another segment than its file name'
}

/** Seeds the checksums of the segment's batches. Of the fields alone: a CRC over data and their own CRC is the same for all data. */
export function segmentSeed(name: SegmentName): number {
  return crc32(segmentHeader(name).subarray(0, checkedHeaderBytes))
}

/** Bytes that one entry takes in a batch. `record` undefined: an erase. */
export function entryBytes(key: Key, record: Uint8Array | undefined): number {
  return entryHeaderBytes + key.length + (record === undefined ? 0 : recordHeaderBytes + record.length)
}

/** @returns where the entry ends in `target` */
export function writeEntry(target: Buffer, at: number, partition: number, key: Key, record: Uint8Array | undefined): number {
  const bytes = record === undefined ? 0 : recordHeaderBytes + record.length
  const length = key.length
  target[at] = record === undefined ? 1 : 0
  target[at + 1] = partition
  target[at + 2] = partition >>> 8
  target[at + 3] = length
  target[at + 4] = length >>> 8
  target[at + 5] = bytes
  target[at + 6] = bytes >>> 8
  target[at + 7] = bytes >>> 16
  target[at + 8] = bytes >>> 24
  const end = writeKey(target, at + entryHeaderBytes, key)
  return record === undefined ? end : frameRecord(target, end, partition, key, record)
}

/** Fill in the header of a batch that lies in `batch` from 0 to `end`. */
export function sealBatch(batch: Buffer, end: number, seed: number, sequence: number): void {
  batch.writeUInt32LE(batchMagic, 0)
  batch.writeUInt32LE(end - batchHeaderBytes, 8)
  batch.writeUInt32LE(sequence, 12)
  batch.writeUInt32LE(crc32(batch.subarray(8, end), seed), 4)
}

/** The batch that says that the segment is complete. */
export function endMark(seed: number, sequence: number): Buffer {
  const mark = Buffer.alloc(batchHeaderBytes)
  sealBatch(mark, batchHeaderBytes, seed, sequence)
  return mark
}

/** Whether something that begins like a batch lies at `at`. */
export function isBatchBegun(bytes: Buffer, at: number): boolean {
  return at + 4 <= bytes.length && bytes.readUInt32LE(at) === batchMagic
}

/** @returns where the intact batch at `at` ends; -1 where there is none */
export function batchEnd(bytes: Buffer, at: number, seed: number): number {
  if (at + batchHeaderBytes > bytes.length || bytes.readUInt32LE(at) !== batchMagic) return -1
  const end = at + batchHeaderBytes + bytes.readUInt32LE(at + 8)
  if (end > bytes.length) return -1
  return crc32(bytes.subarray(at + 8, end), seed) === bytes.readUInt32LE(at + 4) ? end : -1
}

/** @returns where the next intact batch begins, at `from` or later; -1 where there is none */
export function nextBatch(bytes: Buffer, from: number, seed: number): number {
  for (let at = bytes.indexOf(batchMagicBytes, from); at >= 0; at = bytes.indexOf(batchMagicBytes, at + 1)) {
    if (batchEnd(bytes, at, seed) >= 0) return at
  }
  return -1
}

/** One decoded entry; used again for the next, so that reading a segment makes no garbage. */
export interface EntryView {
  partition: number
  key: Key
  /** The framed record, from here … */
  recordStart: number
  /** … to here; equal to `recordStart` for an erase. */
  recordEnd: number
}

/** @returns where the entry at `at` ends */
export function readEntry(bytes: Buffer, at: number, view: EntryView): number {
  const keyStart = at + entryHeaderBytes
  const keyEnd = keyStart + bytes.readUInt16LE(at + 3)
  view.partition = bytes.readUInt16LE(at + 1)
  view.key = bytes.latin1Slice(keyStart, keyEnd) as Key
  view.recordStart = keyEnd
  view.recordEnd = keyEnd + bytes.readUInt32LE(at + 5)
  return view.recordEnd
}
