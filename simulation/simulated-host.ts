import { type ThreadAddress, threadAddressOf } from '../bus/bus.ts'
import type { MemoryNetwork } from '../bus/memory-bus.ts'
import type { SupervisorSpec } from '../runtime/actor.ts'
import type { ActorSystem } from '../runtime/actor-system.ts'
import type { CrashReport } from '../runtime/crash.ts'
import { silentLog } from '../runtime/log.ts'
import { MetricRegistry } from '../runtime/metrics.ts'
import type { Random } from '../runtime/random.ts'
import type { HostClock, VirtualClock } from '../runtime/virtual-clock.ts'
import { WatchedSystem, type Watcher } from './watched-system.ts'

/** What a simulation lends to its hosts. */
export interface World {
  readonly clock: VirtualClock
  readonly network: MemoryNetwork
  readonly random: Random
  readonly watcher: Watcher
  crashed(report: CrashReport): void
  /** Messages that a thread handled in its life, told at its end. */
  retired(handled: number): void
}

export interface ThreadOptions<R> {
  /** What the thread lends to its actors, made on the thread's own clock. */
  readonly resources?: (clock: HostClock) => R
  /** Started at once where it is given. */
  readonly tree?: SupervisorSpec
}

/** A thread that lives. */
export interface RunningThread<R = unknown> {
  readonly system: ActorSystem<R>
  readonly clock: HostClock
  readonly metrics: MetricRegistry
}

const incarnationsPerLife = 1_000_000
const handledTotal = 'actor_messages_handled_total'

/** A host of a simulation: threads of actors that live, stop and die together, on one wall clock. */
export class SimulatedHost {
  readonly name: string
  readonly threads = new Map<string, RunningThread>()
  readonly #world: World
  #lives = 0
  #isPaused = false
  #wallOffsetMs = 0

  constructor(name: string, world: World) {
    this.name = name
    this.#world = world
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /**
   * Start a thread, under a name that no living thread of this host has.
   * @throws {Error} an actor of its tree does not start, or the name is taken
   */
  thread<R = undefined>(name: string, options: ThreadOptions<R> = {}): ActorSystem<R> {
    if (this.threads.has(name)) throw new Error(`${this.name} has a thread ${name} already`)
    const { clock: time, network, random, watcher } = this.#world
    const address = threadAddressOf(this.name, name)
    const clock = time.host(this.name, this.#wallOffsetMs)
    if (this.#isPaused) clock.pause()
    this.#lives++
    const metrics = new MetricRegistry()
    const system = new WatchedSystem<R>(
      {
        host: this.name,
        thread: name,
        clock,
        random: random.fork(`${address}/${this.#lives}`),
        bus: network.bus(address),
        resources: options.resources?.(clock) as R,
        log: silentLog,
        metrics,
        incarnationBase: this.#lives * incarnationsPerLife,
        onCrash: report => this.#world.crashed(report)
      },
      watcher
    )
    this.threads.set(name, { system, clock, metrics })
    if (options.tree !== undefined) system.start(options.tree)
    return system
  }

  /** As the sudden end of a worker thread: nothing more happens there, what it had queued is lost. */
  endThread(name: string): void {
    const running = this.threads.get(name)
    if (running === undefined) return
    this.threads.delete(name)
    this.#world.network.detach(running.system.thread)
    running.clock.end()
    this.#world.retired(handledBy(running.metrics))
  }

  /** As SIGKILL does: the end of all threads. */
  kill(): void {
    for (const name of [...this.threads.keys()]) this.endThread(name)
    this.resume()
  }

  /** As SIGSTOP does: time goes on without this host; what is sent to it waits. */
  pause(): void {
    this.#isPaused = true
    this.#world.network.pause(this.name)
    for (const { clock } of this.threads.values()) clock.pause()
  }

  /** What waited happens now: timers first, then messages, each in their order. */
  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    for (const { clock } of this.threads.values()) clock.resume()
    this.#world.network.resume(this.name)
  }

  /** Set its wall clock so far ahead of the others' (behind where negative); its monotonic clock is untouched. */
  skew(offsetMs: number): void {
    this.#wallOffsetMs = offsetMs
    for (const { clock } of this.threads.values()) clock.wallOffsetMs = offsetMs
  }

  /** Messages and timers that its living threads have handled. */
  get handled(): number {
    let sum = 0
    for (const { metrics } of this.threads.values()) sum += handledBy(metrics)
    return sum
  }

  addressOf(thread: string): ThreadAddress {
    return threadAddressOf(this.name, thread)
  }
}

function handledBy(metrics: MetricRegistry): number {
  let sum = 0
  for (const { name, series } of metrics.snapshot()) if (name === handledTotal) for (const { value } of series) sum += value
  return sum
}
