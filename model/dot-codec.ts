import { limits } from './limits.ts'

/**
 * Bytes of numbers and of flat, ascending lists of dots. Varints are LEB128, at most 2^53 - 1, in their shortest form only,
 * so that equal things have equal bytes. In a list each entry is coded against the one before:
 * varint uid - previous uid; where that is 0, varint epoch - previous epoch, else varint epoch;
 * where both are the same, varint counter - previous counter, else varint counter. Every list that decodes is ascending.
 */
const epochs = 0x10_0000
const uidsMax = 0xffff_ffff
const twoTo28 = 0x1000_0000

const none: readonly number[] = Object.freeze([])

/** Entries of one list that are read; a replica's own context may be larger than the one that a client may send. */
const dotsReadMax = 16 * limits.contextEntriesMax

/** Bytes that were not written by this codec, or were damaged since. */
export class MalformedBytes extends Error {
  /** Where in the bytes. */
  readonly offset: number
  constructor(what: string, offset: number) {
    super(`${what} at byte ${offset}`)
    this.name = 'MalformedBytes'
    this.offset = offset
  }
}

/** A place in bytes that are being read. */
export interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

export function varintLength(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x20_0000) return 3
  if (value < twoTo28) return 4
  return 4 + varintLength(Math.floor(value / twoTo28))
}

/** @returns the offset behind what was written */
export function writeVarint(bytes: Uint8Array, offset: number, value: number): number {
  let at = offset
  let low = value
  if (value >= twoTo28) {
    let high = Math.floor(value / twoTo28)
    // the low 28 bits: also of what has more than 32
    low = value & (twoTo28 - 1)
    bytes[at++] = (low & 0x7f) | 0x80
    bytes[at++] = ((low >>> 7) & 0x7f) | 0x80
    bytes[at++] = ((low >>> 14) & 0x7f) | 0x80
    bytes[at++] = (low >>> 21) | 0x80
    while (high >= 0x80) {
      bytes[at++] = (high & 0x7f) | 0x80
      high >>>= 7
    }
    bytes[at++] = high
    return at
  }
  while (low >= 0x80) {
    bytes[at++] = (low & 0x7f) | 0x80
    low >>>= 7
  }
  bytes[at++] = low
  return at
}

/** @throws {MalformedBytes} cut short, longer than it need be, or above 2^53 - 1 */
export function readVarint(cursor: Cursor): number {
  const { bytes } = cursor
  const start = cursor.at
  const first = bytes[start]
  if (first !== undefined && first < 0x80) {
    cursor.at = start + 1
    return first
  }
  let value = 0
  let scale = 1
  for (let at = start; at < start + 8; at++) {
    const byte = bytes[at]
    if (byte === undefined) throw new MalformedBytes('the bytes end within a number', at)
    value += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (byte === 0) throw new MalformedBytes('a number is not in its shortest form', at)
      if (value > Number.MAX_SAFE_INTEGER) throw new MalformedBytes('a number passes 2^53 - 1', start)
      cursor.at = at + 1
      return value
    }
    scale *= 128
  }
  throw new MalformedBytes('a number passes 2^53 - 1', start)
}

/** Bytes that `writeDots` needs. */
export function dotsLength(dots: readonly number[]): number {
  let length = varintLength(dots.length / 2)
  let uidBefore = 0
  let epochBefore = 0
  let counterBefore = 0
  for (let at = 0; at < dots.length; at += 2) {
    const vnode = dots[at]!
    const counter = dots[at + 1]!
    const uid = Math.floor(vnode / epochs)
    const epoch = vnode - uid * epochs
    if (uid !== uidBefore) {
      epochBefore = 0
      counterBefore = 0
    } else if (epoch !== epochBefore) {
      counterBefore = 0
    }
    length += varintLength(uid - uidBefore) + varintLength(epoch - epochBefore) + varintLength(counter - counterBefore)
    uidBefore = uid
    epochBefore = epoch
    counterBefore = counter
  }
  return length
}

/**
 * @param dots flat, ascending by vnode, then counter
 * @returns the offset behind what was written
 */
export function writeDots(bytes: Uint8Array, offset: number, dots: readonly number[]): number {
  let at = writeVarint(bytes, offset, dots.length / 2)
  let uidBefore = 0
  let epochBefore = 0
  let counterBefore = 0
  for (let i = 0; i < dots.length; i += 2) {
    const vnode = dots[i]!
    const counter = dots[i + 1]!
    const uid = Math.floor(vnode / epochs)
    const epoch = vnode - uid * epochs
    if (uid !== uidBefore) {
      epochBefore = 0
      counterBefore = 0
    } else if (epoch !== epochBefore) {
      counterBefore = 0
    }
    at = writeVarint(bytes, at, uid - uidBefore)
    at = writeVarint(bytes, at, epoch - epochBefore)
    at = writeVarint(bytes, at, counter - counterBefore)
    uidBefore = uid
    epochBefore = epoch
    counterBefore = counter
  }
  return at
}

/**
 * @param oneCounterEach a version vector: no vnode twice
 * @throws {MalformedBytes} cut short, out of range, a dot twice, a counter of 0, or more entries than a context can have
 */
export function readDots(cursor: Cursor, oneCounterEach: boolean): readonly number[] {
  const start = cursor.at
  const count = readVarint(cursor)
  // Three bytes are the least an entry takes: a count that cannot be true is refused before anything is allocated for it.
  if (count > dotsReadMax || count * 3 > cursor.bytes.length - cursor.at) {
    throw new MalformedBytes(`${count} entries are more than fit`, start)
  }
  if (count === 0) return none
  const dots: number[] = []
  let uid = 0
  let epoch = 0
  let counter = 0
  for (let i = 0; i < count; i++) {
    const entry = cursor.at
    const uidStep = readVarint(cursor)
    const epochStep = readVarint(cursor)
    const counterStep = readVarint(cursor)
    if (uidStep > 0) {
      uid += uidStep
      epoch = 0
      counter = 0
    }
    if (epochStep > 0) {
      epoch += epochStep
      counter = 0
    }
    if (uid > uidsMax || epoch >= epochs) throw new MalformedBytes('a vnode id is out of range', entry)
    if (oneCounterEach && i > 0 && uidStep === 0 && epochStep === 0) throw new MalformedBytes('a vnode is listed twice', entry)
    if (counterStep === 0) throw new MalformedBytes('a counter is 0, or a dot is listed twice', entry)
    counter += counterStep
    if (counter > Number.MAX_SAFE_INTEGER) throw new MalformedBytes('a counter passes 2^53 - 1', entry)
    // An array that grows by a push makes room for seventeen: most lists have one entry.
    if (count === 1) return [uid * epochs + epoch, counter]
    dots.push(uid * epochs + epoch, counter)
  }
  return dots
}
