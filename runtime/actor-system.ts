import type { Address, Bus, Envelope, Lane, Message, Receiver, Ref, ThreadAddress, UndeliveredReason } from '../bus/bus.ts'
import { actorOf, addressOf, everyHost, hostOf, isToken, threadAddressOf } from '../bus/bus.ts'
import { limits } from '../model/limits.ts'
import type { ActorDescription, ChildSpec, SupervisorSpec } from './actor.ts'
import type { ActorCell, KindFigures } from './actor-cell.ts'
import type { EndReason, Parent } from './child.ts'
import type { Clock } from './clock.ts'
import { type CrashReport, errorOf, errorText } from './crash.ts'
import type { Log } from './log.ts'
import type { Counter, Metrics } from './metrics.ts'
import type { Random } from './random.ts'
import { RunQueue } from './run-queue.ts'
import { undeliveredMessage, undeliveredReasonOf, undeliveredSignal, Unreachable } from './signal.ts'
import { checkSpecification } from './supervision.ts'
import { Supervisor, type SupervisorHost } from './supervisor.ts'
import { type Tap, Taps } from './taps.ts'
import { Timers } from './timers.ts'

/** A way out that is no bus: to clients, to a broker, to a test. */
export interface Gateway {
  /** @returns false where it was refused */
  send(envelope: Envelope): boolean
  /** Called at the end of each turn. */
  flush(): void
}

export interface ActorSystemOptions<R> {
  /** Token of the host; the first part of all addresses here. */
  readonly host: string
  /** Token of the thread, the second part. */
  readonly thread: string
  readonly clock: Clock
  readonly random: Random
  readonly bus?: Bus
  /** By the host token of the addresses that they serve: `client`, say. */
  readonly gateways?: ReadonlyMap<string, Gateway>
  /** What the thread lends to its actors. */
  readonly resources: R
  readonly log: Log
  readonly metrics: Metrics
  /** Incarnations are numbered from here; no two lives of a thread may share a number. Default 0. */
  readonly incarnationBase?: number
  /** After a turn of so many messages, what it sent waits for what has arrived meanwhile. Default: never. */
  readonly gatherFrom?: number
  /** The root supervisor gave up, and all actors are ended: the thread is of no use any more. */
  onGiveUp?(error: Error): void
  onCrash?(report: CrashReport): void
}

/** The actors of one thread: names, routing, turns, timers and the tree. */
export class ActorSystem<R = unknown> implements Receiver, SupervisorHost, Parent {
  readonly host: string
  readonly thread: ThreadAddress
  readonly clock: Clock
  readonly random: Random
  readonly timers: Timers
  readonly resources: R
  readonly log: Log
  readonly metrics: Metrics
  readonly #options: ActorSystemOptions<R>
  readonly #bus: Bus | undefined
  readonly #gateways: ReadonlyMap<string, Gateway>
  readonly #ownPrefix: string
  readonly #cells = new Map<Address, ActorCell>()
  readonly #supervisors = new Map<string, Supervisor>()
  readonly #kinds = new Map<string, KindFigures>()
  readonly #listeners = new Set<ActorCell>()
  readonly #undelivered: Readonly<Record<UndeliveredReason, Counter>>
  readonly #crashes: CrashReport[] = []
  readonly #taps = new Taps()
  readonly #queue: RunQueue
  #incarnation: number
  #isWaking = false
  #root: Supervisor | undefined = undefined
  #stopped: (() => void) | undefined = undefined
  #stopping: Promise<void> | undefined = undefined

  constructor(options: ActorSystemOptions<R>) {
    this.#options = options
    this.host = options.host
    this.thread = threadAddressOf(options.host, options.thread)
    this.clock = options.clock
    this.random = options.random
    this.resources = options.resources
    this.log = options.log
    this.metrics = options.metrics
    this.#ownPrefix = `${this.thread}.`
    this.#incarnation = options.incarnationBase ?? 0
    this.#gateways = options.gateways ?? new Map()
    this.#bus = options.bus
    this.#queue = new RunQueue(this.clock, () => this.#flush(), options.gatherFrom)
    this.timers = new Timers(this.clock, () => this.#queue.wake())
    const counted = (reason: UndeliveredReason): Counter =>
      this.metrics.counter('messages_undelivered_total', 'Messages that no actor handled, by reason', { reason })
    this.#undelivered = {
      'no-such-actor': counted('no-such-actor'),
      'stale-incarnation': counted('stale-incarnation'),
      overloaded: counted('overloaded'),
      expired: counted('expired')
    }
    this.metrics.observe('actors', 'Actors on this thread', () => this.#cells.size)
    this.metrics.observe('timers', 'Timers that wait', () => this.timers.waiting)
    this.#bus?.listen(this)
  }

  /**
   * Start the tree, in order. Once.
   * @throws {RangeError} the specification is wrong
   * @throws {Error} an actor did not start; those before it were ended again
   */
  start(spec: SupervisorSpec): void {
    if (this.#root !== undefined) throw new Error(`the tree of ${this.thread} was started before`)
    if (spec.type !== 'supervisor') throw new RangeError('supervision: the root is a supervisor')
    checkSpecification(spec)
    this.#root = new Supervisor(this, this, spec)
    const error = this.#root.start()
    if (error !== undefined) throw error
  }

  /** Drain and stop all actors in reverse order of start, then let go of the clock. The bus stays open. */
  stop(): Promise<void> {
    this.#stopping ??= new Promise(resolve => {
      this.#stopped = resolve
      if (this.#root === undefined || !this.#root.alive || this.#root.drain()) this.#through()
    })
    return this.#stopping
  }

  describe(): ActorDescription {
    if (this.#root !== undefined) return this.#root.describe()
    const mailbox = { length: 0, limit: 0, handled: 0, refused: 0 }
    const { thread } = this
    return {
      name: 'root',
      kind: 'supervisor',
      thread,
      state: 'stopped',
      incarnation: 0,
      restarts: 0,
      mailbox,
      last_crash: null,
      children: []
    }
  }

  /** @returns a reference to whichever incarnation lives under that name, here */
  lookup<T extends Message = Message>(name: string): Ref<T> | undefined {
    const cell = this.#cells.get(addressOf(this.thread, name))
    return cell === undefined ? undefined : { address: cell.address, correlation: 0, incarnation: 0 }
  }

  /** From outside the actors, in the data lane. */
  send<T extends Message>(to: Ref<T>, message: T, budgetMs = 0, traceparent?: string): void {
    this.tell(undefined, to, message, 'data', budgetMs, traceparent)
  }

  /** From outside the actors, in the control lane. */
  signal<T extends Message>(to: Ref<T>, message: T): void {
    this.tell(undefined, to, message, 'control', 0, undefined)
  }

  /** See the messages of one actor, or of all. @returns how to stop looking */
  watch(name: string | undefined, tap: Tap): () => void {
    return this.#taps.add(name === undefined ? undefined : addressOf(this.thread, name), tap)
  }

  /** The latest crashes on this thread, the newest last. */
  crashes(): readonly CrashReport[] {
    return this.#crashes
  }

  startChild(supervisor: string, spec: ChildSpec): Ref | undefined {
    const parent = this.#supervisors.get(supervisor)
    if (parent === undefined || this.#taken(spec.name)) return undefined
    if (this.#cells.size >= limits.actorsPerThreadMax) {
      this.log.error({ supervisor, limit: limits.actorsPerThreadMax }, 'this thread has as many actors as it may have')
      return undefined
    }
    checkSpecification(spec, name => this.#taken(name))
    const child = parent.startChild(spec)
    return child === undefined ? undefined : { address: addressOf(this.thread, child.name), correlation: 0, incarnation: 0 }
  }

  stopChild(supervisor: string, name: string): void {
    this.#supervisors.get(supervisor)?.stopChild(name)
  }

  /** The bus's, and gateways', way in. */
  deliver(envelope: Envelope): void {
    const { to, lane, message } = envelope
    const cell = this.#cells.get(to.address) ?? this.#meantHere(to.address)
    if (this.#taps.any) this.#taps.see(this.clock.now(), undefined, envelope)
    if (lane === 'control') {
      const reason = undeliveredReasonOf(message)
      if (reason !== undefined) {
        cell?.accept(
          undefined,
          to.incarnation,
          undeliveredSignal(reason),
          lane,
          to.correlation,
          Number.POSITIVE_INFINITY,
          undefined
        )
        return
      }
    }
    const deadlineMs = envelope.budgetMs > 0 ? this.#queue.now() + envelope.budgetMs : Number.POSITIVE_INFINITY
    const refused =
      cell === undefined
        ? 'no-such-actor'
        : cell.accept(undefined, to.incarnation, message, lane, to.correlation, deadlineMs, envelope.traceparent)
    if (refused !== undefined) this.#refuse(message, refused)
  }

  delivered(): void {
    this.#queue.wake()
  }

  unreachable(thread: ThreadAddress): void {
    if (this.#listeners.size === 0) return
    const signal = new Unreachable(thread)
    for (const cell of this.#listeners) cell.accept(undefined, 0, signal, 'control', 0, Number.POSITIVE_INFINITY, undefined)
  }

  refused(replyTo: Ref): void {
    this.undelivered(replyTo, 'overloaded')
  }

  // What cells and supervisors need.

  tell(
    from: ActorCell | undefined,
    to: Ref,
    message: Message,
    lane: Lane,
    budgetMs: number,
    traceparent: string | undefined
  ): void {
    const cell = this.#cells.get(to.address)
    if (this.#taps.any) this.#taps.see(this.clock.now(), from?.address, { to, lane, budgetMs, traceparent, message })
    if (cell !== undefined) {
      const deadlineMs = budgetMs > 0 ? this.#queue.now() + budgetMs : Number.POSITIVE_INFINITY
      const refused = cell.accept(from, to.incarnation, message, lane, to.correlation, deadlineMs, traceparent)
      if (refused !== undefined) this.#refuse(message, refused)
      return
    }
    if (to.address.startsWith(this.#ownPrefix)) this.#refuse(message, 'no-such-actor')
    else if (!this.#leave({ to, lane, budgetMs, traceparent, message })) this.#refuse(message, 'overloaded')
  }

  undelivered(to: Ref, reason: UndeliveredReason): void {
    this.#undelivered[reason].add()
    const cell = this.#cells.get(to.address)
    if (cell !== undefined) {
      cell.accept(
        undefined,
        to.incarnation,
        undeliveredSignal(reason),
        'control',
        to.correlation,
        Number.POSITIVE_INFINITY,
        undefined
      )
    } else if (!to.address.startsWith(this.#ownPrefix)) {
      this.#leave({ to, lane: 'control', budgetMs: 0, traceparent: undefined, message: undeliveredMessage(reason) })
    }
  }

  nextIncarnation(): number {
    this.#incarnation += 1
    return this.#incarnation
  }

  figuresOf(kind: string): KindFigures {
    let figures = this.#kinds.get(kind)
    if (figures === undefined) {
      const labels = { kind }
      figures = {
        handled: this.metrics.counter('actor_messages_handled_total', 'Messages handled, by kind of actor', labels),
        refused: this.metrics.counter('actor_messages_refused_total', 'Messages refused since the mailbox was full', labels),
        expired: this.metrics.counter(
          'actor_messages_expired_total',
          'Messages dropped since nobody waited for them any more',
          labels
        ),
        crashes: this.metrics.counter('actor_crashes_total', 'Incarnations that ended by an error', labels)
      }
      this.#kinds.set(kind, figures)
    }
    return figures
  }

  get running(): ActorCell | undefined {
    return this.#queue.running
  }

  get turnNow(): number {
    return this.#queue.turnNow
  }

  add(cell: ActorCell): void {
    this.#cells.set(cell.address, cell)
    if (cell.listensToUnreachable) this.#listeners.add(cell)
  }

  remove(cell: ActorCell): void {
    if (this.#cells.get(cell.address) === cell) this.#cells.delete(cell.address)
    this.#listeners.delete(cell)
  }

  addSupervisor(supervisor: Supervisor): void {
    this.#supervisors.set(supervisor.name, supervisor)
  }

  removeSupervisor(supervisor: Supervisor): void {
    if (this.#supervisors.get(supervisor.name) === supervisor) this.#supervisors.delete(supervisor.name)
  }

  ready(cell: ActorCell): void {
    this.#queue.push(cell)
  }

  soon(job: () => void): void {
    this.#queue.soon(job)
  }

  watchDrain(cell: ActorCell, on: boolean): void {
    this.#queue.watchDrain(cell, on)
  }

  tick(): boolean {
    return this.#queue.tick()
  }

  crashed(report: CrashReport): void {
    this.#crashes.push(report)
    if (this.#crashes.length > limits.crashHistoryMax) this.#crashes.shift()
    this.log.error({ ...report }, 'an actor crashed')
    this.#options.onCrash?.(report)
  }

  /** The root has ended. */
  childEnded(_root: unknown, reason: EndReason): void {
    if (reason === 'drained' || this.#stopped !== undefined) {
      this.#through()
      return
    }
    const error = errorOf(reason)
    this.log.error({ thread: this.thread, error: errorText(error) }, 'the root supervisor gave up')
    this.timers.close()
    this.#options.onGiveUp?.(error)
  }

  #through(): void {
    this.timers.close()
    this.#flush()
    this.#stopped?.()
  }

  #taken(name: string): boolean {
    return this.#supervisors.has(name) || (isToken(name) && this.#cells.has(addressOf(this.thread, name)))
  }

  /** What is sent to every host names none. */
  #meantHere(address: Address): ActorCell | undefined {
    return hostOf(address) === everyHost ? this.#cells.get(addressOf(this.thread, actorOf(address))) : undefined
  }

  #refuse(message: Message, reason: UndeliveredReason): void {
    if (message.replyTo === undefined) this.#undelivered[reason].add()
    else this.undelivered(message.replyTo, reason)
  }

  #leave(envelope: Envelope): boolean {
    this.#queue.wake()
    if (this.#gateways.size > 0) {
      const gateway = this.#gateways.get(hostOf(envelope.to.address))
      if (gateway !== undefined) return gateway.send(envelope)
    }
    return this.#bus !== undefined && this.#bus.send(envelope)
  }

  #flush(): void {
    if (this.#bus !== undefined) {
      this.#bus.flush()
      if (this.#bus.isShort === true && !this.#isWaking) this.#wakeSoon()
    }
    for (const gateway of this.#gateways.values()) gateway.flush()
  }

  /** What waits for credit is looked after even where nothing else happens. */
  #wakeSoon(): void {
    this.#isWaking = true
    this.clock.after(limits.creditAskMs, () => {
      this.#isWaking = false
      if (this.#stopped === undefined) this.#queue.wake()
    })
  }
}
