/**
 * As much of the protocol buffers' encoding as etcd's put and range take.
 * @see https://protobuf.dev/programming-guides/encoding/
 */
const [varintWire, fixed64Wire, bytesWire, fixed32Wire] = [0, 1, 2, 5]
const varintBytesMax = 10

/** Bytes that `number` takes as a varint. @param number 0 ≤ number < 2^32 */
export function varintLength(number: number): number {
  let length = 1
  for (let left = number; left > 0x7f; left >>>= 7) length += 1
  return length
}

/** @param number 0 ≤ number < 2^32 @returns where the next byte goes */
export function writeVarint(target: Uint8Array, at: number, number: number): number {
  let position = at
  let left = number
  while (left > 0x7f) {
    target[position++] = (left & 0x7f) | 0x80
    left >>>= 7
  }
  target[position++] = left
  return position
}

/** Unsigned: fields go up to 2^29 − 1. */
function tagOf(field: number): number {
  return ((field << 3) | bytesWire) >>> 0
}

/** Bytes that a field of bytes takes, its tag and length included. */
export function bytesFieldLength(field: number, bytes: number): number {
  return varintLength(tagOf(field)) + varintLength(bytes) + bytes
}

/** @returns where the next byte goes */
export function writeBytesField(target: Uint8Array, at: number, field: number, bytes: Uint8Array): number {
  const tagged = writeVarint(target, at, tagOf(field))
  const start = writeVarint(target, tagged, bytes.length)
  target.set(bytes, start)
  return start + bytes.length
}

/**
 * The fields of a message, one by one: `next`, then the value by the method that suits it, or the next `next`.
 * @throws {RangeError} the bytes are no message
 */
export class ProtobufReader {
  readonly #bytes: Uint8Array
  #at = 0
  #wire = -1
  #isTaken = true
  field = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** Go on to the next field, over the value of this one where nobody has read it. @returns false at the end */
  next(): boolean {
    if (!this.#isTaken) this.#skip()
    if (this.#at === this.#bytes.length) return false
    const tag = Number(this.#varint())
    this.field = Math.floor(tag / 8)
    this.#wire = tag % 8
    this.#isTaken = false
    if (this.field === 0) throw new RangeError('a field has the number 0')
    return true
  }

  /** Of a field of whole numbers. */
  uint64(): bigint {
    this.#take(varintWire)
    return this.#varint()
  }

  /** Of a text, bytes or a message; a view. */
  bytes(): Uint8Array {
    this.#take(bytesWire)
    return this.#lengthed()
  }

  #take(wire: number): void {
    if (this.#wire !== wire || this.#isTaken)
      throw new RangeError(`field ${this.field} is of wire type ${this.#wire}, not ${wire}`)
    this.#isTaken = true
  }

  #skip(): void {
    this.#isTaken = true
    if (this.#wire === varintWire) this.#varint()
    else if (this.#wire === bytesWire) this.#lengthed()
    else if (this.#wire === fixed64Wire) this.#over(8)
    else if (this.#wire === fixed32Wire) this.#over(4)
    else throw new RangeError(`field ${this.field} has the unknown wire type ${this.#wire}`)
  }

  #lengthed(): Uint8Array {
    const length = Number(this.#varint())
    const start = this.#at
    this.#over(length)
    return this.#bytes.subarray(start, this.#at)
  }

  #over(bytes: number): void {
    if (bytes > this.#bytes.length - this.#at) throw new RangeError(`field ${this.field} goes beyond the end`)
    this.#at += bytes
  }

  #varint(): bigint {
    const first = this.#bytes[this.#at]
    // Nearly all: tags, and lengths of what is short.
    if (first !== undefined && first < 0x80) {
      this.#at += 1
      return BigInt(first)
    }
    let value = 0n
    for (let index = 0; index < varintBytesMax; index += 1) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) throw new RangeError('a number goes beyond the end')
      this.#at += 1
      value |= BigInt(byte & 0x7f) << BigInt(7 * index)
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new RangeError(`a number of more than ${varintBytesMax} bytes`)
  }
}
