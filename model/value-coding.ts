import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { MalformedBytes, readVarint, varintLength, writeVarint, type Cursor } from './dot-codec.ts'
import { limits } from './limits.ts'
import type { Sibling } from './siblings.ts'

/** What a bucket does to its values before they are stored. */
export type Compression = 'none' | 'deflate'

export const compressions: readonly Compression[] = Object.freeze(['none', 'deflate'])

/** A value with its type, as it came or as it is stored. */
export interface TypedValue {
  readonly value: Uint8Array
  readonly contentType: string
}

/**
 * What the content type of a deflated value begins with: the type as it came follows. No content type of a client's has it, since
 * those are printable. So whatever hands type and value on together hands on how to read it; records have a bit for it.
 */
export const deflatedMark = '\x01'

const deflatedCode = 1
/** Of the plain value: what is left of it, length included, or it is stored as it came. */
const shareMax = 7 / 8
/** Higher levels give a point or two more, for a quarter to a half more CPU where values are large. */
const level = 1
/** Room for what zlib writes behind the last byte, so that it needs no second piece of memory. */
const spareBytes = 64

/** Bytes that are looked at, spread over the value, and how many different ones among them are taken for chance or ciphertext. */
const probes = 256
const differentMax = 128
const seen = new Uint8Array(256)

/** A compressed value that cannot be read: damaged where no checksum saw it, or laid by a hand that means no good. */
export class MalformedValue extends Error {
  readonly vnode: number
  readonly counter: number
  constructor({ vnode, counter }: Sibling, why: string) {
    super(`the compressed value of version ${vnode}:${counter} cannot be read: ${why}`)
    this.name = 'MalformedValue'
    this.vnode = vnode
    this.counter = counter
  }
}

export function isDeflated(contentType: string): boolean {
  return contentType.charCodeAt(0) === deflatedCode
}

/** As the writer gave it. */
export function plainType(contentType: string): string {
  return isDeflated(contentType) ? contentType.slice(1) : contentType
}

/** Whether it is worth a try: neither too small or large, nor made of bytes that look like chance. */
export function isDeflatable(value: Uint8Array): boolean {
  return value.length >= limits.deflatedBytesMin && value.length <= limits.deflatedBytesMax && !looksRandom(value)
}

/**
 * | what | bytes |
 * |---|---|
 * | length of the plain value | varint |
 * | raw deflate (RFC 1951) | the rest |
 *
 * @returns undefined where that is more than `7/8` of the value
 */
export function deflated({ value, contentType }: TypedValue): TypedValue | undefined {
  const { length } = value
  const bytes = deflateRawSync(value, { level, chunkSize: length + spareBytes })
  const head = varintLength(length)
  if (head + bytes.length > length * shareMax) return undefined
  const stored = Buffer.allocUnsafe(head + bytes.length)
  stored.set(bytes, writeVarint(stored, 0, length))
  return { value: stored, contentType: deflatedMark + contentType }
}

/**
 * The version as it was written; itself where nothing was done to it.
 * @throws {MalformedValue} what it costs is bounded by the length it claims, and that by `limits.pairBytesCeiling`
 */
export function plainVersion(version: Sibling): Sibling {
  if (!isDeflated(version.contentType)) return version
  return { ...version, value: inflated(version), contentType: plainType(version.contentType) }
}

/** Themselves where nothing was done to any. @throws {MalformedValue} one of them cannot be read */
export function plainVersions(versions: readonly Sibling[]): readonly Sibling[] {
  for (const version of versions) if (isDeflated(version.contentType)) return versions.map(plainVersion)
  return versions
}

/** Bytes of the value as it was written, as far as it says; of one that says what cannot be, those that are there. */
export function plainLength({ value, contentType }: Sibling): number {
  if (!isDeflated(contentType)) return value.length
  try {
    return Math.min(readVarint({ bytes: value, at: 0 }), limits.pairBytesCeiling)
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error
    return value.length
  }
}

function inflated(version: Sibling): Uint8Array {
  const cursor: Cursor = { bytes: version.value, at: 0 }
  let length: number
  try {
    length = readVarint(cursor)
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error
    throw new MalformedValue(version, error.message)
  }
  if (length > limits.pairBytesCeiling)
    throw new MalformedValue(version, `it claims ${length} bytes, a value has at most ${limits.pairBytesCeiling}`)
  let plain: Uint8Array
  try {
    plain = inflateRawSync(version.value.subarray(cursor.at), { chunkSize: length + spareBytes, maxOutputLength: length + 1 })
  } catch (error) {
    // zlib's own: the bytes end too early, are none of its format, or go on behind the length that they claim.
    throw new MalformedValue(version, (error as Error).message)
  }
  if (plain.length !== length) throw new MalformedValue(version, `it has ${plain.length} bytes and claims ${length}`)
  return plain
}

/** Text, JSON and most binary formats use few of the 256 bytes; of 256 bytes by chance about 162 differ. */
function looksRandom(value: Uint8Array): boolean {
  seen.fill(0)
  const step = Math.max(1, Math.floor(value.length / probes))
  let different = 0
  for (let at = 0, probe = 0; probe < probes && at < value.length; probe++, at += step) {
    const byte = value[at]!
    if (seen[byte] === 0) {
      seen[byte] = 1
      different++
    }
  }
  return different > differentMax
}
