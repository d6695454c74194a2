const sizeAtFirst = 4096
const singleByteOnly = /^[\0-\xff]*$/

/** Writes numbers, strings and bytes one after the other into a buffer that grows. Numbers are little-endian. */
export class Writer {
  buffer: Buffer
  position = 0

  /** @param bytes room to begin with */
  constructor(bytes = sizeAtFirst) {
    this.buffer = Buffer.allocUnsafeSlow(bytes)
  }

  /** Forget what was written; the room stays. */
  clear(): void {
    this.position = 0
  }

  /** What was written, as a view: valid until the next write. */
  view(): Buffer {
    return this.buffer.subarray(0, this.position)
  }

  /** Make room for `bytes` more. */
  ensure(bytes: number): void {
    if (this.position + bytes > this.buffer.length) this.#grow(bytes)
  }

  #grow(bytes: number): void {
    let size = this.buffer.length * 2
    while (size < this.position + bytes) size *= 2
    const wider = Buffer.allocUnsafeSlow(size)
    this.buffer.copy(wider, 0, 0, this.position)
    this.buffer = wider
  }

  /** Leave a gap to be patched later. @returns where it begins */
  reserve(bytes: number): number {
    this.ensure(bytes)
    const at = this.position
    this.position += bytes
    return at
  }

  u8(value: number): void {
    if (this.position === this.buffer.length) this.#grow(1)
    this.buffer[this.position++] = value
  }

  u16(value: number): void {
    this.ensure(2)
    this.buffer[this.position++] = value
    this.buffer[this.position++] = value >>> 8
  }

  u32(value: number): void {
    this.ensure(4)
    const { buffer, position } = this
    buffer[position] = value
    buffer[position + 1] = value >>> 8
    buffer[position + 2] = value >>> 16
    buffer[position + 3] = value >>> 24
    this.position = position + 4
  }

  f64(value: number): void {
    this.ensure(8)
    this.position = this.buffer.writeDoubleLE(value, this.position)
  }

  /**
   * Seven bits a byte, the low ones first: 1 byte below 128, 5 for 32 bits, 8 at most.
   * @param value an integer, 0 ≤ value ≤ 2^53 − 1
   * @throws {RangeError} it is none
   */
  varint(value: number): void {
    if (this.position + 8 > this.buffer.length) this.#grow(8)
    if (value >= 0x80) {
      value = this.#varintHead(value)
    } else if ((value | 0) !== value || value < 0) {
      throw new RangeError(`${value} is no varint: give an integer, 0 to 2^53 - 1`)
    }
    this.buffer[this.position++] = value
  }

  #varintHead(value: number): number {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no varint: give an integer, 0 to 2^53 - 1`)
    const { buffer } = this
    let { position } = this
    while (value > 0x7fff_ffff) {
      buffer[position++] = (value & 0x7f) | 0x80
      value = Math.floor(value / 128)
    }
    while (value >= 0x80) {
      buffer[position++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.position = position
    return value
  }

  /** Write a varint of three bytes into a gap of three. @param value below 2^21 */
  patchVarint3(at: number, value: number): void {
    this.buffer[at] = (value & 0x7f) | 0x80
    this.buffer[at + 1] = ((value >>> 7) & 0x7f) | 0x80
    this.buffer[at + 2] = value >>> 14
  }

  /** The bytes alone, without their length. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes
    this.ensure(length)
    const { buffer, position } = this
    // a call into the runtime costs more than a few bytes do
    if (length > 24) buffer.set(bytes, position)
    else for (let at = 0; at < length; at++) buffer[position + at] = bytes[at] as number
    this.position = position + length
  }

  /** Length, then the bytes. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.raw(bytes)
  }

  /**
   * Length, then one byte for each character.
   * @param from leave out what is before
   * @throws {RangeError} a character is above U+00FF
   */
  latin1(text: string, from = 0): void {
    const length = text.length - from
    this.varint(length)
    this.ensure(length)
    if (length > 48) {
      if (!singleByteOnly.test(text)) throw new RangeError('a binary string holds a character above U+00FF')
      this.position += this.buffer.latin1Write(from === 0 ? text : text.slice(from), this.position)
      return
    }
    const { buffer } = this
    let { position } = this
    for (let at = from; at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code > 0xff) throw new RangeError('a binary string holds a character above U+00FF')
      buffer[position++] = code
    }
    this.position = position
  }

  /**
   * Length in one byte, then ASCII text: names and addresses, known to be tokens.
   * @param from leave out what is before
   * @throws {RangeError} it is longer than 255
   */
  token(text: string, from: number): void {
    const { length } = text
    if (length - from > 255) throw new RangeError(`a name of ${length - from} characters is too long`)
    this.ensure(length - from + 1)
    const { buffer } = this
    let { position } = this
    buffer[position++] = length - from
    for (let at = from; at < length; at++) buffer[position++] = text.charCodeAt(at)
    this.position = position
  }

  /** Length in bytes, then the text as UTF-8; a lone surrogate becomes U+FFFD. */
  utf8(text: string): void {
    const length = Buffer.byteLength(text)
    this.varint(length)
    this.ensure(length)
    this.position += this.buffer.utf8Write(text, this.position)
  }
}
