import type { Address, Lane, Ref, UndeliveredReason } from '../bus/bus.ts'
import { addressOf } from '../bus/bus.ts'
import { limits } from '../model/limits.ts'
import { ActorContext, type ContextHost, type ContextOwner } from './actor-context.ts'
import type { ActorDescription, ActorSpec, AnyBehaviour } from './actor.ts'
import { type Child, type EndReason, type Parent, Shutdown } from './child.ts'
import type { Cancellable } from './clock.ts'
import { type CrashReport, errorOf, errorText } from './crash.ts'
import { Mailbox } from './mailbox.ts'
import type { Counter } from './metrics.ts'
import { Undelivered, Unreachable } from './signal.ts'
import { shutdownMsDefault } from './supervision.ts'
import { Timer } from './timers.ts'

/** Counters that all actors of one kind share. */
export interface KindFigures {
  readonly handled: Counter
  readonly refused: Counter
  readonly expired: Counter
  readonly crashes: Counter
}

/** What a cell needs from its thread. */
export interface CellHost extends ContextHost<ActorCell> {
  nextIncarnation(): number
  figuresOf(kind: string): KindFigures
  /** The actor whose message is under way. */
  readonly running: ActorCell | undefined
  add(cell: ActorCell): void
  remove(cell: ActorCell): void
  /** It has mail: give it a turn. */
  ready(cell: ActorCell): void
  /** Run `job` before the next actor's turn. */
  soon(job: () => void): void
  /** Look now and then whether it has drained. */
  watchDrain(cell: ActorCell, on: boolean): void
  undelivered(replyTo: Ref, reason: UndeliveredReason): void
  crashed(report: CrashReport): void
  /** Count a handled message. @returns whether the thread's turn is over */
  tick(): boolean
  /** The present time, as of a few messages ago at most. */
  readonly turnNow: number
}

/** An actor's place: its mailbox, its present incarnation, and what is remembered over incarnations. */
export class ActorCell implements Child, ContextOwner {
  readonly name: string
  readonly address: Address
  readonly spec: ActorSpec
  state: ActorDescription['state'] = 'stopped'
  incarnation = 0
  timers: Timer | undefined = undefined
  timersHeld = 0
  refused = 0
  /** Of the run queue. */
  queued = false
  nextReady: ActorCell | undefined = undefined
  readonly mailbox: Mailbox
  readonly #host: CellHost
  readonly #parent: Parent
  readonly #behaviour: AnyBehaviour
  readonly #figures: KindFigures
  #context: ActorContext<ActorCell> | undefined = undefined
  #actorState: unknown = undefined
  #handled = 0
  #restarts = 0
  #exit: 'normal' | Error | undefined = undefined
  #crashes: CrashReport[] | undefined = undefined
  #shutdown: Cancellable | undefined = undefined

  constructor(host: CellHost, parent: Parent, spec: ActorSpec) {
    this.#host = host
    this.#parent = parent
    this.spec = spec
    this.name = spec.name
    this.address = addressOf(host.thread, spec.name)
    this.#behaviour = spec.behaviour
    this.#figures = host.figuresOf(spec.behaviour.kind)
    this.mailbox = new Mailbox(spec.mailboxMax ?? limits.mailboxDataDefault, limits.mailboxControlMax, spec.repliesMax)
    host.add(this)
  }

  get alive(): boolean {
    return this.state === 'running' || this.state === 'draining'
  }

  start(): Error | undefined {
    if (this.incarnation !== 0) this.#restarts += 1
    this.incarnation = this.#host.nextIncarnation()
    const context = new ActorContext(this.#host, this)
    this.#context = context
    this.#exit = undefined
    this.state = 'starting'
    try {
      this.#actorState = this.#behaviour.start(this.spec.args, context)
    } catch (thrown) {
      const error = errorOf(thrown)
      this.#report(error, null)
      this.#end(undefined)
      return error
    }
    this.state = 'running'
    return undefined
  }

  awaitRestart(): void {
    this.state = 'restarting'
  }

  stop(reason: Error): void {
    if (this.alive) this.#end(reason)
    this.state = 'stopped'
  }

  remove(): void {
    this.#host.remove(this)
  }

  /** @returns why the message was not taken */
  accept(
    from: ActorCell | undefined,
    incarnation: number,
    item: unknown,
    lane: Lane,
    correlation: number,
    deadlineMs: number,
    traceparent: string | undefined
  ): UndeliveredReason | undefined {
    if (this.state !== 'running' && this.state !== 'starting') {
      if (this.state !== 'draining') return incarnation === 0 ? 'no-such-actor' : 'stale-incarnation'
      // While draining: what belongs to the work under way, but no new work.
      if (incarnation === 0 && lane === 'data' && from !== this) return 'no-such-actor'
    }
    if (incarnation !== 0 && incarnation !== this.incarnation) return 'stale-incarnation'
    if (lane === 'control') {
      if (!this.mailbox.control.put(item, correlation, deadlineMs, traceparent)) {
        this.exit(
          new RangeError(`the control lane of ${this.name} holds ${limits.mailboxControlMax} messages: it does not keep up`)
        )
        return 'overloaded'
      }
    } else if (!(incarnation === 0 ? this.mailbox.data : this.mailbox.replies).put(item, correlation, deadlineMs, traceparent)) {
      this.refused += 1
      this.#figures.refused.add()
      return 'overloaded'
    }
    if (!this.queued) this.#host.ready(this)
    return undefined
  }

  due(timer: Timer): void {
    if (!this.mailbox.control.put(timer, 0, Number.POSITIVE_INFINITY, undefined)) {
      this.exit(
        new RangeError(`the control lane of ${this.name} holds ${limits.mailboxControlMax} messages: it does not keep up`)
      )
    } else if (!this.queued) this.#host.ready(this)
  }

  get listensToUnreachable(): boolean {
    return this.#behaviour.unreachable !== undefined
  }

  exit(reason: 'normal' | Error): void {
    if (this.#exit !== undefined) return
    this.#exit = reason
    // In the middle of a message, `run` sees to it; otherwise nobody would.
    const { incarnation } = this
    if (this.#host.running !== this) {
      this.#host.soon(() => {
        if (this.incarnation === incarnation && this.alive) this.#exited(null)
      })
    }
  }

  /** One turn: at most `limits.actorTurnMessagesMax` messages. */
  run(): void {
    const { mailbox } = this
    const host = this.#host
    const behaviour = this.#behaviour
    const context = this.#context
    const state = this.#actorState
    if (context === undefined) return
    let handled = 0
    let item: unknown
    try {
      while (handled < limits.actorTurnMessagesMax) {
        const lane = mailbox.take()
        if (lane === undefined) break
        item = lane.item
        lane.item = undefined
        if (lane.deadlineMs < host.turnNow) {
          this.#figures.expired.add()
          continue
        }
        handled += 1
        context.correlation = lane.correlation
        context.deadlineMs = lane.deadlineMs
        context.traceparent = lane.traceparent
        if (lane === mailbox.control) this.#control(item, behaviour, state, context)
        else behaviour.receive(state, item, context)
        if (this.#exit !== undefined) break
        if (host.tick()) break
      }
    } catch (thrown) {
      this.#handled += handled
      this.#figures.handled.add(handled)
      this.#crash(errorOf(thrown), kindOf(item))
      return
    }
    context.correlation = 0
    context.deadlineMs = Number.POSITIVE_INFINITY
    context.traceparent = undefined
    this.#handled += handled
    this.#figures.handled.add(handled)
    if (this.#exit !== undefined) this.#exited(kindOf(item))
  }

  drain(): boolean {
    if (this.state === 'draining') return false
    if (this.state !== 'running') {
      this.state = 'stopped'
      return true
    }
    this.state = 'draining'
    if (this.#host.running !== this && this.#drained()) return true
    const { incarnation } = this
    const shutdownMs = this.spec.shutdownMs ?? shutdownMsDefault
    this.#host.watchDrain(this, true)
    if (shutdownMs === Number.POSITIVE_INFINITY) return false
    this.#shutdown = this.#host.clock.after(shutdownMs, () => {
      if (this.incarnation !== incarnation || this.state !== 'draining') return
      const reason = new Shutdown(`${this.name} had not drained after ${shutdownMs} ms`)
      this.#host.log.warn(
        { actor: this.name, shutdown_ms: shutdownMs, waiting: this.mailbox.length },
        'an actor did not drain in time'
      )
      this.#end(reason)
      this.#parent.childEnded(this, 'drained')
    })
    return false
  }

  /** Look whether the draining is through, and tell the parent. */
  checkDrained(): void {
    if (this.state === 'draining' && this.#drained()) this.#parent.childEnded(this, 'drained')
  }

  /** What the latest crashes were, the newest last. */
  crashes(): readonly CrashReport[] {
    return this.#crashes ?? []
  }

  describe(): ActorDescription {
    const last = this.#crashes?.at(-1)
    const summary = this.alive ? this.#summary() : null
    const description = {
      name: this.name,
      kind: this.#behaviour.kind,
      thread: this.#host.thread,
      state: this.state,
      incarnation: this.incarnation,
      restarts: this.#restarts,
      mailbox: { length: this.mailbox.length, limit: this.mailbox.data.limit, handled: this.#handled, refused: this.refused },
      last_crash: last === undefined ? null : { at: last.at, error: last.error, message_kind: last.message_kind },
      children: []
    }
    return summary === null ? description : { ...description, summary }
  }

  #control(item: unknown, behaviour: AnyBehaviour, state: unknown, context: ActorContext<ActorCell>): void {
    if (item instanceof Timer) {
      // Cancelled since it fell due.
      if (item.owner !== this) return
      this.#host.timers.release(item)
      behaviour.receive(state, item.message, context)
    } else if (item instanceof Undelivered) behaviour.undelivered?.(state, item.reason, context)
    else if (item instanceof Unreachable) behaviour.unreachable?.(state, item.thread, context)
    else behaviour.receive(state, item, context)
  }

  #exited(messageKind: string | null): void {
    const reason = this.#exit!
    if (reason !== 'normal' && !(reason instanceof Shutdown)) {
      this.#crash(reason, messageKind)
      return
    }
    const draining = this.state === 'draining'
    this.#end(reason)
    this.#parent.childEnded(this, draining ? 'drained' : reason)
  }

  #crash(error: Error, messageKind: string | null): void {
    const draining = this.state === 'draining'
    this.#report(error, messageKind)
    this.#end(error)
    this.#parent.childEnded(this, draining ? 'drained' : error)
  }

  /** @returns true where it has drained and has ended now */
  #drained(): boolean {
    if (this.mailbox.length > 0) return false
    try {
      if (this.#behaviour.idle?.(this.#actorState) === false) return false
      this.#end('drained')
    } catch (thrown) {
      const error = errorOf(thrown)
      this.#report(error, null)
      this.#end(error)
    }
    return true
  }

  /** The end of an incarnation. @param reason what `stop` is told; undefined where `start` failed, so that there is no state */
  #end(reason: EndReason | undefined): void {
    const context = this.#context
    if (context !== undefined) {
      context.correlation = 0
      context.deadlineMs = Number.POSITIVE_INFINITY
      context.traceparent = undefined
      if (reason !== undefined) {
        try {
          this.#behaviour.stop?.(this.#actorState, reason, context)
        } catch (thrown) {
          this.#host.log.error({ actor: this.name, error: errorText(errorOf(thrown)) }, 'the last words of an actor failed')
        }
      }
      context.alive = false
    }
    this.state = 'stopped'
    this.#context = undefined
    this.#actorState = undefined
    this.#exit = undefined
    this.#shutdown?.cancel()
    this.#shutdown = undefined
    this.#host.watchDrain(this, false)
    this.#host.timers.dropAll(this)
    this.mailbox.drop(replyTo => this.#host.undelivered(replyTo, 'stale-incarnation'))
  }

  #report(error: Error, messageKind: string | null): void {
    const report: CrashReport = {
      at: new Date(this.#host.clock.wallMs()).toISOString(),
      actor: this.name,
      kind: this.#behaviour.kind,
      thread: this.#host.thread,
      incarnation: this.incarnation,
      error: errorText(error),
      stack: error.stack ?? '',
      message_kind: messageKind,
      summary: this.#summary()
    }
    this.#crashes ??= []
    this.#crashes.push(report)
    if (this.#crashes.length > limits.crashHistoryMax) this.#crashes.shift()
    this.#figures.crashes.add()
    this.#host.crashed(report)
  }

  #summary(): Readonly<Record<string, unknown>> | null {
    if (this.#behaviour.summary === undefined || this.#actorState === undefined) return null
    try {
      return this.#behaviour.summary(this.#actorState)
    } catch (thrown) {
      return { summary_failed: errorText(errorOf(thrown)) }
    }
  }
}

function kindOf(item: unknown): string | null {
  if (item instanceof Timer) return item.message.kind
  return typeof item === 'object' && item !== null && 'kind' in item && typeof item.kind === 'string' ? item.kind : null
}
