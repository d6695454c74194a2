import { actorOf, addressOf, type Envelope, everyHost, hostOf, type ThreadAddress } from './bus.ts'
import type { OutboxOptions } from './batch.ts'
import { type Codec, codecRegistry } from './codec.ts'
import { isNoteAlone } from './frame.ts'
import { type Cargo, MemoryBus, type MemoryEnd } from './memory-thread.ts'

export type { MemoryBus } from './memory-thread.ts'

/** How a link between two hosts treats batches. Chances are 0..1. */
export interface LinkWeather {
  readonly delayMinMs: number
  readonly delayMaxMs: number
  /** Chance that a batch is lost. */
  readonly loss: number
  /** Chance that a batch arrives twice. */
  readonly duplication: number
  /** Chance that a batch may overtake, or be overtaken by, others of its link; else a link keeps their order. */
  readonly reordering: number
}

export interface MemoryNetworkOptions {
  /** Run `fn` after `delayMs`; equal delays in the order in which they were asked for. */
  readonly schedule: (delayMs: number, fn: () => void) => void
  /** 0 ≤ x < 1. */
  readonly random: () => number
  readonly codec?: Codec
  /** How links are unless told otherwise; default: no delay, no fault. */
  readonly weather?: Partial<LinkWeather>
  /** Encode and decode as on the wire; default true. Off is quicker, but sender and receiver share the message's object. */
  readonly encode?: boolean
  /** Milliseconds on the clock of `schedule`; by it messages wait for credit. Default: the machine's. */
  readonly now?: () => number
  /** Bytes of data under way to one receiver, and waiting for that; default `limits`. Without `encode` nothing has bytes, and nothing waits. */
  readonly credit?: Pick<OutboxOptions, 'creditBytesMax' | 'heldBytesMax'>
  /** Tell a sender when nobody listens at the thread it sent to, as a NATS server does; default true. */
  readonly unreachableHints?: boolean
  /** Told of each frame or message that does not decode. */
  readonly onMalformed?: (error: Error) => void
}

/** Batches that wait for a paused host; as with a full socket, more are lost. */
const heldBatchesMax = 65_536

interface Held {
  readonly link: Link
  readonly from: ThreadAddress
  readonly to: ThreadAddress
  readonly cargo: Cargo
}

const calm: LinkWeather = Object.freeze({ delayMinMs: 0, delayMaxMs: 0, loss: 0, duplication: 0, reordering: 0 })

interface Link {
  readonly from: string
  readonly to: string
  weather: LinkWeather
  isCut: boolean
  /** Batches under way that keep their order. Each arrival takes the oldest, whichever batch it was scheduled for. */
  readonly underWay: { readonly to: ThreadAddress; readonly from: ThreadAddress; readonly cargo: Cargo }[]
}

/**
 * A network in one process, on whatever time and chance it is given: with the same ones it does the same again.
 * Batches are its unit, as they are on the wire: one is delayed, lost or doubled as a whole.
 * Threads of one host have a link too (from the host to itself), which no partition cuts.
 */
export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions
  readonly #end: MemoryEnd
  readonly #threads = new Map<ThreadAddress, MemoryBus>()
  readonly #links = new Map<string, Map<string, Link>>()
  readonly #isolated = new Set<string>()
  /** Links by the threads that they are between, so that no address is taken apart for each batch. */
  readonly #routes = new Map<ThreadAddress, Map<ThreadAddress, Link>>()
  readonly #held = new Map<string, Held[]>()
  #weather: LinkWeather
  #lives = 0

  constructor(options: MemoryNetworkOptions) {
    this.#options = options
    this.#end = {
      codec: options.codec ?? codecRegistry(),
      encode: options.encode !== false,
      now: options.now ?? (() => performance.now()),
      outbox: options.credit ?? {},
      // apart from each other, since a life may begin many accounts
      nextLife: () => (this.#lives = (this.#lives + 65_536) >>> 0),
      onMalformed: options.onMalformed,
      dispatch: (from, to, cargo) => this.#dispatch(from, to, cargo),
      release: bus => this.#release(bus)
    }
    this.#weather = { ...calm, ...options.weather }
  }

  /** A thread's end. One that was there under the same address is detached. */
  bus(thread: ThreadAddress): MemoryBus {
    this.detach(thread)
    const bus = new MemoryBus(thread, this.#end)
    this.#threads.set(thread, bus)
    return bus
  }

  /** The thread is dead: what it had queued is lost, what is on its way to it finds nobody. */
  detach(thread: ThreadAddress): void {
    this.#threads.get(thread)?.abandon()
    this.#threads.delete(thread)
  }

  #release(bus: MemoryBus): void {
    if (this.#threads.get(bus.thread) === bus) this.#threads.delete(bus.thread)
  }

  /** Change every link, those between hosts not seen yet included. */
  setWeather(weather: Partial<LinkWeather>): void {
    this.#weather = { ...this.#weather, ...weather }
    for (const links of this.#links.values()) for (const link of links.values()) link.weather = { ...link.weather, ...weather }
  }

  /** Change one link, one way. */
  setLinkWeather(fromHost: string, toHost: string, weather: Partial<LinkWeather>): void {
    const link = this.#link(fromHost, toHost)
    link.weather = { ...link.weather, ...weather }
  }

  linkWeather(fromHost: string, toHost: string): LinkWeather {
    return this.#link(fromHost, toHost).weather
  }

  /** Nothing passes from one host to the other, nor what is already on its way; the other direction is untouched. */
  cut(fromHost: string, toHost: string): void {
    this.#link(fromHost, toHost).isCut = true
  }

  /** Undo `cut`. */
  mend(fromHost: string, toHost: string): void {
    this.#link(fromHost, toHost).isCut = false
  }

  /** Cut every link between hosts of different groups, both ways. Hosts in no group keep all theirs. */
  partition(groups: readonly (readonly string[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue
        for (const from of group) for (const to of other) this.cut(from, to)
      }
    }
  }

  /** Cut a host off from all others, both ways; its own threads still reach each other. */
  isolate(host: string): void {
    this.#isolated.add(host)
  }

  /** The host takes nothing in: what arrives waits for `resume`, and nobody is told. */
  pause(host: string): void {
    if (!this.#held.has(host)) this.#held.set(host, [])
  }

  /** What has waited arrives now, in its order. */
  resume(host: string): void {
    const held = this.#held.get(host)
    this.#held.delete(host)
    if (held === undefined) return
    for (const { link, from, to, cargo } of held) this.#options.schedule(0, () => this.#arrive(link, from, to, cargo))
  }

  /** Undo every cut, partition and isolation. The weather stays. */
  heal(): void {
    this.#isolated.clear()
    for (const links of this.#links.values()) for (const link of links.values()) link.isCut = false
  }

  /** Whether a batch sent now from one host would reach the other, luck permitting. */
  isOpen(fromHost: string, toHost: string): boolean {
    return fromHost === toHost || this.#passes(this.#link(fromHost, toHost))
  }

  #passes(link: Link): boolean {
    if (link.from === link.to) return true
    return !link.isCut && (this.#isolated.size === 0 || !(this.#isolated.has(link.from) || this.#isolated.has(link.to)))
  }

  #link(from: string, to: string): Link {
    let links = this.#links.get(from)
    if (links === undefined) {
      links = new Map()
      this.#links.set(from, links)
    }
    let link = links.get(to)
    if (link === undefined) {
      link = { from, to, weather: this.#weather, isCut: false, underWay: [] }
      links.set(to, link)
    }
    return link
  }

  /** @returns undefined where `to` is on every host */
  #route(from: ThreadAddress, to: ThreadAddress): Link | undefined {
    let routes = this.#routes.get(from)
    if (routes === undefined) this.#routes.set(from, (routes = new Map()))
    let link = routes.get(to)
    if (link === undefined) {
      if (hostOf(to) === everyHost) return undefined
      routes.set(to, (link = this.#link(hostOf(from), hostOf(to))))
    }
    return link
  }

  #dispatch(from: ThreadAddress, to: ThreadAddress, cargo: Cargo): void {
    const link = this.#route(from, to)
    if (link === undefined) {
      const tail = to.slice(everyHost.length)
      for (const thread of [...this.#threads.keys()]) {
        if (thread !== from && thread.endsWith(tail))
          this.#dispatch(from, thread, Buffer.isBuffer(cargo) ? cargo : readdressed(cargo, thread))
      }
      return
    }
    if (!this.#passes(link)) return
    const { weather } = link
    if (this.#happens(weather.loss)) return
    this.#sendOff(link, from, to, cargo)
    if (this.#happens(weather.duplication)) this.#sendOff(link, from, to, cargo)
  }

  #sendOff(link: Link, from: ThreadAddress, to: ThreadAddress, cargo: Cargo): void {
    const { delayMinMs, delayMaxMs, reordering } = link.weather
    const delayMs = delayMaxMs > delayMinMs ? delayMinMs + this.#options.random() * (delayMaxMs - delayMinMs) : delayMinMs
    if (this.#happens(reordering)) {
      this.#options.schedule(delayMs, () => this.#arrive(link, from, to, cargo))
      return
    }
    link.underWay.push({ from, to, cargo })
    this.#options.schedule(delayMs, () => {
      const oldest = link.underWay.shift()
      if (oldest !== undefined) this.#arrive(link, oldest.from, oldest.to, oldest.cargo)
    })
  }

  #arrive(link: Link, from: ThreadAddress, to: ThreadAddress, cargo: Cargo): void {
    if (!this.#passes(link)) return
    if (this.#held.size > 0) {
      const held = this.#held.get(link.to)
      if (held !== undefined) {
        if (held.length < heldBatchesMax) held.push({ link, from, to, cargo })
        return
      }
    }
    const bus = this.#threads.get(to)
    if (bus?.listening === true) {
      bus.take(cargo)
      return
    }
    if (this.#options.unreachableHints === false || (Buffer.isBuffer(cargo) && isNoteAlone(cargo))) return
    // the hint comes from the sender's own side: it takes as long as the link, but the link's luck is not asked again
    this.#options.schedule(link.weather.delayMinMs, () => {
      if (this.#passes(link)) this.#threads.get(from)?.hint(to)
    })
  }

  /** Chance is asked only where there is some: so weather without faults costs no random numbers. */
  #happens(chance: number): boolean {
    return chance > 0 && this.#options.random() < chance
  }
}

function readdressed(envelopes: readonly Envelope[], thread: ThreadAddress): readonly Envelope[] {
  return envelopes.map(envelope => ({
    ...envelope,
    to: { ...envelope.to, address: addressOf(thread, actorOf(envelope.to.address)) }
  }))
}
