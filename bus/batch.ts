import { limits } from '../model/limits.ts'
import { AddressCache } from './address-cache.ts'
import { type Address, type Envelope, hostOf, type ThreadAddress } from './bus.ts'
import { type Codec, MalformedFrame, Reader, Writer } from './codec.ts'
import { readEnvelope, writeEnvelope } from './envelope.ts'
import { clientHost } from './subject.ts'

/*
 * A frame: magic u8, version u8, flags u8 (0), the sender's thread (u8 length, text), then messages to the end.
 */
const magic = 0xca
const version = 1

/** Threads and addresses remembered for sending; beyond it all are forgotten, since clients come and go. */
const destinationsMax = 4096
const addressesMax = 65_536
const addressPattern = /^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}$/
/** Writers kept for reuse, and the room that they may keep: one of them, all together. */
const spareWritersMax = 512
const spareBytesMax = 256 * 1024
const spareBytesTotalMax = 4 * 1024 * 1024

/** What a frame of that sender begins with. */
export function frameHeader(sender: ThreadAddress): Buffer {
  const header = new Writer(256)
  header.u8(magic)
  header.u8(version)
  header.u8(0)
  header.token(sender, 0)
  return Buffer.from(header.view())
}

interface Destination {
  readonly thread: ThreadAddress
  writer: Writer | undefined
  messages: number
}

/**
 * What to do with a full frame. The writer is lent: give it back with `recycle` once its bytes are no longer needed.
 */
export type Emit = (to: ThreadAddress, frame: Writer, messages: number) => void

/** The batches of one thread on their way out, one for each receiving thread; messages are encoded straight into them. */
export class Outbox {
  readonly #self: ThreadAddress
  readonly #codec: Codec
  readonly #emit: Emit
  readonly #header: Buffer
  readonly #byAddress = new Map<Address, Destination>()
  readonly #byThread = new Map<ThreadAddress, Destination>()
  readonly #waiting: Destination[] = []
  readonly #spare: Writer[] = []
  #spareBytes = 0

  constructor(self: ThreadAddress, codec: Codec, emit: Emit) {
    this.#self = self
    this.#codec = codec
    this.#emit = emit
    this.#header = frameHeader(self)
  }

  /**
   * Encode a message into its batch; the batch is emitted once it is full.
   * @returns false where the message alone is over `limits.busMessageBytesMax`
   * @throws programmer errors: the message cannot be encoded, or the address is none. The batch is unharmed.
   */
  add(envelope: Envelope): boolean {
    const destination = this.#byAddress.get(envelope.to.address) ?? this.#learn(envelope.to.address)
    const writer = destination.writer ?? this.#begin(destination)
    const start = writer.position
    writeEnvelope(envelope, destination.thread.length, this.#self, this.#codec, writer)
    const size = writer.position - start
    if (size > limits.busMessageBytesMax) {
      writer.position = start
      return false
    }
    if (writer.position < limits.batchBytesMax && destination.messages + 1 < limits.batchMessagesMax) {
      destination.messages++
      return true
    }
    if (destination.messages > 0 && writer.position > limits.busMessageBytesMax) this.#splitBefore(destination, writer, start)
    destination.messages++
    this.#leave(destination)
    return true
  }

  /** Emit every batch that holds something, in the order in which they were begun. */
  flush(): void {
    const waiting = this.#waiting
    for (let index = 0; index < waiting.length; index++) {
      const destination = waiting[index] as Destination
      if (destination.messages > 0) this.#leave(destination)
    }
    waiting.length = 0
  }

  /** Whether a flush would emit something. */
  get empty(): boolean {
    for (const destination of this.#waiting) if (destination.messages > 0) return false
    return true
  }

  /** Drop what is queued. @returns how many messages that were */
  drop(): number {
    let dropped = 0
    for (const destination of this.#waiting) {
      dropped += destination.messages
      destination.messages = 0
      if (destination.writer !== undefined) this.recycle(destination.writer)
      destination.writer = undefined
    }
    this.#waiting.length = 0
    return dropped
  }

  /** Take back a writer that was emitted. */
  recycle(writer: Writer): void {
    const { length } = writer.buffer
    if (length > spareBytesMax || this.#spare.length === spareWritersMax || this.#spareBytes + length > spareBytesTotalMax) return
    this.#spare.push(writer)
    this.#spareBytes += length
  }

  #begin(destination: Destination): Writer {
    const spare = this.#spare.pop()
    if (spare !== undefined) this.#spareBytes -= spare.buffer.length
    const writer = spare ?? new Writer()
    writer.clear()
    writer.raw(this.#header)
    destination.writer = writer
    this.#waiting.push(destination)
    return writer
  }

  #leave(destination: Destination): void {
    const { writer, messages } = destination
    destination.writer = undefined
    destination.messages = 0
    if (writer !== undefined) this.#emit(destination.thread, writer, messages)
  }

  /** The last message and those before it are too much for one frame: let those leave, begin another with it. */
  #splitBefore(destination: Destination, writer: Writer, start: number): void {
    const last = Buffer.from(writer.buffer.subarray(start, writer.position))
    writer.position = start
    this.#leave(destination)
    this.#begin(destination).raw(last)
  }

  #learn(address: Address): Destination {
    if (!addressPattern.test(address)) throw new RangeError(`${JSON.stringify(address)} is no address: write host.thread.actor`)
    if (this.#byAddress.size >= addressesMax || this.#byThread.size >= destinationsMax) {
      this.flush()
      this.#byAddress.clear()
      this.#byThread.clear()
    }
    const thread = address.slice(0, address.lastIndexOf('.')) as ThreadAddress
    let destination = this.#byThread.get(thread)
    if (destination === undefined) {
      destination = { thread, writer: undefined, messages: 0 }
      this.#byThread.set(thread, destination)
    }
    this.#byAddress.set(address, destination)
    return destination
  }
}

/** Takes frames apart. */
export class Inbox {
  /** Messages and frames that did not decode, so far. */
  malformed = 0
  /** Messages handed over, so far. */
  messages = 0
  readonly #self: ThreadAddress
  readonly #codec: Codec
  readonly #addresses = new AddressCache()
  readonly #reader = new Reader()
  readonly #onMalformed: ((error: Error) => void) | undefined
  readonly #fromClientsOnly: boolean

  /**
   * @param onMalformed told of each frame or message that is dropped
   * @param fromClientsOnly take frames of application clients alone, and answer none but the sender
   */
  constructor(self: ThreadAddress, codec: Codec, onMalformed?: (error: Error) => void, fromClientsOnly = false) {
    this.#self = self
    this.#codec = codec
    this.#onMalformed = onMalformed
    this.#fromClientsOnly = fromClientsOnly
  }

  /**
   * Hand over each message of a frame, in order. What does not decode is counted and dropped; the messages behind it are
   * still read where its length is intact. Throws nothing but what `deliver` throws.
   * @param frame the receiver may keep views of it
   * @param exceptOwn pass over a frame of this very thread: it came back from telling everyone
   */
  open(frame: Uint8Array, deliver: (envelope: Envelope) => void, exceptOwn = false): void {
    const reader = this.#reader
    let envelope: Envelope | undefined
    let sender: ThreadAddress
    try {
      sender = this.#readHeader(reader.open(frame))
    } catch (error) {
      this.#drop(error)
      return
    }
    if (exceptOwn && sender === this.#self) return
    const { buffer, end } = reader
    const { seed } = this.#addresses
    let at = reader.position
    while (at < end) {
      envelope = undefined
      try {
        // the receiver may have opened another frame meanwhile
        reader.open(buffer, at, end)
        const length = reader.varint()
        if (length > reader.remaining) {
          at = end
          reader.fail(`a message of ${length} bytes does not fit in what is left`)
        }
        at = reader.position + length
        reader.end = at
        envelope = readEnvelope(reader, this.#self, sender, seed, this.#fromClientsOnly, this.#codec, this.#addresses)
      } catch (error) {
        if (at < reader.position && reader.end === end) at = end
        this.#drop(error)
      }
      if (envelope !== undefined) {
        this.messages++
        deliver(envelope)
      }
    }
    reader.close()
  }

  #readHeader(reader: Reader): ThreadAddress {
    if (reader.u8() !== magic) reader.fail('it does not begin as a frame does')
    const written = reader.u8()
    if (written !== version) reader.fail(`wire version ${written} is not known, ${version} is`)
    reader.u8()
    const sender = this.#addresses.thread(reader)
    if (this.#fromClientsOnly && hostOf(sender) !== clientHost) reader.fail('its sender is no client')
    return sender
  }

  #drop(error: unknown): void {
    this.malformed++
    if (this.#onMalformed === undefined) return
    // a codec may throw something else when it is fed nonsense; it is no less malformed
    this.#onMalformed(error instanceof MalformedFrame ? error : new MalformedFrame(String(error), this.#reader.position))
  }
}
