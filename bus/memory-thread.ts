import { limits } from '../model/limits.ts'
import { Outbox, type OutboxOptions } from './batch.ts'
import type { Bus, BusFigures, Envelope, Receiver, ThreadAddress } from './bus.ts'
import type { Codec } from './codec.ts'
import { Inbox } from './inbox.ts'

/** A batch under way: bytes, or the envelopes themselves. */
export type Cargo = Buffer | readonly Envelope[]

/** What a network lends to its threads. */
export interface MemoryEnd {
  readonly codec: Codec
  readonly encode: boolean
  /** Milliseconds. */
  readonly now: () => number
  readonly outbox: Pick<OutboxOptions, 'creditBytesMax' | 'heldBytesMax'>
  /** Another one with each call. */
  readonly nextLife: () => number
  readonly onMalformed: ((error: Error) => void) | undefined
  /** A batch leaves. */
  readonly dispatch: (from: ThreadAddress, to: ThreadAddress, cargo: Cargo) => void
  /** The thread is through. */
  readonly release: (bus: MemoryBus) => void
}

/** A thread's end of a `MemoryNetwork`, which makes it. */
export class MemoryBus implements Bus {
  readonly thread: ThreadAddress
  readonly #outbox: Outbox | undefined
  readonly #inbox: Inbox
  readonly #queued = new Map<ThreadAddress, Envelope[]>()
  readonly #end: MemoryEnd
  readonly #deliver: (envelope: Envelope) => void
  #receiver: Receiver | undefined
  #open = true
  #messagesOut = 0
  #messagesIn = 0
  #batchesOut = 0
  #batchesIn = 0
  #bytesOut = 0
  #bytesIn = 0
  #refused = 0

  constructor(thread: ThreadAddress, end: MemoryEnd) {
    this.thread = thread
    this.#end = end
    this.#deliver = envelope => this.#receiver?.deliver(envelope)
    if (end.encode) {
      const outbox: Outbox = new Outbox(
        thread,
        end.codec,
        (to, frame, messages) => {
          const bytes = Buffer.from(frame.view())
          outbox.recycle(frame)
          this.#bytesOut += bytes.length
          this.#leave(to, bytes, messages)
        },
        {
          ...end.outbox,
          life: end.nextLife(),
          now: end.now,
          refused: replyTo => {
            this.#refused++
            if (replyTo !== undefined) this.#receiver?.refused?.(replyTo)
          }
        }
      )
      this.#outbox = outbox
    }
    this.#inbox = new Inbox(thread, end.codec, end.onMalformed, false, this.#outbox?.ledger)
  }

  get connected(): boolean {
    return this.#open
  }

  get isShort(): boolean {
    return this.#outbox?.isShort === true
  }

  get listening(): boolean {
    return this.#open && this.#receiver !== undefined
  }

  listen(receiver: Receiver): void {
    if (this.#receiver !== undefined) throw new Error(`${this.thread} listens already: a bus has one receiver`)
    this.#receiver = receiver
    if (receiver.refused === undefined) this.#outbox?.refuseAtOnce()
  }

  send(envelope: Envelope): boolean {
    const taken = this.#open && (this.#outbox?.add(envelope) ?? this.#queue(envelope))
    if (!taken) this.#refused++
    return taken
  }

  #queue(envelope: Envelope): boolean {
    const { address } = envelope.to
    const thread = address.slice(0, address.lastIndexOf('.')) as ThreadAddress
    let queue = this.#queued.get(thread)
    if (queue === undefined) {
      queue = []
      this.#queued.set(thread, queue)
    }
    if (queue.push(envelope) >= limits.batchMessagesMax) {
      this.#queued.delete(thread)
      this.#leave(thread, queue, queue.length)
    }
    return true
  }

  flush(): void {
    if (!this.#open) return
    this.#outbox?.flush()
    if (this.#queued.size === 0) return
    const queued = [...this.#queued]
    this.#queued.clear()
    for (const [thread, envelopes] of queued) this.#leave(thread, envelopes, envelopes.length)
  }

  #leave(to: ThreadAddress, cargo: Cargo, messages: number): void {
    this.#messagesOut += messages
    this.#batchesOut++
    this.#end.dispatch(this.thread, to, cargo)
  }

  /** @internal a batch has arrived */
  take(cargo: Cargo): void {
    const receiver = this.#receiver
    if (receiver === undefined) return
    this.#batchesIn++
    if (Buffer.isBuffer(cargo)) {
      this.#bytesIn += cargo.length
      this.#inbox.open(cargo, this.#deliver)
      if (this.#open) this.#outbox?.settle()
    } else {
      this.#messagesIn += cargo.length
      for (const envelope of cargo) receiver.deliver(envelope)
    }
    receiver.delivered()
  }

  /** @internal nobody listens there */
  hint(thread: ThreadAddress): void {
    if (this.#open) this.#receiver?.unreachable(thread)
  }

  /** @internal dead: nothing goes in or out any more */
  abandon(): void {
    this.#open = false
    this.#outbox?.drop()
    this.#queued.clear()
  }

  figures(): BusFigures {
    return {
      messagesOut: this.#messagesOut,
      messagesIn: this.#messagesIn + this.#inbox.messages,
      batchesOut: this.#batchesOut,
      batchesIn: this.#batchesIn,
      bytesOut: this.#bytesOut,
      bytesIn: this.#bytesIn,
      refused: this.#refused,
      malformed: this.#inbox.malformed
    }
  }

  async close(): Promise<void> {
    this.flush()
    this.#open = false
    this.#end.release(this)
  }
}
