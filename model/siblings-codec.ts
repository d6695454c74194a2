import { isUtf8 } from 'node:buffer'
import { type CausalContext, covers, descends, isEmpty, readContext } from './causal-context.ts'
import {
  dotsLength,
  MalformedBytes,
  readDots,
  readVarint,
  varintLength,
  writeDots,
  writeVarint,
  type Cursor
} from './dot-codec.ts'
import { hash53 } from './hash.ts'
import { emptySiblings, relation, type Sibling, type Siblings } from './siblings.ts'
import { deflatedMark, isDeflated, plainType } from './value-coding.ts'
import type { Relation } from './version-vector.ts'

/**
 * Siblings as bytes, one way only, so that equal siblings have equal bytes:
 *
 * | what | bytes |
 * |---|---|
 * | version of this format | 1, is 1 |
 * | length of the causal header that follows | varint |
 * | causal header: vector, cloud, dots of the versions | lists as in `dot-codec` |
 * | each version, in the order of its dot: flags | 1: bit 0 tombstone, bit 1 expires, bits 2-4 content type, bit 5 deflated |
 * | modifiedMs | 8, double, little-endian |
 * | expiresMs, where flagged | 8, double, little-endian |
 * | content type, where none of the common ones | varint length, UTF-8 |
 * | value | varint length, bytes; of a deflated one as in `value-coding` |
 *
 * The dots stand together in the header, so what two replicas know can be compared, and digested, without touching a value.
 */
const formatVersion = 1
const flagTombstone = 1
const flagExpires = 2
const flagDeflated = 0x20
const flagsMax = 0x3f
const typeShift = 2
const typeMask = 7
const typeOther = 7
const commonTypes: readonly string[] = Object.freeze([
  '',
  'application/json',
  'application/octet-stream',
  'text/plain; charset=utf-8'
])

/** As they stand in memory where the value is deflated. */
const deflatedTypes: readonly string[] = Object.freeze(commonTypes.map(type => deflatedMark + type))

const double = new Float64Array(1)
const doubleBytes = new Uint8Array(double.buffer)
const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/**
 * @returns exactly the bytes
 * @throws {RangeError} a time is no finite number
 */
export function encodeSiblings({ context, versions }: Siblings): Uint8Array {
  const dots = dotsOf(versions)
  const header = dotsLength(context.vector) + dotsLength(context.cloud) + dotsLength(dots)
  let length = 1 + varintLength(header) + header
  for (const version of versions) {
    length += 9 + (version.expiresMs === 0 ? 0 : 8) + varintLength(version.value.length) + version.value.length
    const type = plainType(version.contentType)
    if (!commonTypes.includes(type)) length += textLength(type)
  }
  const bytes = Buffer.allocUnsafe(length)
  bytes[0] = formatVersion
  let at = writeVarint(bytes, 1, header)
  at = writeDots(bytes, at, context.vector)
  at = writeDots(bytes, at, context.cloud)
  at = writeDots(bytes, at, dots)
  for (const version of versions) at = writeVersion(bytes, at, version)
  return bytes
}

/**
 * @returns siblings whose values are views of `bytes`
 * @throws {MalformedBytes} anything that `encodeSiblings` does not write
 */
export function decodeSiblings(bytes: Uint8Array): Siblings {
  const cursor: Cursor = { bytes, at: 0 }
  const headerEnd = readPreamble(cursor)
  const context = readContext(cursor)
  const dots = readVersionDots(cursor, context, headerEnd)
  let versions: Sibling[] = []
  for (let i = 0; i < dots.length; i += 2) {
    const version = readVersion(cursor, dots[i]!, dots[i + 1]!)
    if (dots.length === 2) versions = [version]
    else versions.push(version)
  }
  if (cursor.at !== bytes.length) throw new MalformedBytes('there are bytes behind the last version', cursor.at)
  return versions.length === 0 && isEmpty(context) ? emptySiblings : { context, versions }
}

/** What bytes of siblings hold, without their values: to see whether they hold anything new costs no view of each. */
export interface SiblingsOutline {
  readonly context: CausalContext
  /** Of the versions, flat, in their order. */
  readonly dots: readonly number[]
  readonly hasTombstone: boolean
}

/**
 * All of the bytes is checked as `decodeSiblings` does.
 * @throws {MalformedBytes} anything that `encodeSiblings` does not write
 */
export function outlineOf(bytes: Uint8Array): SiblingsOutline {
  const cursor: Cursor = { bytes, at: 0 }
  const headerEnd = readPreamble(cursor)
  const context = readContext(cursor)
  const dots = readVersionDots(cursor, context, headerEnd)
  let hasTombstone = false
  for (let i = 0; i < dots.length; i += 2) {
    readParts(cursor)
    if ((parts.flags & flagTombstone) !== 0) hasTombstone = true
  }
  if (cursor.at !== bytes.length) throw new MalformedBytes('there are bytes behind the last version', cursor.at)
  return { context, dots, hasTombstone }
}

/**
 * Whether a merge with `bytes` would leave what the outline is of as it is.
 * @throws {MalformedBytes} the bytes end before their header does
 */
export function holdsAllOf({ context, dots }: SiblingsOutline, bytes: Uint8Array): boolean {
  const cursor: Cursor = { bytes, at: 0 }
  const headerEnd = readPreamble(cursor)
  const other = readContext(cursor)
  if (!descends(context, other)) return false
  const otherDots = readVersionDots(cursor, other, headerEnd)
  for (let i = 0; i < dots.length; i += 2) {
    if (covers(other, dots[i]!, dots[i + 1]!) && !holdsDot(otherDots, dots[i]!, dots[i + 1]!)) return false
  }
  return true
}

/**
 * What tells replicas apart without their values: a digest of the context and the dots, since a dot names one value for ever.
 * @param bytes as `encodeSiblings` wrote them
 * @returns 0 ≤ digest < 2^53
 * @throws {MalformedBytes} the bytes end before the header does
 */
export function digestOf(bytes: Uint8Array): number {
  const cursor: Cursor = { bytes, at: 0 }
  const end = readPreamble(cursor)
  return hash53(bytes.subarray(cursor.at, end))
}

/**
 * What the siblings' context is, without a look at their versions.
 * @throws {MalformedBytes} the bytes end before the context does
 */
export function contextOfBytes(bytes: Uint8Array): CausalContext {
  const cursor: Cursor = { bytes, at: 0 }
  readPreamble(cursor)
  return readContext(cursor)
}

/**
 * `relation` of what the bytes hold; equal ones, the usual case, are recognised by their headers alone.
 * @throws {MalformedBytes}
 */
export function relationOfBytes(a: Uint8Array, b: Uint8Array): Relation {
  if (haveEqualHeaders(a, b)) return 'equal'
  return relation(decodeSiblings(a), decodeSiblings(b))
}

/** Whether both know the same: equal contexts, equal dots. @throws {MalformedBytes} the bytes of `a` end before their header does */
export function haveEqualHeaders(a: Uint8Array, b: Uint8Array): boolean {
  const cursor: Cursor = { bytes: a, at: 0 }
  const end = readPreamble(cursor)
  if (b.length < end) return false
  for (let at = 0; at < end; at++) {
    if (a[at] !== b[at]) return false
  }
  return true
}

/** Leaves the cursor at the causal header; returns where that ends. */
function readPreamble(cursor: Cursor): number {
  const version = cursor.bytes[0]
  if (version === undefined) throw new MalformedBytes('there are no bytes', 0)
  if (version !== formatVersion) throw new MalformedBytes(`siblings have format ${version}, this host knows ${formatVersion}`, 0)
  cursor.at = 1
  const length = readVarint(cursor)
  const end = cursor.at + length
  if (end > cursor.bytes.length) throw new MalformedBytes('the bytes end within the causal header', cursor.bytes.length)
  return end
}

function writeVersion(bytes: Buffer, offset: number, { contentType, expiresMs, modifiedMs, tombstone, value }: Sibling): number {
  if (!Number.isFinite(modifiedMs) || !Number.isFinite(expiresMs))
    throw new RangeError(`modified ${modifiedMs} or expires ${expiresMs} is no time`)
  const type = plainType(contentType)
  const common = commonTypes.indexOf(type)
  bytes[offset] =
    (tombstone ? flagTombstone : 0) |
    (expiresMs === 0 ? 0 : flagExpires) |
    ((common < 0 ? typeOther : common) << typeShift) |
    (type === contentType ? 0 : flagDeflated)
  // -0 has other bytes than 0.
  let at = bytes.writeDoubleLE(modifiedMs + 0, offset + 1)
  if (expiresMs !== 0) at = bytes.writeDoubleLE(expiresMs, at)
  if (common < 0) {
    at = writeVarint(bytes, at, Buffer.byteLength(type))
    at += bytes.write(type, at)
  }
  at = writeVarint(bytes, at, value.length)
  bytes.set(value, at)
  return at + value.length
}

/** The dots of the versions, with which the causal header ends. */
function readVersionDots(cursor: Cursor, context: CausalContext, headerEnd: number): readonly number[] {
  const start = cursor.at
  const dots = readDots(cursor, false)
  if (cursor.at !== headerEnd) throw new MalformedBytes('the causal header does not end where it says', cursor.at)
  for (let i = 0; i < dots.length; i += 2) {
    if (!covers(context, dots[i]!, dots[i + 1]!))
      throw new MalformedBytes(`the context does not cover version ${dots[i]}:${dots[i + 1]}`, start)
  }
  return dots
}

function holdsDot(dots: readonly number[], vnode: number, counter: number): boolean {
  for (let i = 0; i < dots.length; i += 2) if (dots[i] === vnode && dots[i + 1] === counter) return true
  return false
}

/** Of the version that was read last; made once, since most of them only pass by. */
const parts = { flags: 0, modifiedMs: 0.5, expiresMs: 0.5, contentType: '', valueAt: 0 }

/** Leaves the cursor behind the value. */
function readParts(cursor: Cursor): void {
  const start = cursor.at
  const flags = cursor.bytes[cursor.at++]
  if (flags === undefined) throw new MalformedBytes('the bytes end before a version', start)
  const type = (flags >>> typeShift) & typeMask
  if (flags > flagsMax || (type !== typeOther && type >= commonTypes.length))
    throw new MalformedBytes(`flags ${flags} are unknown`, start)
  parts.flags = flags
  parts.modifiedMs = readDouble(cursor)
  parts.expiresMs = (flags & flagExpires) === 0 ? 0 : readDouble(cursor)
  if (parts.expiresMs === 0 && (flags & flagExpires) !== 0)
    throw new MalformedBytes('a version is flagged to expire, and does not', start)
  const isPlain = (flags & flagDeflated) === 0
  parts.contentType = type === typeOther ? typeOf(cursor, isPlain) : (isPlain ? commonTypes : deflatedTypes)[type]!
  const length = lengthOf(cursor)
  parts.valueAt = cursor.at
  cursor.at += length
}

function readVersion(cursor: Cursor, vnode: number, counter: number): Sibling {
  readParts(cursor)
  const { flags, modifiedMs, expiresMs, contentType, valueAt } = parts
  return {
    vnode,
    counter,
    value: cursor.bytes.subarray(valueAt, cursor.at),
    contentType,
    modifiedMs,
    expiresMs,
    tombstone: (flags & flagTombstone) !== 0
  }
}

function dotsOf(versions: readonly Sibling[]): readonly number[] {
  if (versions.length === 1) return [versions[0]!.vnode, versions[0]!.counter]
  const dots: number[] = []
  for (const { vnode, counter } of versions) dots.push(vnode, counter)
  return dots
}

function textLength(text: string): number {
  const length = Buffer.byteLength(text)
  return varintLength(length) + length
}

/** A view of the bytes whose length comes first. */
function readBytes(cursor: Cursor): Uint8Array {
  const length = lengthOf(cursor)
  const start = cursor.at
  cursor.at = start + length
  return cursor.bytes.subarray(start, cursor.at)
}

/** Leaves the cursor where the bytes begin; they are all there. */
function lengthOf(cursor: Cursor): number {
  const length = readVarint(cursor)
  if (cursor.at + length > cursor.bytes.length)
    throw new MalformedBytes(`the bytes end within the ${length} of a value or content type`, cursor.bytes.length)
  return length
}

/** One that stands in full. */
function typeOf(cursor: Cursor, isPlain: boolean): string {
  const start = cursor.at
  const text = readText(cursor)
  if (!isPlain) return deflatedMark + text
  if (isDeflated(text)) throw new MalformedBytes('a content type says that the value is deflated, and its flag does not', start)
  return text
}

function readText(cursor: Cursor): string {
  const start = cursor.at
  const bytes = readBytes(cursor)
  if (!isUtf8(bytes)) throw new MalformedBytes('a content type is not UTF-8', start)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
  if (commonTypes.includes(text)) throw new MalformedBytes(`content type ${JSON.stringify(text)} is not in its short form`, start)
  return text
}

function readDouble(cursor: Cursor): number {
  const { bytes, at: start } = cursor
  if (start + 8 > bytes.length) throw new MalformedBytes('the bytes end within a time', bytes.length)
  if (isLittleEndian) for (let at = 0; at < 8; at++) doubleBytes[at] = bytes[start + at]!
  else for (let at = 0; at < 8; at++) doubleBytes[7 - at] = bytes[start + at]!
  const value = double[0]!
  if (!Number.isFinite(value) || Object.is(value, -0)) throw new MalformedBytes('a time is no finite number', start)
  cursor.at = start + 8
  return value
}
