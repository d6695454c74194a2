import type { ThreadAddress } from './bus.ts'
import type { Writer } from './codec.ts'
import { NatsLink } from './nats-link.ts'
import type { TlsMaterial } from './nats-tls.ts'

/** Where a host's own server takes connections. */
export interface NearServer {
  /** `nats://host:port` */
  readonly url: string
  readonly user?: string | undefined
  readonly password?: string | undefined
}

export interface NearOptions {
  /** Hosts that get a connection; batches for the others go by the route. */
  readonly hostsMax: number
  /** @returns undefined where that is not known, or is not to be used */
  locate(host: string): Promise<NearServer | undefined>
}

/** Batches for a host before it is worth a connection of its own. */
const batchesBefore = 16
const retryMsMin = 500
/** Where the route is gone, too, nothing passes until then. */
const retryMsMax = 4_000
/** A connection on which nothing was sent for so long is closed. */
const idleMsMax = 30_000
const idleCheckMs = 10_000
/** A cut is felt after two of these at most; until then batches are lost, as they are on a route. */
const pingIntervalMs = 1_500
/** Hosts that are remembered; beyond it all are forgotten. */
const slotsMax = 4096

/** What is known of the way to one host. */
export interface NearSlot {
  readonly host: string
  /** In whose name batches leave there. */
  readonly self: ThreadAddress
  /** Undefined: go by the route. */
  link: NatsLink | undefined
  batches: number
  usedAtMs: number
  retryAtMs: number
  failures: number
  isOpening: boolean
}

export interface NearLinksOptions extends NearOptions {
  readonly name: string
  readonly tls?: TlsMaterial | undefined
  /** The name for batches to a host: the thread's own, or one for each connection. */
  self(): ThreadAddress
  recycle(writer: Writer): void
  /** The connection is there: subscribe. */
  opened(link: NatsLink, self: ThreadAddress): void
}

/**
 * Connections to other hosts' own servers: what is sent there passes one server instead of two. Made when there is something to
 * send, closed when there was nothing for long; while one is away the route serves.
 */
export class NearLinks {
  readonly #options: NearLinksOptions
  readonly #slots = new Map<string, NearSlot>()
  #open = 0
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(options: NearLinksOptions) {
    this.#options = options
  }

  /** Connections that are open, or being opened. */
  get size(): number {
    return this.#open
  }

  slotOf(host: string): NearSlot {
    let slot = this.#slots.get(host)
    if (slot === undefined) {
      if (this.#slots.size >= slotsMax) this.#forget()
      slot = {
        host,
        self: this.#options.self(),
        link: undefined,
        batches: 0,
        usedAtMs: 0,
        retryAtMs: 0,
        failures: 0,
        isOpening: false
      }
      this.#slots.set(host, slot)
    }
    return slot
  }

  /** The connection for a batch that leaves now; undefined: by the route. */
  linkFor(slot: NearSlot, nowMs: number): NatsLink | undefined {
    const { link } = slot
    slot.usedAtMs = nowMs
    if (link === undefined) this.#wanted(slot, nowMs)
    return link
  }

  /** Bytes given to servers that they have not read yet. */
  get unread(): number {
    let bytes = 0
    for (const slot of this.#slots.values()) bytes += slot.link?.unread ?? 0
    return bytes
  }

  async close(flushMsMax: number): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    const links = [...this.#slots.values()].flatMap(slot => slot.link ?? [])
    for (const slot of this.#slots.values()) slot.link = undefined
    await Promise.all(links.map(link => link.close(flushMsMax)))
  }

  #wanted(slot: NearSlot, nowMs: number): void {
    if (++slot.batches < batchesBefore || slot.isOpening || nowMs < slot.retryAtMs || this.#isClosed) return
    if (this.#open >= this.#options.hostsMax) return
    this.#open++
    slot.isOpening = true
    this.#timer ??= setInterval(() => this.#closeIdle(), idleCheckMs).unref()
    void this.#openTo(slot, nowMs)
  }

  async #openTo(slot: NearSlot, nowMs: number): Promise<void> {
    const link = await this.#connect(slot).catch(() => undefined)
    slot.isOpening = false
    if (link === undefined || this.#isClosed || this.#slots.get(slot.host) !== slot) {
      this.#open--
      slot.retryAtMs = nowMs + Math.min(retryMsMin * 2 ** slot.failures, retryMsMax)
      slot.failures = Math.min(slot.failures + 1, 16)
      await link?.close(0)
      return
    }
    slot.failures = 0
    if (link.connected) slot.link = link
    else this.#lost(slot)
  }

  async #connect(slot: NearSlot): Promise<NatsLink | undefined> {
    const { name, tls, locate, recycle, opened } = this.#options
    const server = await locate(slot.host)
    if (server === undefined) return undefined
    const link: NatsLink = await NatsLink.connect(
      {
        servers: server.url,
        user: server.user,
        password: server.password,
        tls,
        name,
        reconnects: false,
        pingIntervalMs,
        onStatus: ({ type }) => {
          if (type === 'error' || slot.link !== link) return
          slot.link = undefined
          this.#lost(slot)
        }
      },
      recycle
    )
    try {
      opened(link, slot.self)
      // A reply may come as soon as something was sent: first the server has to know who listens.
      await link.flush()
      return link
    } catch {
      await link.close(0)
      return undefined
    }
  }

  #lost(slot: NearSlot): void {
    this.#open--
    slot.retryAtMs = slot.usedAtMs + retryMsMin
  }

  #closeIdle(): void {
    const nowMs = performance.now()
    for (const slot of this.#slots.values()) {
      if (slot.usedAtMs + idleMsMax < nowMs) this.#drop(slot)
    }
  }

  #forget(): void {
    for (const slot of this.#slots.values()) this.#drop(slot)
    this.#slots.clear()
  }

  #drop(slot: NearSlot): void {
    const { link } = slot
    slot.batches = 0
    if (link === undefined) return
    slot.link = undefined
    this.#open--
    void link.close(idleMsMax)
  }
}
