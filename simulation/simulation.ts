import { type Codec, codecRegistry } from '../bus/codec.ts'
import { type LinkWeather, MemoryNetwork } from '../bus/memory-bus.ts'
import type { CrashReport } from '../runtime/crash.ts'
import { SeededRandom } from '../runtime/random.ts'
import { VirtualClock } from '../runtime/virtual-clock.ts'
import { SimulatedHost } from './simulated-host.ts'
import { TraceHash } from './trace-hash.ts'
import type { SeenMessage, Watcher } from './watched-system.ts'

export interface WorldOptions {
  /** A whole number, 0 ≤ seed < 2^53. */
  readonly seed: number
  /** How links between threads are at first; default: no delay, no fault. */
  readonly weather?: Partial<LinkWeather>
  /** How messages become bytes; default: any plain value. */
  readonly codec?: Codec
  /**
   * Encode and decode what passes between threads, as on the wire; default true. Off is quicker by a third, but sender and receiver share
   * the message's object: the history is the same only if neither changes it.
   */
  readonly encode?: boolean
}

const crashesMax = 1_000
/** A hundred times what busy clusters need: whoever handles more in a second of virtual time would never end. */
const eventsPerSecondMax = 1_000_000
const secondMs = 1_000

/** Actors keep each other busy for ever, such as two that pass a message on to each other. */
export class NeverRests extends Error {
  override readonly name = 'NeverRests'
}

/**
 * A small world: hosts with threads of real actors, on virtual time, with links that can be cut, and dice.
 * All of it in one process and one thread; the same seed and the same program make the same history.
 */
export class Simulation {
  readonly clock = new VirtualClock()
  readonly network: MemoryNetwork
  /** Fork it by name for each purpose, so that one purpose's dice don't shift another's. */
  readonly random: SeededRandom
  /** Actors that crashed, the first thousand. */
  readonly crashes: CrashReport[] = []
  readonly hosts = new Map<string, SimulatedHost>()
  readonly #watcher: Watcher = { trace: new TraceHash(), onMessage: undefined }
  #retired = 0

  constructor(options: WorldOptions) {
    this.random = new SeededRandom(options.seed)
    const chance = this.random.fork('network')
    const links = this.clock.host('network')
    this.network = new MemoryNetwork({
      schedule: (delayMs, fn) => this.clock.schedule(delayMs, links, fn),
      now: () => this.clock.now(),
      random: () => chance.next(),
      codec: options.codec ?? codecRegistry(),
      encode: options.encode !== false,
      ...(options.weather === undefined ? {} : { weather: options.weather })
    })
  }

  /** The host of that name; it is there from the first call on, without threads. */
  host(name: string): SimulatedHost {
    let host = this.hosts.get(name)
    if (host === undefined) {
      host = new SimulatedHost(name, {
        clock: this.clock,
        network: this.network,
        random: this.random,
        watcher: this.#watcher,
        crashed: report => void (this.crashes.length < crashesMax && this.crashes.push(report)),
        retired: handled => void (this.#retired += handled)
      })
      this.hosts.set(name, host)
    }
    return host
  }

  /** Do something at a time, whatever becomes of any host. */
  at(atMs: number, run: () => void): void {
    this.clock.after(atMs - this.clock.now(), run)
  }

  /** Look at every message; one looker at a time. */
  watch(onMessage: ((seen: SeenMessage) => void) | undefined): void {
    this.#watcher.onMessage = onMessage
  }

  /**
   * Let everything happen that is due until `untilMs`.
   * @throws {NeverRests}
   */
  run(untilMs: number): void {
    const { clock } = this
    do {
      const nextMs = Math.min(untilMs, clock.now() + secondMs)
      if (clock.run(nextMs, eventsPerSecondMax) < eventsPerSecondMax) continue
      throw new NeverRests(`${eventsPerSecondMax} messages and timers within one second of virtual time, at ${clock.now()} ms`)
    } while (clock.now() < untilMs)
  }

  /**
   * Go on until `isDone`, looking every `everyMs`.
   * @returns whether it was, within `withinMs` from now
   * @throws {NeverRests}
   */
  runUntil(isDone: () => boolean, withinMs: number, everyMs = 10): boolean {
    const endMs = this.clock.now() + withinMs
    while (!isDone()) {
      if (this.clock.now() >= endMs) return false
      this.run(Math.min(endMs, this.clock.now() + everyMs))
    }
    return true
  }

  /** Put a fact of your own into the history. */
  note(text: string): void {
    const { trace } = this.#watcher
    trace.event()
    trace.number(this.clock.now())
    trace.text(text)
  }

  /** Messages handled and timers fired, on all hosts. */
  get events(): number {
    let sum = this.#retired
    for (const host of this.hosts.values()) sum += host.handled
    return sum
  }

  /** Changes with everything that was ever told to anyone, and when. */
  get traceHash(): string {
    return this.#watcher.trace.digest
  }
}
