/*
 * Messages of the prototype. A frame is one byte that says who sends it, then entries: u8 kind, u32 id, u8 bytes of key, u16 bytes of
 * value, key, value.
 */
export const kinds = Object.freeze({ put: 0, get: 1, store: 2, fetch: 3, done: 4 })
export type Kind = (typeof kinds)[keyof typeof kinds]

/** The number that a client sends in place of a host's. */
export const clientNumber = 255
export const noValue = Buffer.alloc(0)

const headBytes = 8
const frameBytesFirst = 4_096
/** Below what nats-server takes by default. */
const frameBytesMax = 512 * 1_024

/** Subject on which a host listens, and the one on which its clients do. */
export function hostSubject(number: number): string {
  return `prototype.host.${number}`
}

export function clientSubject(number: number): string {
  return `prototype.client.${number}`
}

/** Gathers what one turn of the event loop has for one receiver, and sends it as one frame. */
export class Batch {
  readonly #sender: number
  readonly #send: (frame: Uint8Array) => void
  #bytes = Buffer.allocUnsafe(frameBytesFirst)
  #length = 1

  constructor(sender: number, send: (frame: Uint8Array) => void) {
    this.#sender = sender
    this.#send = send
  }

  add(kind: Kind, id: number, key: string, value: Uint8Array): void {
    const needed = headBytes + key.length + value.length
    if (this.#length === 1) queueMicrotask(this.#flush)
    else if (this.#length + needed > frameBytesMax) {
      this.#flush()
      queueMicrotask(this.#flush)
    }
    while (this.#length + needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(this.#bytes.length * 2)
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    const at = this.#length
    const bytes = this.#bytes
    bytes[at] = kind
    bytes.writeUInt32LE(id, at + 1)
    bytes[at + 5] = key.length
    bytes.writeUInt16LE(value.length, at + 6)
    bytes.latin1Write(key, at + headBytes)
    bytes.set(value, at + headBytes + key.length)
    this.#length = at + needed
  }

  readonly #flush = (): void => {
    if (this.#length === 1) return
    this.#bytes[0] = this.#sender
    // The connection keeps it until it is written.
    this.#send(Uint8Array.prototype.slice.call(this.#bytes, 0, this.#length))
    this.#length = 1
  }
}

/** @param take is told of each entry; the value is a view into the frame */
export function readFrame(
  data: Uint8Array,
  take: (kind: Kind, id: number, key: string, value: Buffer, sender: number) => void
): void {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  const sender = bytes[0]!
  for (let at = 1; at < bytes.length; ) {
    const keyAt = at + headBytes
    const valueAt = keyAt + bytes[at + 5]!
    const end = valueAt + bytes.readUInt16LE(at + 6)
    take(bytes[at] as Kind, bytes.readUInt32LE(at + 1), bytes.latin1Slice(keyAt, valueAt), bytes.subarray(valueAt, end), sender)
    at = end
  }
}
