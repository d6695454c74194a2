import { hash32 } from './hash.ts'
import type { Key } from './key.ts'

/**
 * Where a vnode notes that another datacenter does not have yet what was minted here: `NUL o`, the datacenter as 8 hex digits, then the user's
 * key. One note for each datacenter and key, however often the key is written meanwhile.
 */
const owedBegin = '\0o'
const tagDigits = 8
const headBytes = 16

export const owedStart = owedBegin as Key
export const owedEnd = '\0p' as Key

/** What is owed of one key to one datacenter. */
export interface Owed {
  /** Wall clock of when the oldest write that is still missing there was minted, in ms. */
  readonly sinceMs: number
  /** Of what was minted last: only what is at least that new settles the note. */
  readonly digest: number
  /** The record itself, where this host owns nothing of the key and may give it away; empty: the one that it holds. */
  readonly siblings: Uint8Array
}

/** A datacenter's number in keys: 32 bits of its name's hash. */
export function owedTagOf(dc: string): number {
  return hash32(new TextEncoder().encode(dc), 0)
}

export function owedStartOf(tag: number): Key {
  return `${owedBegin}${tag.toString(16).padStart(tagDigits, '0')}` as Key
}

export function owedKeyOf(tag: number, key: Key): Key {
  return `${owedStartOf(tag)}${key}` as Key
}

export function tagOfOwed(owedKey: Key): number {
  return Number.parseInt(owedKey.slice(owedBegin.length, owedBegin.length + tagDigits), 16)
}

export function keyOfOwed(owedKey: Key): Key {
  return owedKey.slice(owedBegin.length + tagDigits) as Key
}

export function encodeOwed({ sinceMs, digest, siblings }: Owed): Uint8Array {
  const bytes = Buffer.allocUnsafe(headBytes + siblings.length)
  bytes.writeDoubleBE(sinceMs, 0)
  bytes.writeDoubleBE(digest, 8)
  bytes.set(siblings, headBytes)
  return bytes
}

/** @throws {RangeError} no such note */
export function decodeOwed(record: Uint8Array): Owed {
  if (record.length < headBytes) throw new RangeError(`a note of what is owed has ${record.length} bytes, less than ${headBytes}`)
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength)
  return { sinceMs: bytes.readDoubleBE(0), digest: bytes.readDoubleBE(8), siblings: bytes.subarray(headBytes) }
}
