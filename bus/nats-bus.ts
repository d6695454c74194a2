import { randomBytes } from 'node:crypto'
import type { Msg } from 'nats'
import { limits } from '../model/limits.ts'
import { Outbox } from './batch.ts'
import {
  type Bus,
  type BusFigures,
  type Envelope,
  everyHost,
  hostOf,
  type Receiver,
  sharedAddressOf,
  type ThreadAddress
} from './bus.ts'
import type { Codec, Writer } from './codec.ts'
import { aliasOf, connectionName } from './connection-name.ts'
import { senderAt, senderBytes } from './frame.ts'
import { Inbox } from './inbox.ts'
import { NearLinks, type NearOptions, type NearServer, type NearSlot } from './near-links.ts'
import { NatsLink } from './nats-link.ts'
import { connectElsewhere, lingering } from './other-server.ts'
import type { TlsMaterial } from './nats-tls.ts'
import {
  clientHost,
  everyHostSubscription,
  inboxSubject,
  nearSubject,
  type SubjectScheme,
  threadSubscriptions,
  undeliveredSubject,
  undeliveredSubscription,
  undeliveredThread
} from './subject.ts'

const pingIntervalMs = 5_000
const closeMsMax = 2_000
const routesMax = 4096
const locateMsMax = 1_000
const sharedQueue = 'nearest'

export interface NatsBusOptions {
  /** `nats://host:port`, one or more. */
  readonly servers: string | readonly string[]
  readonly user?: string
  readonly password?: string
  /** For every connection, near ones too; undefined: in the clear. */
  readonly tls?: TlsMaterial | undefined
  readonly scheme: SubjectScheme
  readonly thread: ThreadAddress
  readonly codec: Codec
  /** Keep trying where no server answers at first; default false: `connect` rejects. */
  readonly waitForServer?: boolean
  /** Connect to other hosts' own servers, too; without it batches for them go by the route between the servers. */
  readonly near?: NearOptions
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
  /** Bytes that wait until their receivers have taken others; small messages count for more than they have. */
  readonly heldBytes: number
  /** Connections to other hosts' own servers. */
  readonly nearLinks: number
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
  /** The same for batches that go to the host's own server. */
  readonly nearReply: string
  /** Where there may be a nearer way. */
  readonly slot: NearSlot | undefined
  /** When a batch asked last. */
  askedAtMs: number
}

/**
 * A thread's end of the bus over NATS. One NATS message carries one batch. Now and then a batch names a reply subject below
 * the sender's own, where the server says so when nobody listens.
 */
export class NatsBus implements Bus {
  readonly thread: ThreadAddress
  /** Set by `connect`, before anyone else has the bus. */
  #home!: NatsLink
  #isMoving = false
  readonly #near: NearLinks | undefined
  readonly #options: NatsBusOptions
  readonly #outbox: Outbox
  readonly #inbox: Inbox
  readonly #routes = new Map<ThreadAddress, Route>()
  /** As they stand in a frame, the names in which some leave. */
  readonly #names = new Map<ThreadAddress, Buffer>()
  readonly #deliver: (envelope: Envelope) => void
  #receiver: Receiver | undefined
  #closing: Promise<void> | undefined
  /** As of the last flush: good enough for `askIntervalMs`. */
  #nowMs = 0
  #messagesOut = 0
  #batchesOut = 0
  #batchesIn = 0
  #bytesOut = 0
  #bytesIn = 0
  #refused = 0

  private constructor(options: NatsBusOptions) {
    const { thread, scheme, codec, onMalformed, near, tls } = options
    this.thread = thread
    this.#options = options
    const isClient = hostOf(thread) === clientHost
    this.#outbox = new Outbox(thread, codec, (to, frame, messages) => this.#leave(to, frame, messages), {
      life: randomBytes(4).readUInt32LE(),
      now: () => performance.now(),
      refused: replyTo => {
        this.#refused++
        if (replyTo !== undefined) this.#receiver?.refused?.(replyTo)
      },
      stalled: (to, messages) =>
        options.onStatus?.({ type: 'error', detail: `${to} takes nothing any more: ${messages} messages for it were refused` })
    })
    this.#inbox = new Inbox(thread, codec, onMalformed, scheme.door === 'c' && !isClient, this.#outbox.ledger)
    this.#deliver = envelope => this.#receiver?.deliver(envelope)
    if (near === undefined) return
    this.#near = new NearLinks({
      hostsMax: near.hostsMax,
      locate: host => near.locate(host),
      name: connectionName(thread),
      // Another host's server is itself, by its own name alone.
      tls: tls === undefined ? undefined : { ...tls, names: [] },
      // A client is answered by the server that it asked: each connection has an inbox of its own.
      self: () => (isClient ? aliasOf(thread) : thread),
      recycle: writer => this.#outbox.recycle(writer),
      opened: (link, self) => {
        for (const subject of isClient ? threadSubscriptions(scheme, self) : [undeliveredSubscription(scheme, self)])
          link.subscribe(subject, (error, message) => this.#arrive(error, message, false))
        this.#share(link)
      }
    })
  }

  /** @throws {Error} no server answers, or it refuses the credentials */
  static async connect(options: NatsBusOptions): Promise<NatsBus> {
    const bus = new NatsBus(options)
    bus.#home = await bus.#open(options.waitForServer ?? false)
    return bus
  }

  async #open(waitForServer: boolean): Promise<NatsLink> {
    const { servers, user, password, tls, thread, onStatus } = this.#options
    let link: NatsLink | undefined = undefined
    link = await NatsLink.connect(
      {
        servers,
        user,
        password,
        tls,
        name: connectionName(thread),
        waitForServer,
        reconnects: true,
        pingIntervalMs,
        onStatus: ({ type, detail }) => {
          if (link !== this.#home) return
          if (type === 'disconnected') this.#disconnected()
          if (type !== 'closed') onStatus?.({ type, detail })
        }
      },
      writer => this.#outbox.recycle(writer)
    )
    return link
  }

  /**
   * Where the server of this thread's own connection is about to end: connect to another one first, so that nothing is lost that is under way.
   * @param isGoing by a server's name, which is its host's
   */
  async moveHome(isGoing: (server: string) => boolean): Promise<void> {
    const before = this.#home
    if (this.#isMoving || !before.connected || !isGoing(before.server)) return
    this.#isMoving = true
    const next = await connectElsewhere(
      () => this.#open(false),
      isGoing,
      link => this.#listenOn(link)
    )
    if (next !== undefined && this.#closing !== undefined) await next.close(0).catch(() => {})
    else if (next !== undefined) {
      this.#home = next
      await lingering()
      await before.retire()
    }
    this.#isMoving = false
  }

  get connected(): boolean {
    return this.#home.connected
  }

  listen(receiver: Receiver): void {
    if (this.#receiver !== undefined) throw new Error(`${this.thread} listens already: a bus has one receiver`)
    this.#receiver = receiver
    if (receiver.refused === undefined) this.#outbox.refuseAtOnce()
    this.#listenOn(this.#home)
  }

  #listenOn(home: NatsLink): void {
    for (const subject of threadSubscriptions(this.#options.scheme, this.thread)) {
      home.subscribe(subject, (error, message) => this.#arrive(error, message, false))
    }
    this.#share(home)
    const toEveryone = everyHostSubscription(this.#options.scheme, this.thread)
    if (toEveryone !== undefined) home.subscribe(toEveryone, (error, message) => this.#arrive(error, message, true))
  }

  /** What is for any of a client's connections comes by the nearest. */
  #share(link: NatsLink): void {
    const shared = sharedAddressOf(this.thread)
    if (shared === this.thread) return
    link.subscribe(
      inboxSubject(this.#options.scheme, shared),
      (error, message) => this.#arrive(error, message, false),
      sharedQueue
    )
  }

  /** Wait until the server knows that this thread listens. @throws {Error} the connection is lost meanwhile */
  async ready(): Promise<void> {
    await this.#home.flush()
  }

  /**
   * Tell the other hosts' threads where this host's server takes connections of theirs. Only between hosts: none but they hear
   * the answer.
   */
  offerNear(server: NearServer): void {
    const { scheme } = this.#options
    if (scheme.door !== 'a') throw new Error('applications are not told the credentials of hosts')
    const answer = Buffer.from(JSON.stringify(server))
    this.#home.subscribe(nearSubject(scheme, hostOf(this.thread)), (error, message) => {
      if (error === null) message.respond(answer)
    })
  }

  /** What a host's `offerNear` says. @returns undefined where it says nothing */
  async nearServerOf(host: string): Promise<NearServer | undefined> {
    const said = await this.#home.ask(nearSubject(this.#options.scheme, host), locateMsMax)
    const { url, user, password } = JSON.parse(Buffer.from(said).toString()) as Partial<NearServer>
    return typeof url === 'string' ? { url, user, password } : undefined
  }

  get isShort(): boolean {
    return this.#outbox.isShort
  }

  send(envelope: Envelope): boolean {
    const taken = this.#home.connected && this.#home.unread < limits.busPendingBytesMax && this.#outbox.add(envelope)
    if (!taken) this.#refused++
    return taken
  }

  flush(): void {
    if (!this.#home.connected) return
    this.#nowMs = performance.now()
    this.#outbox.flush()
  }

  #leave(to: ThreadAddress, frame: Writer, messages: number): void {
    const route = this.#routes.get(to) ?? this.#learn(to)
    const { slot } = route
    const size = frame.position
    let near = slot === undefined ? undefined : this.#near?.linkFor(slot, this.#nowMs)
    if (near !== undefined && near.unread >= limits.busPendingBytesMax) near = undefined
    // Nobody is to take the hint that a note of credit found nobody for one that some message did.
    const asks = messages > 0 && this.#nowMs >= route.askedAtMs + askIntervalMs && route.reply !== ''
    if (asks) route.askedAtMs = this.#nowMs
    try {
      if (near === undefined || slot === undefined) {
        this.#home.publish(route.subject, asks ? route.reply : '', frame)
      } else {
        if (slot.self !== this.thread) frame.buffer.set(this.#nameOf(slot.self), senderAt)
        near.publish(route.subject, asks ? route.nearReply : '', frame)
      }
    } catch (error) {
      this.#refused += messages
      this.#options.onStatus?.({ type: 'error', detail: `a batch for ${to} was not taken: ${String(error)}` })
      return
    }
    this.#messagesOut += messages
    this.#batchesOut++
    this.#bytesOut += size
  }

  #learn(to: ThreadAddress): Route {
    if (this.#routes.size >= routesMax) this.#routes.clear()
    const { scheme } = this.#options
    const host = hostOf(to)
    // of many, some are always away: nobody is told
    const reply = host === everyHost ? '' : undeliveredSubject(scheme, this.thread, to)
    const isElsewhere = host !== everyHost && host !== clientHost && host !== hostOf(this.thread)
    const slot = isElsewhere ? this.#near?.slotOf(host) : undefined
    const nearReply = slot === undefined ? '' : undeliveredSubject(scheme, slot.self, to)
    const route = { subject: inboxSubject(scheme, to), reply, nearReply, slot, askedAtMs: Number.NEGATIVE_INFINITY }
    this.#routes.set(to, route)
    return route
  }

  #nameOf(self: ThreadAddress): Buffer {
    let name = this.#names.get(self)
    if (name === undefined) {
      name = senderBytes(self)
      this.#names.set(self, name)
    }
    return name
  }

  #disconnected(): void {
    this.#refused += this.#outbox.drop()
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
      if (this.#home.connected) this.#outbox.settle()
    } catch (thrown) {
      // not from bytes, but from our own code; thrown from here it would silently end the connection's reader
      queueMicrotask(() => {
        throw thrown
      })
    }
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
      reconnects: this.#home.reconnects,
      heldBytes: this.#outbox.heldBytes,
      pendingBytes: this.#home.unread + (this.#near?.unread ?? 0),
      nearLinks: this.#near?.size ?? 0
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.flush()
    await Promise.all([this.#home.close(closeMsMax), this.#near?.close(closeMsMax)])
  }
}
