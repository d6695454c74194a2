import type { Address, Lane, Message, Ref, ThreadAddress } from '../bus/bus.ts'
import { limits } from '../model/limits.ts'
import type { ChildSpec, Context, TimerId } from './actor.ts'
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Random } from './random.ts'
import type { TimerOwner, Timers } from './timers.ts'

/** What a context needs from its thread. */
export interface ContextHost<O extends ContextOwner> {
  readonly host: string
  readonly thread: ThreadAddress
  readonly clock: Clock
  readonly random: Random
  readonly timers: Timers
  readonly resources: unknown
  readonly log: Log
  readonly metrics: Metrics
  tell(from: O | undefined, to: Ref, message: Message, lane: Lane, budgetMs: number, traceparent: string | undefined): void
  startChild(supervisor: string, spec: ChildSpec): Ref | undefined
  stopChild(supervisor: string, name: string): void
}

export interface ContextOwner extends TimerOwner {
  readonly name: string
  readonly address: Address
  /** The incarnation that lives. */
  readonly incarnation: number
  exit(reason: 'normal' | Error): void
}

/**
 * One incarnation's context; reused for all its messages. Once the incarnation has ended it does nothing any more,
 * so that a completion that comes late cannot speak in its successor's name.
 */
export class ActorContext<O extends ContextOwner> implements Context<Message, unknown> {
  readonly self: Ref<Message>
  readonly incarnation: number
  correlation = 0
  deadlineMs = Number.POSITIVE_INFINITY
  /** W3C trace context of the message under way; what is sent meanwhile carries it on. */
  traceparent: string | undefined = undefined
  alive = true
  readonly #host: ContextHost<O>
  readonly #owner: O

  constructor(host: ContextHost<O>, owner: O) {
    this.#host = host
    this.#owner = owner
    this.incarnation = owner.incarnation
    this.self = { address: owner.address, correlation: 0, incarnation: 0 }
  }

  get host(): string {
    return this.#host.host
  }

  get thread(): ThreadAddress {
    return this.#host.thread
  }

  get name(): string {
    return this.#owner.name
  }

  get resources(): unknown {
    return this.#host.resources
  }

  get log(): Log {
    return this.#host.log
  }

  get metrics(): Metrics {
    return this.#host.metrics
  }

  now(): number {
    return this.#host.clock.now()
  }

  wallMs(): number {
    return this.#host.clock.wallMs()
  }

  random(): number {
    return this.#host.random.next()
  }

  send<T extends Message>(to: Ref<T>, message: T, budgetMs = 0): void {
    if (this.alive) this.#host.tell(this.#owner, to, message, 'data', budgetMs, this.traceparent)
  }

  signal<T extends Message>(to: Ref<T>, message: T): void {
    if (this.alive) this.#host.tell(this.#owner, to, message, 'control', 0, this.traceparent)
  }

  replyRef<T extends Message>(correlation: number): Ref<T> {
    return { address: this.self.address, correlation, incarnation: this.incarnation }
  }

  after(delayMs: number, message: Message): TimerId {
    if (!this.alive) return 0
    if (this.#owner.timersHeld >= limits.timersPerActorMax) {
      throw new RangeError(`${this.name} has ${limits.timersPerActorMax} timers already`)
    }
    return this.#host.timers.add(this.#owner, delayMs, message)
  }

  cancel(timer: TimerId): void {
    if (this.alive) this.#host.timers.cancel(this.#owner, timer)
  }

  startChild(supervisor: string, spec: ChildSpec): Ref | undefined {
    return this.alive ? this.#host.startChild(supervisor, spec) : undefined
  }

  stopChild(supervisor: string, name: string): void {
    if (this.alive) this.#host.stopChild(supervisor, name)
  }

  exit(reason: 'normal' | Error): void {
    if (this.alive) this.#owner.exit(reason)
  }
}
