import { connect, type Msg, type NatsConnection } from 'nats'
import { limits } from '../model/limits.ts'
import { Inbox, Outbox } from './batch.ts'
import { type Bus, type BusFigures, type Envelope, everyHost, hostOf, type Receiver, type ThreadAddress } from './bus.ts'
import type { Codec, Writer } from './codec.ts'
import {
  clientHost,
  everyHostSubscription,
  inboxSubject,
  type SubjectScheme,
  threadSubscriptions,
  undeliveredSubject,
  undeliveredThread
} from './subject.ts'

const pingIntervalMs = 5_000
const pingsUnansweredMax = 2
const connectMsMax = 5_000
const reconnectMsMin = 50
const reconnectMsSpread = 100
const closeMsMax = 2_000
/** After this many bytes the server is asked how far it has read. */
const windowBytes = 2 * 1024 * 1024
const routesMax = 4096

export interface NatsBusOptions {
  /** `nats://host:port`, one or more. */
  readonly servers: string | readonly string[]
  readonly user?: string
  readonly password?: string
  readonly scheme: SubjectScheme
  readonly thread: ThreadAddress
  readonly codec: Codec
  /** Keep trying where no server answers at first; default false: `connect` rejects. */
  readonly waitForServer?: boolean
  /** Told of each frame or message that does not decode. */
  readonly onMalformed?: (error: Error) => void
  /** Told when the connection is lost, found again, or complains. */
  readonly onStatus?: (status: NatsBusStatus) => void
}

export interface NatsBusStatus {
  readonly type: 'disconnected' | 'reconnected' | 'error'
  /** For people. */
  readonly detail: string
}

export interface NatsBusFigures extends BusFigures {
  readonly reconnects: number
  /** Bytes that the server was given and is not known to have read; exact to a window of 2 MB. */
  readonly pendingBytes: number
}

/**
 * How often a batch asks to be told that nobody listens, per receiving thread. Asking with each one made a batch of one
 * dearer by a third, for the server's sake and the receiver's.
 */
const askIntervalMs = 5

interface Route {
  readonly subject: string
  /** Where the server tells that nobody listens; empty: nowhere. */
  readonly reply: string
  /** When a batch asked last. */
  askedAtMs: number
}

/**
 * A thread's end of the bus over NATS. One NATS message carries one batch. Now and then a batch names a reply subject below
 * the sender's own, where the server says so when nobody listens.
 */
export class NatsBus implements Bus {
  readonly thread: ThreadAddress
  readonly #nc: NatsConnection
  readonly #options: NatsBusOptions
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  readonly #routes = new Map<ThreadAddress, Route>()
  /** Writers that nats-core refers to until the microtask in which it copies them out. */
  readonly #lent: Writer[] = []
  readonly #deliver: (envelope: Envelope) => void
  #receiver: Receiver | undefined
  #connected = true
  #closing: Promise<void> | undefined
  /** As of the last flush: good enough for `askIntervalMs`. */
  #nowMs = 0
  #window = 0
  #unread = 0
  /** Counts connections: an answer to a question asked on an earlier one says nothing. */
  #reconnects = 0
  #messagesOut = 0
  #batchesOut = 0
  #batchesIn = 0
  #bytesOut = 0
  #bytesIn = 0
  #refused = 0

  private constructor(nc: NatsConnection, options: NatsBusOptions) {
    this.thread = options.thread
    this.#nc = nc
    this.#options = options
    const atDoor = options.scheme.door === 'c' && hostOf(options.thread) !== clientHost
    this.#inbox = new Inbox(options.thread, options.codec, options.onMalformed, atDoor)
    this.#outbox = new Outbox(options.thread, options.codec, (to, frame, messages) => this.#leave(to, frame, messages))
    this.#deliver = envelope => this.#receiver?.deliver(envelope)
    void this.#watch()
  }

  /** @throws {Error} no server answers, or it refuses the credentials */
  static async connect(options: NatsBusOptions): Promise<NatsBus> {
    const { servers, user, password, thread, waitForServer = false } = options
    const nc = await connect({
      servers: typeof servers === 'string' ? servers : [...servers],
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password }),
      name: hostOf(thread) === clientHost ? 'carillon client' : `carillon ${thread}`,
      timeout: connectMsMax,
      waitOnFirstConnect: waitForServer,
      maxReconnectAttempts: -1,
      // a server that starts anew may refuse for a moment; giving up for ever is the supervisor's decision
      ignoreAuthErrorAbort: true,
      reconnectDelayHandler: () => reconnectMsMin + Math.random() * reconnectMsSpread,
      noAsyncTraces: true,
      ignoreClusterUpdates: true,
      pingInterval: pingIntervalMs,
      maxPingOut: pingsUnansweredMax
    })
    return new NatsBus(nc, options)
  }

  get connected(): boolean {
    return this.#connected
  }

  listen(receiver: Receiver): void {
    if (this.#receiver !== undefined) throw new Error(`${this.thread} listens already: a bus has one receiver`)
    this.#receiver = receiver
    for (const subject of threadSubscriptions(this.#options.scheme, this.thread)) {
      this.#nc.subscribe(subject, { callback: (error, message) => this.#arrive(error, message, false) })
    }
    const toEveryone = everyHostSubscription(this.#options.scheme, this.thread)
    if (toEveryone !== undefined)
      this.#nc.subscribe(toEveryone, { callback: (error, message) => this.#arrive(error, message, true) })
  }

  /** Wait until the server knows that this thread listens. @throws {Error} the connection is lost meanwhile */
  async ready(): Promise<void> {
    await this.#nc.flush()
  }

  send(envelope: Envelope): boolean {
    const taken = this.#connected && this.#unread < limits.busPendingBytesMax && this.#outbox.add(envelope)
    if (!taken) this.#refused++
    return taken
  }

  flush(): void {
    if (!this.#connected) return
    this.#nowMs = performance.now()
    this.#outbox.flush()
  }

  #leave(to: ThreadAddress, frame: Writer, messages: number): void {
    const route = this.#routes.get(to) ?? this.#learn(to)
    const size = frame.position
    const asks = this.#nowMs >= route.askedAtMs + askIntervalMs && route.reply !== ''
    if (asks) route.askedAtMs = this.#nowMs
    try {
      this.#nc.publish(route.subject, frame.view(), asks ? { reply: route.reply } : undefined)
    } catch (error) {
      // closed by the server in this very turn; or it takes less than it should
      this.#refused += messages
      this.#options.onStatus?.({ type: 'error', detail: `a batch for ${to} was not taken: ${String(error)}` })
      return
    }
    // nats-core has put its own microtask in the queue: ours comes behind it
    if (this.#lent.push(frame) === 1) queueMicrotask(this.#reclaim)
    this.#messagesOut += messages
    this.#batchesOut++
    this.#bytesOut += size
    this.#unread += size
    this.#window += size
    if (this.#window >= windowBytes) this.#askHowFar()
  }

  readonly #reclaim = (): void => {
    // where the connection was lost in between, nats-core may still hold them
    if (this.#connected) for (const writer of this.#lent) this.#outbox.recycle(writer)
    this.#lent.length = 0
  }

  #learn(to: ThreadAddress): Route {
    if (this.#routes.size >= routesMax) this.#routes.clear()
    const { scheme } = this.#options
    // of many, some are always away: nobody is told
    const reply = hostOf(to) === everyHost ? '' : undeliveredSubject(scheme, this.thread, to)
    const route = { subject: inboxSubject(scheme, to), reply, askedAtMs: Number.NEGATIVE_INFINITY }
    this.#routes.set(to, route)
    return route
  }

  /** A server answers a ping when it has read what came before. */
  #askHowFar(): void {
    const asked = this.#window
    const connection = this.#reconnects
    this.#window = 0
    this.#nc.flush().then(
      () => {
        if (connection === this.#reconnects) this.#unread -= asked
      },
      () => {
        // the connection was lost; `#watch` starts the count anew
      }
    )
  }

  #arrive(error: Error | null, message: Msg, exceptOwn: boolean): void {
    const receiver = this.#receiver
    if (error !== null || receiver === undefined) {
      if (error !== null) this.#options.onStatus?.({ type: 'error', detail: error.message })
      return
    }
    try {
      const { data } = message
      if (data.length === 0) {
        const thread = undeliveredThread(message.subject)
        if (thread !== undefined) {
          receiver.unreachable(thread)
          return
        }
      }
      this.#batchesIn++
      this.#bytesIn += data.length
      this.#inbox.open(data, this.#deliver, exceptOwn)
      receiver.delivered()
    } catch (thrown) {
      // not from bytes, but from our own code; thrown from here it would silently end the connection's reader
      queueMicrotask(() => {
        throw thrown
      })
    }
  }

  async #watch(): Promise<void> {
    for await (const status of this.#nc.status()) {
      if (status.type === 'disconnect') {
        this.#connected = false
        this.#refused += this.#outbox.drop()
        this.#options.onStatus?.({ type: 'disconnected', detail: status.server })
      } else if (status.type === 'reconnect') {
        this.#reconnects++
        this.#unread = 0
        this.#window = 0
        this.#connected = this.#closing === undefined
        this.#options.onStatus?.({ type: 'reconnected', detail: status.server })
      } else if (status.type === 'error') {
        this.#options.onStatus?.({ type: 'error', detail: status.error.message })
      }
    }
    this.#connected = false
  }

  figures(): NatsBusFigures {
    return {
      messagesOut: this.#messagesOut,
      messagesIn: this.#inbox.messages,
      batchesOut: this.#batchesOut,
      batchesIn: this.#batchesIn,
      bytesOut: this.#bytesOut,
      bytesIn: this.#bytesIn,
      refused: this.#refused,
      malformed: this.#inbox.malformed,
      reconnects: this.#reconnects,
      pendingBytes: this.#unread
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    if (this.#connected) {
      this.flush()
      this.#connected = false
      let timer: NodeJS.Timeout | undefined
      const bound = new Promise<void>(resolve => {
        timer = setTimeout(resolve, closeMsMax)
      })
      // lost meanwhile: at most once, so nothing is to be done about it
      await Promise.race([this.#nc.flush().catch(() => {}), bound])
      clearTimeout(timer)
    }
    await this.#nc.close()
  }
}
