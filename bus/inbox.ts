import { AddressCache } from './address-cache.ts'
import { type Envelope, hostOf, type ThreadAddress } from './bus.ts'
import { type Codec, MalformedFrame, Reader } from './codec.ts'
import { type CreditLedger, readNote } from './credit.ts'
import { readEnvelope } from './envelope.ts'
import { hasNote, isAsking, magic, version } from './frame.ts'
import { clientHost } from './subject.ts'

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
  readonly #ledger: CreditLedger | undefined

  /**
   * @param onMalformed told of each frame or message that is dropped
   * @param fromClientsOnly take frames of application clients alone, and answer none but the sender
   * @param ledger of the `Outbox`; undefined: what notes of credit say is passed over
   */
  constructor(
    self: ThreadAddress,
    codec: Codec,
    onMalformed?: (error: Error) => void,
    fromClientsOnly = false,
    ledger?: CreditLedger
  ) {
    this.#self = self
    this.#codec = codec
    this.#onMalformed = onMalformed
    this.#fromClientsOnly = fromClientsOnly
    this.#ledger = ledger
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
      sender = this.#readHeader(reader.open(frame), exceptOwn)
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

  #readHeader(reader: Reader, exceptOwn: boolean): ThreadAddress {
    if (reader.u8() !== magic) reader.fail('it does not begin as a frame does')
    const written = reader.u8()
    if (written !== version) reader.fail(`wire version ${written} is not known, ${version} is`)
    const flags = reader.u8()
    const sender = this.#addresses.thread(reader)
    if (this.#fromClientsOnly && hostOf(sender) !== clientHost) reader.fail('its sender is no client')
    if ((flags & hasNote) === 0) this.#ledger?.without(sender)
    else if (!exceptOwn || sender !== this.#self) readNote(reader, sender, this.#ledger, (flags & isAsking) !== 0)
    return sender
  }

  #drop(error: unknown): void {
    this.malformed++
    if (this.#onMalformed === undefined) return
    // a codec may throw something else when it is fed nonsense; it is no less malformed
    this.#onMalformed(error instanceof MalformedFrame ? error : new MalformedFrame(String(error), this.#reader.position))
  }
}
