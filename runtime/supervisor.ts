import { backoffMs, type RestartWindow, restartWindow } from '../model/restart-window.ts'
import type { ActorDescription, ActorSpec, ChildSpec, SupervisorSpec } from './actor.ts'
import { ActorCell, type CellHost } from './actor-cell.ts'
import { type Child, type EndReason, type Parent, Shutdown } from './child.ts'
import type { Cancellable } from './clock.ts'
import { errorText } from './crash.ts'
import { restartTypeOf } from './supervision.ts'

export interface SupervisorHost extends CellHost {
  addSupervisor(supervisor: Supervisor): void
  removeSupervisor(supervisor: Supervisor): void
}

/** A supervisor that keeps no message loop of its own: it acts when a child ends. @see OTP supervisor(3) */
export class Supervisor implements Child, Parent {
  readonly name: string
  readonly spec: SupervisorSpec
  state: ActorDescription['state'] = 'stopped'
  readonly #host: SupervisorHost
  readonly #parent: Parent
  /** In order of start. */
  #children = new Map<string, Child>()
  /** Of the specification; the others were added later, and go with this supervisor. */
  readonly #own: ReadonlySet<ChildSpec>
  #window: RestartWindow
  #starts = 0
  /** Children that drain since somebody asked for them alone. */
  readonly #leaving = new Set<Child>()
  /** Whom a restart awaits: the child itself where each goes by itself, otherwise the group. */
  readonly #waits = new Map<Child | 'group', Cancellable | undefined>()
  /** While draining: who is next, from the last. */
  #drainQueue: Child[] | undefined = undefined
  #last: { readonly at: string; readonly error: string; readonly message_kind: null } | null = null

  constructor(host: SupervisorHost, parent: Parent, spec: SupervisorSpec) {
    this.#host = host
    this.#parent = parent
    this.spec = spec
    this.name = spec.name
    this.#own = new Set(spec.children)
    this.#window = restartWindow(spec.intensity, spec.periodMs)
    host.addSupervisor(this)
  }

  get alive(): boolean {
    return this.state === 'running' || this.state === 'draining'
  }

  /** Starts the children in order; where one fails, those before it are ended again, as OTP does. */
  start(): Error | undefined {
    this.#starts += 1
    this.state = 'starting'
    this.#window = restartWindow(this.spec.intensity, this.spec.periodMs)
    const children = new Map<string, Child>()
    for (const spec of this.spec.children) children.set(spec.name, this.#children.get(spec.name) ?? this.#create(spec))
    this.#children = children
    for (const child of children.values()) {
      const error = child.start()
      if (error === undefined) continue
      const reason = new Error(`supervisor ${this.name} did not start: its child ${child.name} failed`, { cause: error })
      this.#fail(reason)
      return reason
    }
    this.state = 'running'
    return undefined
  }

  awaitRestart(): void {
    this.state = 'restarting'
  }

  stop(reason: Error): void {
    this.#stopChildren(reason)
    this.state = 'stopped'
    this.#drainQueue = undefined
  }

  drain(): boolean {
    if (this.state === 'draining') return false
    if (this.state !== 'running') {
      this.stop(new Shutdown(`${this.name} is stopped`))
      return true
    }
    this.state = 'draining'
    this.#cancelWaits()
    this.#drainQueue = [...this.#children.values()]
    return this.#drainOn()
  }

  remove(): void {
    for (const child of this.#children.values()) child.remove()
    this.#children.clear()
    this.#host.removeSupervisor(this)
  }

  /** @returns the child, or undefined where this is no place for it or it did not start */
  startChild(spec: ChildSpec): Child | undefined {
    if (this.state !== 'running' || this.spec.strategy !== 'one-for-one') return undefined
    const child = this.#create(spec)
    this.#children.set(child.name, child)
    const error = child.start()
    if (error === undefined) return child
    this.#forget(child)
    return undefined
  }

  stopChild(name: string): void {
    const child = this.#children.get(name)
    if (child === undefined || this.spec.strategy !== 'one-for-one') return
    this.#waits.get(child)?.cancel()
    this.#waits.delete(child)
    if (child.drain()) this.#forget(child)
    else this.#leaving.add(child)
  }

  childEnded(child: Child, reason: EndReason): void {
    if (this.#leaving.delete(child)) this.#forget(child)
    if (this.state === 'draining') {
      if (this.#drainQueue?.at(-1) === child) {
        this.#drainQueue.pop()
        if (this.#drainOn()) this.#parent.childEnded(this, 'drained')
      }
      return
    }
    if (this.state !== 'running' || reason === 'drained') return
    const type = restartTypeOf(child.spec)
    const isInOrder = reason === 'normal' || reason instanceof Shutdown
    if (type === 'permanent' || (type === 'transient' && !isInOrder)) {
      this.#restart(child, reason === 'normal' ? new Error(`${child.name} ended, though it is permanent`) : reason)
    } else if (type === 'temporary' || !this.#own.has(child.spec)) this.#forget(child)
  }

  describe(): ActorDescription {
    const children: ActorDescription[] = []
    for (const child of this.#children.values()) children.push(child.describe())
    return {
      name: this.name,
      kind: 'supervisor',
      thread: this.#host.thread,
      state: this.state,
      incarnation: 0,
      restarts: Math.max(0, this.#starts - 1),
      mailbox: { length: 0, limit: 0, handled: 0, refused: 0 },
      last_crash: this.#last,
      summary: { strategy: this.spec.strategy, intensity: this.spec.intensity, period_ms: this.spec.periodMs },
      children
    }
  }

  #create(spec: ChildSpec): Child {
    return spec.type === 'actor'
      ? new ActorCell(this.#host, this, spec satisfies ActorSpec)
      : new Supervisor(this.#host, this, spec)
  }

  /** `child` ended and has to run: count, end those who go with it, and start them all in a while. */
  #restart(child: Child, error: Error): void {
    const now = this.#host.clock.now()
    if (this.#window.record(now) === 'escalate') {
      this.#giveUp(error)
      return
    }
    child.awaitRestart()
    const alone = this.spec.strategy === 'one-for-one'
    if (!alone) this.#endGroup(child)
    const who = alone ? child : 'group'
    this.#waits.get(who)?.cancel()
    // The first restart waits too: one more than there were.
    const delayMs = this.spec.backoff === undefined ? 0 : backoffMs(this.#window.restartsWithin(now) + 1, this.spec.backoff)
    const perform = (): void => this.#perform(who)
    if (delayMs > 0)
      this.#waits.set(
        who,
        this.#host.clock.after(delayMs, () => this.#host.soon(perform))
      )
    else {
      this.#waits.set(who, undefined)
      this.#host.soon(perform)
    }
  }

  /** End the others whom the strategy ends with `child`, in reverse order of start. Temporary ones do not come back. */
  #endGroup(child: Child): void {
    const all = [...this.#children.values()]
    const from = this.spec.strategy === 'one-for-all' ? 0 : all.indexOf(child)
    const reason = new Shutdown(`${child.name} failed, and ${this.name} restarts its group`)
    for (const other of all.slice(from).reverse()) {
      if (other === child) continue
      other.stop(reason)
      if (restartTypeOf(other.spec) === 'temporary') this.#forget(other)
      else other.awaitRestart()
    }
  }

  #perform(who: Child | 'group'): void {
    // Overtaken: given up, stopped or stopped alone meanwhile.
    if (this.state !== 'running' || !this.#waits.delete(who)) return
    for (const child of who === 'group' ? this.#children.values() : [who]) {
      // One before the group that has ended in order stays so.
      if (child.state !== 'restarting') continue
      const error = child.start()
      if (error === undefined) continue
      this.#restart(child, error)
      return
    }
  }

  #giveUp(cause: Error): void {
    const { intensity, periodMs } = this.spec
    const error = new Error(`supervisor ${this.name} gave up: more than ${intensity} restarts within ${periodMs} ms`, { cause })
    this.#host.log.error(
      { supervisor: this.name, intensity, period_ms: periodMs, error: errorText(cause) },
      'a supervisor gave up'
    )
    this.#fail(error)
    this.#parent.childEnded(this, error)
  }

  #fail(error: Error): void {
    this.#last = { at: new Date(this.#host.clock.wallMs()).toISOString(), error: errorText(error), message_kind: null }
    this.#stopChildren(new Shutdown(`its supervisor ${this.name} failed`, { cause: error }))
    this.state = 'stopped'
  }

  /** End all children at once, in reverse order of start; only those of the specification are kept. */
  #stopChildren(reason: Error): void {
    this.#cancelWaits()
    for (const child of [...this.#children.values()].reverse()) {
      child.stop(reason)
      if (!this.#own.has(child.spec)) this.#forget(child)
    }
    this.#leaving.clear()
  }

  #cancelWaits(): void {
    for (const wait of this.#waits.values()) wait?.cancel()
    this.#waits.clear()
  }

  /** @returns true where all have drained */
  #drainOn(): boolean {
    const queue = this.#drainQueue ?? []
    for (let child = queue.at(-1); child !== undefined; child = queue.at(-1)) {
      if (!child.drain()) return false
      queue.pop()
    }
    this.#drainQueue = undefined
    this.state = 'stopped'
    return true
  }

  #forget(child: Child): void {
    // A child of the same name may be there already.
    if (this.#children.get(child.name) === child) this.#children.delete(child.name)
    child.remove()
  }
}
