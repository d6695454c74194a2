import { hash32 } from '../model/hash.ts'
import type { Key } from '../model/key.ts'
import { CorruptRecord } from './store.ts'

/**
 * What is written for one record, in the log as in the table:
 *
 *     0  u8   format version
 *     1  u8   flags; bit 0 is kept for compression, none is in use
 *     2  u32  XXH32 of the payload, little endian, seeded with `recordSeed`
 *     6  …    payload
 */
export const recordHeaderBytes = 6

const formatVersion = 1

/**
 * A hash of partition and key. It seeds the checksum, so that a record that lies at another key's place is found out.
 * FNV-1a over the key's characters (each is one byte): no bytes need be made of the string.
 */
export function recordSeed(partition: number, key: Key): number {
  let hash = Math.imul(0x811c9dc5 ^ partition, 0x01000193)
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** Below this many characters a loop is quicker than a call into Node. */
const loopCharactersMax = 64

/** Write a key's bytes. @returns where they end in `target` */
export function writeKey(target: Buffer, at: number, key: string): number {
  const length = key.length
  if (length > loopCharactersMax) target.latin1Write(key, at, length)
  else for (let index = 0; index < length; index++) target[at + index] = key.charCodeAt(index)
  return at + length
}

/** @returns where the record ends in `target` */
export function frameRecord(target: Uint8Array, at: number, partition: number, key: Key, payload: Uint8Array): number {
  const checksum = hash32(payload, recordSeed(partition, key))
  target[at] = formatVersion
  target[at + 1] = 0
  target[at + 2] = checksum
  target[at + 3] = checksum >>> 8
  target[at + 4] = checksum >>> 16
  target[at + 5] = checksum >>> 24
  target.set(payload, at + recordHeaderBytes)
  return at + recordHeaderBytes + payload.length
}

/**
 * The payload of a framed record, copied and verified.
 * @param framed may be longer than the record: LMDB hands out one reused buffer
 * @param length bytes of the record
 * @param allocate where the copy goes; Node's pool of small buffers, where nothing is said
 * @throws {CorruptRecord} the checksum does not hold, or the format is unknown
 */
export function unframeRecord(
  framed: Buffer,
  length: number,
  partition: number,
  key: Key,
  allocate: (bytes: number) => Buffer = Buffer.allocUnsafe
): Uint8Array {
  if (length < recordHeaderBytes) throw new CorruptRecord(key, `it has ${length} bytes, fewer than its header`)
  if (framed[0] !== formatVersion) throw new CorruptRecord(key, `its format version is ${framed[0]}, known is ${formatVersion}`)
  if (framed[1] !== 0) throw new CorruptRecord(key, `its flags are ${framed[1]}, none is known`)
  const payload = allocate(length - recordHeaderBytes)
  framed.copy(payload, 0, recordHeaderBytes, length)
  const stored = (framed[2]! | (framed[3]! << 8) | (framed[4]! << 16) | (framed[5]! << 24)) >>> 0
  const actual = hash32(payload, recordSeed(partition, key))
  if (stored !== actual) throw new CorruptRecord(key, `its checksum is ${actual.toString(16)}, stored is ${stored.toString(16)}`)
  return payload
}
