declare global {
  /** Node's own ways between bytes and text, without the look-up of an encoding; public in Node, absent from its types. */
  interface Buffer {
    latin1Slice(start?: number, end?: number): string
    utf8Slice(start?: number, end?: number): string
    latin1Write(text: string, offset?: number, length?: number): number
    utf8Write(text: string, offset?: number, length?: number): number
  }
}

/** The bytes are not what the wire format says. `offset` is where in the frame that was found. */
export class MalformedFrame extends Error {
  readonly offset: number

  constructor(what: string, offset: number) {
    super(`malformed frame at byte ${offset}: ${what}`)
    this.name = 'MalformedFrame'
    this.offset = offset
  }
}

const nothing = Buffer.alloc(0)

/**
 * Reads what a Writer wrote. Never reads past its end, whatever the bytes say.
 * Bytes come back as views on the frame, not as copies.
 */
export class Reader {
  buffer: Buffer = nothing
  position = 0
  end = 0

  /** Begin anew. @param end where to stop; default: the end of the bytes */
  open(bytes: Uint8Array, start = 0, end: number = bytes.length): this {
    this.buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.position = start
    this.end = end
    return this
  }

  /** Let go of the bytes. */
  close(): void {
    this.buffer = nothing
    this.position = 0
    this.end = 0
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** @throws {MalformedFrame} always; for codecs that find a value out of place */
  fail(what: string): never {
    throw new MalformedFrame(what, this.position)
  }

  u8(): number {
    if (this.position >= this.end) this.fail('it ends too early')
    return this.buffer[this.position++] as number
  }

  u16(): number {
    const at = this.#take(2)
    return (this.buffer[at] as number) | ((this.buffer[at + 1] as number) << 8)
  }

  u32(): number {
    const at = this.#take(4)
    const { buffer } = this
    return (
      ((buffer[at] as number) |
        ((buffer[at + 1] as number) << 8) |
        ((buffer[at + 2] as number) << 16) |
        ((buffer[at + 3] as number) << 24)) >>>
      0
    )
  }

  f64(): number {
    return this.buffer.readDoubleLE(this.#take(8))
  }

  varint(): number {
    if (this.position >= this.end) this.fail('it ends too early')
    const first = this.buffer[this.position++] as number
    return first < 0x80 ? first : this.#varintTail(first & 0x7f)
  }

  #varintTail(value: number): number {
    let scale = 128
    for (let count = 1; count < 8; count++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail('a number is above 2^53')
        return value
      }
      scale *= 128
    }
    return this.fail('a number has more than 8 bytes')
  }

  /** The next `length` bytes. */
  raw(length: number): Buffer {
    const at = this.#take(length)
    return this.buffer.subarray(at, at + length)
  }

  /** Length, then the bytes. */
  bytes(): Buffer {
    return this.raw(this.varint())
  }

  /** Length in one byte, then ASCII text. */
  token(): string {
    const length = this.u8()
    const at = this.#take(length)
    return this.buffer.latin1Slice(at, at + length)
  }

  latin1(): string {
    const length = this.varint()
    const at = this.#take(length)
    return this.buffer.latin1Slice(at, at + length)
  }

  utf8(): string {
    const length = this.varint()
    const at = this.#take(length)
    return this.buffer.utf8Slice(at, at + length)
  }

  /** A number of things to come, each of them at least `bytesEach` long: so a loop over them is bounded by the frame. */
  count(bytesEach = 1): number {
    const count = this.varint()
    if (count * bytesEach > this.end - this.position) this.fail(`${count} entries do not fit in what is left`)
    return count
  }

  #take(length: number): number {
    const at = this.position
    if (length > this.end - at) this.fail(`${length} bytes are wanted, ${this.end - at} are left`)
    this.position = at + length
    return at
  }
}
