import { limits } from '../model/limits.ts'
import { type Address, type Envelope, everyHost, hostOf, type Ref, type ThreadAddress } from './bus.ts'
import { type Codec, Writer } from './codec.ts'
import { type CreditAccount, CreditLedger, creditMessageBytesMin, reserveNote, writeNote } from './credit.ts'
import { writeEnvelope } from './envelope.ts'
import { flagsAt, hasNote, isAsking, magic, senderBytes, version } from './frame.ts'
import { HeldMessages } from './held-messages.ts'

/** Threads and addresses remembered for sending; beyond it all are forgotten, since clients come and go. */
const destinationsMax = 4096
const addressesMax = 65_536
const addressPattern = /^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}$/
/** Writers kept for reuse, and the room that they may keep: one of them, all together. */
const spareWritersMax = 512
const spareBytesMax = 256 * 1024
const spareBytesTotalMax = 4 * 1024 * 1024

interface Destination {
  readonly thread: ThreadAddress
  /** Undefined: every host. */
  readonly account: CreditAccount | undefined
  writer: Writer | undefined
  messages: number
  /** What the data messages in the writer count for. */
  cost: number
  /** Data messages wait, or were refused, for lack of credit. */
  isShort: boolean
  held: HeldMessages | undefined
  /** The receiver has taken nothing for so long that nothing is held for it. */
  stuckAt: number
  askedAtMs: number
  /** How often it was asked since it was last heard to have taken something, and when that was: see `CreditAccount.progress`. */
  asks: number
  progress: number
}

/**
 * What to do with a full frame. The writer is lent: give it back with `recycle` once its bytes are no longer needed.
 */
export type Emit = (to: ThreadAddress, frame: Writer, messages: number) => void

export interface OutboxOptions {
  /** Another one for each life of the thread, 32 bits. Default 0. */
  readonly life?: number
  /** Milliseconds, never less than before; by it messages wait for credit. Default: time stands still. */
  readonly now?: () => number
  /** Default `limits.creditBytesMax`. */
  readonly creditBytesMax?: number
  /** Default `limits.creditHeldBytesMax`. */
  readonly heldBytesMax?: number
  /** A message that `add` took has not left, and will not. */
  readonly refused?: (replyTo: Ref | undefined) => void
  /** A receiver takes nothing any more: so many messages for it were refused, and further ones will be at once. Told once, until it does again. */
  readonly stalled?: (thread: ThreadAddress, messages: number) => void
}

/**
 * The batches of one thread on their way out, one for each receiving thread; messages are encoded straight into them. Data messages leave
 * as long as no more than so many bytes are under way to their receiver; then they wait here for a while, see `limits.creditBytesMax`. Control
 * never waits.
 */
export class Outbox {
  /** For the `Inbox` of the same thread: what arrives there says what may leave here. */
  readonly ledger: CreditLedger
  readonly #self: ThreadAddress
  readonly #codec: Codec
  readonly #emit: Emit
  readonly #options: OutboxOptions
  #creditBytesMax: number
  #heldBytesMax: number
  readonly #header: Buffer
  readonly #noteAt: number
  readonly #byAddress = new Map<Address, Destination>()
  readonly #byThread = new Map<ThreadAddress, Destination>()
  readonly #waiting: Destination[] = []
  readonly #spare: Writer[] = []
  readonly #scratch = new Writer()
  #short: Destination[] = []
  #heldBytes = 0
  #spareBytes = 0

  constructor(self: ThreadAddress, codec: Codec, emit: Emit, options: OutboxOptions = {}) {
    this.#self = self
    this.#codec = codec
    this.#emit = emit
    this.#options = options
    this.#creditBytesMax = options.creditBytesMax ?? limits.creditBytesMax
    this.#heldBytesMax = options.heldBytesMax ?? limits.creditHeldBytesMax
    this.ledger = new CreditLedger(options.life ?? 0, destinationsMax, this.#creditBytesMax / 4)
    const header = new Writer(256)
    header.u8(magic)
    header.u8(version)
    header.u8(hasNote)
    header.raw(senderBytes(self))
    this.#noteAt = reserveNote(header)
    this.#header = Buffer.from(header.view())
  }

  /** Hold nothing: what could wait may be under way instead, and beyond that all is refused at once. For those who cannot be told later. */
  refuseAtOnce(): void {
    this.#creditBytesMax += this.#heldBytesMax
    this.#heldBytesMax = 0
  }

  /**
   * Encode a message into its batch; the batch is emitted once it is full.
   * @returns false where the message alone is over `limits.busMessageBytesMax`, or there is no credit for it, nor room to wait for some
   * @throws programmer errors: the message cannot be encoded, or the address is none. The batch is unharmed.
   */
  add(envelope: Envelope): boolean {
    const destination = this.#byAddress.get(envelope.to.address) ?? this.#learn(envelope.to.address)
    const isData = envelope.lane === 'data'
    if (isData && (destination.held !== undefined || !this.#hasCredit(destination))) return this.#hold(destination, envelope)
    const writer = destination.writer ?? this.#begin(destination)
    const start = writer.position
    writeEnvelope(envelope, destination.thread.length, this.#self, this.#codec, writer)
    const size = writer.position - start
    if (size > limits.busMessageBytesMax) {
      writer.position = start
      return false
    }
    const cost = isData ? costOf(size) : 0
    if (writer.position < limits.batchBytesMax && destination.messages + 1 < limits.batchMessagesMax) {
      destination.messages++
      destination.cost += cost
      return true
    }
    if (destination.messages > 0 && writer.position > limits.busMessageBytesMax) this.#splitBefore(destination, writer, start)
    destination.messages++
    destination.cost += cost
    this.#leave(destination)
    return true
  }

  /** Emit every batch that holds something, in the order in which they were begun. */
  flush(): void {
    if (this.#short.length > 0) this.#relieve()
    const waiting = this.#waiting
    for (let index = 0; index < waiting.length; index++) {
      const destination = waiting[index] as Destination
      if (destination.messages > 0) this.#leave(destination)
    }
    waiting.length = 0
  }

  /** Something has arrived: tell those who should know, and let leave what there is credit for now. */
  settle(): void {
    for (const account of this.ledger.owing()) {
      // it may have gone with a batch meanwhile
      if (this.ledger.isOwed(account)) this.#leaveNow(this.#byThread.get(account.thread) ?? this.#meet(account.thread), false)
    }
    if (this.#short.length > 0) this.flush()
  }

  /** Whether a flush would emit something. */
  get empty(): boolean {
    for (const destination of this.#waiting) if (destination.messages > 0) return false
    return true
  }

  /** Whether messages wait for credit, or were refused for want of it since the last flush: flush again in `limits.creditAskMs`. */
  get isShort(): boolean {
    return this.#short.length > 0
  }

  /** Bytes that wait for credit; small messages count for more than they have. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** Drop what is queued, and refuse what waits for credit. @returns how many messages were dropped */
  drop(): number {
    let dropped = 0
    for (const destination of this.#waiting) {
      dropped += destination.messages
      destination.messages = 0
      destination.cost = 0
      if (destination.writer !== undefined) this.recycle(destination.writer)
      destination.writer = undefined
    }
    this.#waiting.length = 0
    for (const destination of this.#short) this.#refuseHeld(destination)
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
    const { writer, messages, account, cost } = destination
    destination.writer = undefined
    destination.messages = 0
    destination.cost = 0
    if (writer === undefined) return
    if (account !== undefined) {
      account.sent = (account.sent + cost) >>> 0
      account.told = account.seen
      account.isAsked = false
    }
    writeNote(writer.buffer, this.#noteAt, account)
    this.#emit(destination.thread, writer, messages)
  }

  /** With what is queued, or alone. */
  #leaveNow(destination: Destination, asks: boolean): void {
    const isBegun = destination.writer !== undefined
    const writer = destination.writer ?? this.#begin(destination)
    if (!isBegun) this.#waiting.pop()
    if (asks) writer.buffer[flagsAt] = hasNote | isAsking
    this.#leave(destination)
  }

  #hasCredit({ account, cost }: Destination): boolean {
    return account === undefined || !account.isMutual || account.underWay + cost < this.#creditBytesMax
  }

  /** There is no credit for it: it waits, or is refused. */
  #hold(destination: Destination, envelope: Envelope): boolean {
    const { account } = destination
    this.#isShortOf(destination)
    if (account === undefined || destination.stuckAt === account.progress || this.#heldBytes >= this.#heldBytesMax) return false
    const scratch = this.#scratch
    scratch.clear()
    writeEnvelope(envelope, destination.thread.length, this.#self, this.#codec, scratch)
    if (scratch.position > limits.busMessageBytesMax) return false
    const nowMs = this.#now()
    destination.held ??= new HeldMessages()
    destination.held.push(Buffer.from(scratch.view()), envelope.message.replyTo, envelope.budgetMs, nowMs)
    this.#heldBytes += costOf(scratch.position)
    return true
  }

  #isShortOf(destination: Destination): void {
    if (destination.isShort) return
    destination.isShort = true
    this.#short.push(destination)
  }

  /** Let leave what there is credit for; ask for more where there is not enough. */
  #relieve(): void {
    const nowMs = this.#now()
    const short = this.#short
    this.#short = []
    for (const destination of short) {
      destination.isShort = false
      const progress = destination.account?.progress ?? 0
      if (progress !== destination.progress) destination.asks = 0
      destination.progress = progress
      this.#release(destination, nowMs)
      if (destination.held !== undefined) this.#isShortOf(destination)
      if (this.#hasCredit(destination) || nowMs < destination.askedAtMs + limits.creditAskMs) continue
      destination.askedAtMs = nowMs
      destination.asks++
      this.#leaveNow(destination, true)
    }
  }

  #release(destination: Destination, nowMs: number): void {
    const { held, account } = destination
    if (held === undefined || account === undefined) return
    for (let bytes = held.peek(); bytes !== undefined; bytes = held.peek()) {
      if (held.isOver(nowMs)) {
        this.#options.refused?.(this.#unhold(held))
        continue
      }
      if (!this.#hasCredit(destination)) break
      this.#unhold(held)
      this.#append(destination, bytes)
    }
    if (held.length === 0) {
      destination.held = undefined
    } else if (destination.asks > limits.creditAsksMax) {
      // Counted rather than timed: a thread that was held up itself has not had its answers either.
      destination.stuckAt = account.progress
      const messages = this.#refuseHeld(destination)
      this.#options.stalled?.(destination.thread, messages)
    }
  }

  #refuseHeld(destination: Destination): number {
    const { held } = destination
    if (held === undefined) return 0
    const { length } = held
    // whoever is told may send again
    destination.held = undefined
    while (held.length > 0) this.#options.refused?.(this.#unhold(held))
    return length
  }

  #unhold(held: HeldMessages): Ref | undefined {
    const item = held.shift()
    if (item === undefined) return undefined
    this.#heldBytes -= costOf(item.bytes.length)
    return item.replyTo
  }

  #append(destination: Destination, message: Buffer): void {
    if (destination.messages > 0 && (destination.writer?.position ?? 0) + message.length > limits.batchBytesMax) {
      this.#leave(destination)
    }
    const writer = destination.writer ?? this.#begin(destination)
    writer.raw(message)
    destination.messages++
    destination.cost += costOf(message.length)
    if (writer.position >= limits.batchBytesMax || destination.messages >= limits.batchMessagesMax) this.#leave(destination)
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
    if (this.#byAddress.size >= addressesMax || this.#byThread.size >= destinationsMax) this.#forget()
    const thread = address.slice(0, address.lastIndexOf('.')) as ThreadAddress
    const destination = this.#byThread.get(thread) ?? this.#meet(thread)
    this.#byAddress.set(address, destination)
    return destination
  }

  #meet(thread: ThreadAddress): Destination {
    const destination: Destination = {
      thread,
      account: hostOf(thread) === everyHost ? undefined : this.ledger.open(thread),
      writer: undefined,
      messages: 0,
      cost: 0,
      isShort: false,
      held: undefined,
      stuckAt: -1,
      askedAtMs: Number.NEGATIVE_INFINITY,
      asks: 0,
      progress: 0
    }
    this.#byThread.set(thread, destination)
    return destination
  }

  #forget(): void {
    this.flush()
    for (const destination of this.#short) this.#refuseHeld(destination)
    this.#short = []
    this.#byAddress.clear()
    this.#byThread.clear()
    this.ledger.clear()
  }

  #now(): number {
    return this.#options.now?.() ?? 0
  }
}

function costOf(bytes: number): number {
  return bytes > creditMessageBytesMin ? bytes : creditMessageBytesMin
}
