/** What a server of the Redis protocol, version 2, answers: a status, a number, bytes, nothing, an error, or a list of these. */
export type RespReply = string | number | Uint8Array | null | RespError | readonly RespReply[]

/** A server said no. */
export class RespError extends Error {
  /** The first word of what it said: 'ERR', 'NOREPLICAS'. */
  readonly code: string

  constructor(text: string) {
    super(text)
    this.name = 'RespError'
    this.code = /^[A-Z]+/.exec(text)?.[0] ?? 'ERR'
  }
}

const lineBytesMax = 64 * 1024
const bulkBytesMax = 64 * 1024 * 1024
const listLengthMax = 1024 * 1024
const depthMax = 8
const [carriageReturn, lineFeed, minus, zero, nine] = [13, 10, 45, 48, 57]
const incomplete = Symbol('incomplete')

/**
 * Replies out of bytes that come in pieces of any size.
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
export class RespReader {
  #held: Buffer = Buffer.alloc(0)
  #at = 0

  /**
   * @param take is given each reply as it is complete; bytes in it are views of `chunk` where it holds all of them
   * @throws {RangeError} it is not this protocol, or over a limit: then the connection is of no use any more
   */
  feed(chunk: Buffer, take: (reply: RespReply) => void): void {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#at = 0
    let complete = 0
    while (this.#at < this.#held.length) {
      const reply = this.#reply(0)
      if (reply === incomplete) break
      complete = this.#at
      take(reply)
    }
    this.#held = this.#held.subarray(complete)
  }

  #reply(depth: number): RespReply | typeof incomplete {
    const from = this.#at
    const end = this.#held.indexOf(carriageReturn, from)
    if (end < 0 || end + 1 >= this.#held.length) {
      if (this.#held.length - from > lineBytesMax) throw new RangeError(`a line of more than ${lineBytesMax} bytes`)
      return incomplete
    }
    if (this.#held[end + 1] !== lineFeed) throw new RangeError('a line ends with a carriage return alone')
    this.#at = end + 2
    const kind = String.fromCharCode(this.#held[from]!)
    switch (kind) {
      case '+':
        return this.#held.latin1Slice(from + 1, end)
      case '-':
        return new RespError(this.#held.toString('utf8', from + 1, end))
      case ':':
        return this.#number(from + 1, end)
      case '$':
        return this.#bulk(this.#number(from + 1, end))
      case '*':
        return this.#list(this.#number(from + 1, end), depth)
      default:
        throw new RangeError(`a reply begins with ${JSON.stringify(kind)}`)
    }
  }

  #number(from: number, end: number): number {
    const isNegative = this.#held[from] === minus
    let value = 0
    const first = isNegative ? from + 1 : from
    for (let at = first; at < end; at += 1) {
      const digit = this.#held[at]!
      if (digit < zero || digit > nine) throw new RangeError('a number holds something other than digits')
      value = value * 10 + (digit - zero)
    }
    if (first === end || value > Number.MAX_SAFE_INTEGER) throw new RangeError('a number is empty or too great')
    return isNegative && value !== 0 ? -value : value
  }

  #bulk(length: number): Uint8Array | null | typeof incomplete {
    if (length === -1) return null
    if (length < 0 || length > bulkBytesMax) throw new RangeError(`a value of ${length} bytes; the limit is ${bulkBytesMax}`)
    const end = this.#at + length
    if (end + 2 > this.#held.length) return incomplete
    if (this.#held[end] !== carriageReturn || this.#held[end + 1] !== lineFeed) throw new RangeError('a value has no end')
    const bytes = this.#held.subarray(this.#at, end)
    this.#at = end + 2
    return bytes
  }

  #list(length: number, depth: number): readonly RespReply[] | null | typeof incomplete {
    if (length === -1) return null
    if (length < 0 || length > listLengthMax || depth >= depthMax) throw new RangeError('a list is too long or too deep')
    const list: RespReply[] = []
    while (list.length < length) {
      const reply = this.#at < this.#held.length ? this.#reply(depth + 1) : incomplete
      if (reply === incomplete) return incomplete
      list.push(reply)
    }
    return list
  }
}

const spaceBytesMin = 4 * 1024
const numberBytesMax = 16

/** Commands one behind the other, ready to leave in one piece. */
export class RespWriter {
  #space = Buffer.allocUnsafe(spaceBytesMin)
  #length = 0

  get isEmpty(): boolean {
    return this.#length === 0
  }

  /** @param words the command and its arguments */
  add(...words: readonly (string | Uint8Array)[]): void {
    this.#line('*', words.length)
    for (const word of words) {
      const length = typeof word === 'string' ? Buffer.byteLength(word) : word.length
      this.#line('$', length)
      this.#room(length + 2)
      if (typeof word === 'string') this.#space.write(word, this.#length)
      else this.#space.set(word, this.#length)
      this.#length += length
      this.#space[this.#length++] = carriageReturn
      this.#space[this.#length++] = lineFeed
    }
  }

  /** Everything since the last time; the caller's own. */
  take(): Buffer {
    const taken = this.#space.subarray(0, this.#length)
    // What is left of the space serves the next ones; nobody writes to `taken` any more.
    const rest = this.#space.subarray(this.#length)
    this.#space = rest.length >= spaceBytesMin ? rest : Buffer.allocUnsafe(Math.max(spaceBytesMin * 4, taken.length * 2))
    this.#length = 0
    return taken
  }

  #line(kind: string, number: number): void {
    this.#room(numberBytesMax)
    this.#length += this.#space.latin1Write(`${kind}${number}\r\n`, this.#length)
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#space.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#space.length * 2, this.#length + bytes))
    this.#space.copy(larger, 0, 0, this.#length)
    this.#space = larger
  }
}
