import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Address, Bus, BusFigures, Envelope, Message, Receiver, ThreadAddress } from '../bus/bus.ts'
import { threadOf } from '../bus/bus.ts'
import { limits } from '../model/limits.ts'

/** Messages on their way to one thread that it has not confirmed; beyond it, data is refused at once. Nothing is lost on a port, so counting will do. */
export const portUnconfirmedMax = 65_536
/** With those of control, for which the others leave this much room: as much as the receiver's own lane has. */
const portControlMax = portUnconfirmedMax + limits.mailboxControlMax

/** The receiver confirms after so many messages, or as many as came at once. */
const confirmEvery = 4_096

/** Figures of an envelope in the flat array that crosses: address, correlation, incarnation, lane, budget, trace, message. */
const fieldsPerMessage = 7

type Introduction =
  /** `seen`: how often the asking thread was introduced to that one; the exchange may have done so once more meanwhile. */
  | { readonly kind: 'connect'; readonly to: ThreadAddress; readonly seen: number }
  | { readonly kind: 'peer'; readonly thread: ThreadAddress; readonly port: MessagePort }
  | { readonly kind: 'unknown'; readonly thread: ThreadAddress }

interface Attached {
  readonly port: MessagePort
  /** How often it was introduced to others. */
  readonly introduced: Map<ThreadAddress, number>
}

/** Introduces the threads of one process to each other; lives in main. What they say afterwards does not pass here. */
export class PortExchange {
  readonly #threads = new Map<ThreadAddress, Attached>()

  /** @returns the thread's end: move it to the thread, for its `PortBus`. A new life of a thread replaces the one before. */
  attach(thread: ThreadAddress): MessagePort {
    this.detach(thread)
    const { port1, port2 } = new MessageChannel()
    const attached: Attached = { port: port1, introduced: new Map() }
    port1.on('message', (message: Introduction) => {
      if (message.kind === 'connect') this.#connect(thread, attached, message.to, message.seen)
    })
    port1.once('close', () => {
      if (this.#threads.get(thread) === attached) this.#threads.delete(thread)
    })
    // Introductions alone are no reason for the process to live.
    port1.unref()
    this.#threads.set(thread, attached)
    return port2
  }

  detach(thread: ThreadAddress): void {
    this.#threads.get(thread)?.port.close()
    this.#threads.delete(thread)
  }

  close(): void {
    for (const thread of [...this.#threads.keys()]) this.detach(thread)
  }

  #connect(from: ThreadAddress, asking: Attached, to: ThreadAddress, seen: number): void {
    const other = this.#threads.get(to)
    if (other === undefined) {
      asking.port.postMessage({ kind: 'unknown', thread: to } satisfies Introduction)
      return
    }
    // Both have asked at once: one introduction is enough, and two would let messages overtake each other.
    if (seen < (asking.introduced.get(to) ?? 0)) return
    const { port1, port2 } = new MessageChannel()
    asking.introduced.set(to, (asking.introduced.get(to) ?? 0) + 1)
    other.introduced.set(from, (other.introduced.get(from) ?? 0) + 1)
    asking.port.postMessage({ kind: 'peer', thread: to, port: port1 } satisfies Introduction, [port1])
    other.port.postMessage({ kind: 'peer', thread: from, port: port2 } satisfies Introduction, [port2])
  }
}

/** Another thread, as seen from this one. */
class Peer {
  readonly thread: ThreadAddress
  port: MessagePort | undefined = undefined
  waiting: unknown[] = []
  unconfirmed = 0
  received = 0
  constructor(thread: ThreadAddress) {
    this.thread = thread
  }
}

/** The bus between threads of one process: structured clone over ports, one batch per receiver and turn. */
export class PortBus implements Bus {
  readonly thread: ThreadAddress
  readonly #exchange: MessagePort
  readonly #peers = new Map<ThreadAddress, Peer>()
  readonly #introductions = new Map<ThreadAddress, number>()
  /** Peers with something to flush. */
  #dirty: Peer[] = []
  #receiver: Receiver | undefined = undefined
  #closed = false
  readonly #figures = {
    messagesOut: 0,
    messagesIn: 0,
    batchesOut: 0,
    batchesIn: 0,
    bytesOut: 0,
    bytesIn: 0,
    refused: 0,
    malformed: 0
  }

  /** @param exchange what `PortExchange.attach` gave for this thread */
  constructor(thread: ThreadAddress, exchange: MessagePort) {
    this.thread = thread
    this.#exchange = exchange
  }

  get connected(): boolean {
    return !this.#closed
  }

  listen(receiver: Receiver): void {
    if (this.#receiver !== undefined) throw new Error(`the bus of ${this.thread} has a receiver already`)
    this.#receiver = receiver
    this.#exchange.on('message', (message: Introduction) => {
      if (message.kind === 'peer') this.#introduce(message.thread, message.port)
      else if (message.kind === 'unknown') this.#lost(message.thread)
    })
  }

  send(envelope: Envelope): boolean {
    const { to, lane, budgetMs, traceparent, message } = envelope
    const thread = threadOf(to.address)
    let peer = this.#peers.get(thread)
    if (peer === undefined) {
      if (this.#closed) return this.#refuse()
      peer = new Peer(thread)
      this.#peers.set(thread, peer)
      this.#exchange.postMessage({
        kind: 'connect',
        to: thread,
        seen: this.#introductions.get(thread) ?? 0
      } satisfies Introduction)
    }
    const isControl = lane === 'control'
    if (this.#closed || peer.unconfirmed >= (isControl ? portControlMax : portUnconfirmedMax)) return this.#refuse()
    if (peer.waiting.length === 0) this.#dirty.push(peer)
    peer.waiting.push(to.address, to.correlation, to.incarnation, isControl, budgetMs, traceparent, message)
    peer.unconfirmed += 1
    this.#figures.messagesOut += 1
    return true
  }

  flush(): void {
    const dirty = this.#dirty
    if (dirty.length === 0) return
    this.#dirty = []
    for (const peer of dirty) {
      if (peer.port === undefined || peer.waiting.length === 0) continue
      const batch = peer.waiting
      peer.waiting = []
      this.#post(peer, batch)
    }
  }

  figures(): BusFigures {
    return { ...this.#figures }
  }

  close(): Promise<void> {
    this.flush()
    this.#closed = true
    for (const peer of this.#peers.values()) peer.port?.close()
    this.#peers.clear()
    this.#exchange.close()
    return Promise.resolve()
  }

  #refuse(): false {
    this.#figures.refused += 1
    return false
  }

  #introduce(thread: ThreadAddress, port: MessagePort): void {
    if (this.#closed) {
      port.close()
      return
    }
    this.#introductions.set(thread, (this.#introductions.get(thread) ?? 0) + 1)
    let peer = this.#peers.get(thread)
    if (peer === undefined || peer.port !== undefined) {
      // Another life of that thread: what was meant for the one before and has not left goes to it.
      const before = peer
      peer = new Peer(thread)
      if (before !== undefined) {
        peer.waiting = before.waiting
        peer.unconfirmed = before.waiting.length / fieldsPerMessage
        before.waiting = []
      }
      this.#peers.set(thread, peer)
    }
    const known = peer
    known.port = port
    port.on('message', (batch: readonly unknown[] | number) => this.#onMessage(known, port, batch))
    port.once('close', () => {
      if (this.#peers.get(thread)?.port === port) this.#lost(thread)
    })
    if (known.waiting.length > 0) {
      const batch = known.waiting
      known.waiting = []
      this.#post(known, batch)
    }
  }

  #lost(thread: ThreadAddress): void {
    const peer = this.#peers.get(thread)
    if (peer === undefined || this.#closed) return
    this.#peers.delete(thread)
    peer.waiting = []
    this.#receiver?.unreachable(thread)
    this.#receiver?.delivered()
  }

  #post(peer: Peer, batch: unknown[]): void {
    this.#figures.batchesOut += 1
    try {
      peer.port?.postMessage(batch)
    } catch {
      // Something in it cannot be cloned: find it, so that the others arrive.
      for (let i = 0; i < batch.length; i += fieldsPerMessage) {
        try {
          peer.port?.postMessage(batch.slice(i, i + fieldsPerMessage))
        } catch {
          peer.unconfirmed -= 1
          this.#figures.malformed += 1
        }
      }
    }
  }

  #onMessage(peer: Peer, port: MessagePort, batch: readonly unknown[] | number): void {
    if (typeof batch === 'number') {
      peer.unconfirmed -= batch
      return
    }
    const receiver = this.#receiver!
    this.#figures.batchesIn += 1
    this.#figures.messagesIn += batch.length / fieldsPerMessage
    for (let i = 0; i < batch.length; i += fieldsPerMessage) {
      receiver.deliver({
        to: { address: batch[i] as Address, correlation: batch[i + 1] as number, incarnation: batch[i + 2] as number },
        lane: batch[i + 3] === true ? 'control' : 'data',
        budgetMs: batch[i + 4] as number,
        traceparent: batch[i + 5] as string | undefined,
        message: batch[i + 6] as Message
      })
    }
    peer.received += batch.length / fieldsPerMessage
    if (peer.received >= confirmEvery) {
      port.postMessage(peer.received)
      peer.received = 0
    }
    receiver.delivered()
  }
}
