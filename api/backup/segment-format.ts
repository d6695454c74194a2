import { hash32 } from '../../model/hash.ts'
import type { Key } from '../../model/key.ts'
import { keyFault, keyLengthOf, bucketFault, bucketOf } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { CommandFailure } from '../cli/terminal.ts'

/**
 * A segment: records of one partition, ascending by key. All numbers are little-endian.
 *
 *     header   6  "CARSEG"
 *              1  version of this format, is 1
 *              1  0: all records of the partition; 1: what has changed since the segments before it
 *              4  partition
 *              4  partitions of the ring
 *              4  XXH32 of the 16 bytes before
 *     entry    4  bytes of the body
 *              4  XXH32 of the body, seeded with the partition
 *              …  body: 1 kind (0 record, 1 gone), 2 length of the key, key (bucket NUL key), record as `siblings-codec` lays it
 *     end      4  0xffffffff
 *              4  number of entries
 *              4  XXH32 of the 4 bytes before
 *
 * A file is named by the SHA-256 of all its bytes.
 */
export const headerBytes = 20
export const entryHeadBytes = 8
export const endBytes = 12
const magic = Buffer.from('CARSEG', 'latin1')
const formatVersion = 1
const endMark = 0xffff_ffff
const bodyHeadBytes = 3
/** Beyond any that is written. */
const bodyBytesMax = bodyHeadBytes + limits.bucketNameCharactersMax + 1 + limits.keyBytesMax + limits.backupRecordBytesMax

export interface SegmentHeader {
  readonly isDelta: boolean
  readonly partition: number
  readonly partitions: number
}

export interface SegmentEntry {
  readonly key: Key
  /** As it was stored; undefined: the key is gone since the segment before. */
  readonly record: Uint8Array | undefined
}

/** A segment that is whole and on the disk. */
export interface WrittenSegment {
  /** SHA-256 of the file, 64 hex digits: its name. */
  readonly hash: string
  readonly bytes: number
  readonly entries: number
}

/** What a segment holds is not what was written. */
export class DamagedSegment extends CommandFailure {
  /** Whether what follows can still be read. */
  readonly goesOn: boolean

  constructor(what: string, goesOn = false) {
    super(what)
    this.name = 'DamagedSegment'
    this.goesOn = goesOn
  }
}

export function encodeHeader({ isDelta, partition, partitions }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  magic.copy(bytes)
  bytes[6] = formatVersion
  bytes[7] = isDelta ? 1 : 0
  bytes.writeUInt32LE(partition, 8)
  bytes.writeUInt32LE(partitions, 12)
  bytes.writeUInt32LE(hash32(bytes.subarray(0, 16), 0), 16)
  return bytes
}

/** @throws {DamagedSegment} */
export function decodeHeader(bytes: Buffer): SegmentHeader {
  if (bytes.length < headerBytes) throw new DamagedSegment(`it has ${bytes.length} bytes, fewer than its header`)
  if (!bytes.subarray(0, magic.length).equals(magic)) throw new DamagedSegment('it is no segment of a backup')
  if (bytes[6] !== formatVersion)
    throw new DamagedSegment(`its format has version ${bytes[6]}, this command knows ${formatVersion}: use the one that wrote it`)
  if (bytes.readUInt32LE(16) !== hash32(bytes.subarray(0, 16), 0))
    throw new DamagedSegment('the checksum of its header does not hold')
  return { isDelta: bytes[7] === 1, partition: bytes.readUInt32LE(8), partitions: bytes.readUInt32LE(12) }
}

export function encodeEntry({ key, record }: SegmentEntry, partition: number): Buffer {
  const length = bodyHeadBytes + key.length + (record?.length ?? 0)
  const bytes = Buffer.allocUnsafe(entryHeadBytes + length)
  bytes.writeUInt32LE(length, 0)
  bytes[entryHeadBytes] = record === undefined ? 1 : 0
  bytes.writeUInt16LE(key.length, entryHeadBytes + 1)
  bytes.latin1Write(key, entryHeadBytes + bodyHeadBytes)
  if (record !== undefined) bytes.set(record, entryHeadBytes + bodyHeadBytes + key.length)
  bytes.writeUInt32LE(hash32(bytes.subarray(entryHeadBytes), partition), 4)
  return bytes
}

export function encodeEnd(entries: number): Buffer {
  const bytes = Buffer.allocUnsafe(endBytes)
  bytes.writeUInt32LE(endMark, 0)
  bytes.writeUInt32LE(entries, 4)
  bytes.writeUInt32LE(hash32(bytes.subarray(0, 8), 0), 8)
  return bytes
}

/**
 * How many bytes the body has that follows.
 * @param head the 8 bytes before it
 * @returns undefined: it is the end
 * @throws {DamagedSegment}
 */
export function bodyLengthOf(head: Buffer, number: number): number | undefined {
  const length = head.readUInt32LE(0)
  if (length === endMark) return undefined
  if (length >= bodyHeadBytes && length <= bodyBytesMax) return length
  throw new DamagedSegment(`entry ${number} claims ${length} bytes: ${bodyHeadBytes} to ${bodyBytesMax} can be`)
}

/** @throws {DamagedSegment} */
export function decodeBody(head: Buffer, body: Buffer, partition: number, number: number): SegmentEntry {
  const keyLength = body.readUInt16LE(1)
  const kind = body[0]
  const isSound = head.readUInt32LE(4) === hash32(body, partition)
  if (!isSound) throw new DamagedSegment(`the checksum of entry ${number}${nameIn(body, keyLength)} does not hold`, true)
  if (bodyHeadBytes + keyLength > body.length || (kind === 1 && bodyHeadBytes + keyLength !== body.length) || kind! > 1)
    throw new DamagedSegment(`entry ${number} is no entry of a segment`, true)
  const key = body.latin1Slice(bodyHeadBytes, bodyHeadBytes + keyLength) as Key
  if (!key.includes('\0') || bucketFault(bucketOf(key)) !== undefined || keyFault(keyLengthOf(key)) !== undefined)
    throw new DamagedSegment(`entry ${number} has no key of a bucket`, true)
  return { key, record: kind === 1 ? undefined : body.subarray(bodyHeadBytes + keyLength) }
}

/** @throws {DamagedSegment} */
export function checkEnd(end: Buffer, entries: number): void {
  if (end.readUInt32LE(8) !== hash32(end.subarray(0, 8), 0)) throw new DamagedSegment('the checksum of its end does not hold')
  const claimed = end.readUInt32LE(4)
  if (claimed !== entries) throw new DamagedSegment(`it has ${entries} entries, and claims ${claimed}`)
}

/** The key that stands there, for people: it may be damaged itself. */
function nameIn(body: Buffer, keyLength: number): string {
  if (bodyHeadBytes + keyLength > body.length) return ''
  const [bucket, ...rest] = body.latin1Slice(bodyHeadBytes, bodyHeadBytes + keyLength).split('\0')
  return ` (bucket ${JSON.stringify(bucket?.slice(0, 64))}, key ${JSON.stringify(Buffer.from(rest.join('\0'), 'latin1').toString('utf8').slice(0, 200))})`
}
