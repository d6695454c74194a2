import { backoffMs, type RestartWindow, restartWindow } from '../model/restart-window.ts'
import type { ActorDescription, SupervisorSpec } from './actor.ts'
import { errorOf, errorText } from './crash.ts'
import type { MetricSnapshot } from './metrics.ts'
import { type ThreadEnd, type ThreadSpec, WorkerHost, type WorkerHostOptions } from './worker-host.ts'

/** Several threads under one supervisor, as data. */
export interface ThreadGroupSpec extends Pick<SupervisorSpec, 'name' | 'strategy' | 'intensity' | 'periodMs' | 'backoff'> {
  /** In order of start. */
  readonly threads: readonly ThreadSpec[]
}

export interface ThreadGroupOptions extends WorkerHostOptions {
  /** Awaited before a replacement starts: to repair what the dead one left, say. A failure counts as a failed start. */
  beforeReplace?(end: ThreadEnd): Promise<void> | void
  /** A replacement runs. */
  onReplaced?(name: string): void
  /** More restarts than allowed: all threads are stopped. */
  onGiveUp?(error: Error): void
}

/** The supervisor of a host's threads. Its rules are those of `Supervisor`; it waits where that one acts at once. */
export class ThreadGroup {
  readonly spec: ThreadGroupSpec
  readonly #options: ThreadGroupOptions
  readonly #threads = new Map<string, WorkerHost>()
  readonly #window: RestartWindow
  /** Restarts go one after the other: of a thread alone, or of the group. */
  readonly #chains = new Map<string, Promise<void>>()
  /** Ends pauses before restarts early, when all is to stop. */
  readonly #pauses = new Set<() => void>()
  #state: ActorDescription['state'] = 'stopped'
  #isPrepared = false
  #last: ActorDescription['last_crash'] = null

  constructor(spec: ThreadGroupSpec, options: ThreadGroupOptions) {
    this.spec = spec
    this.#options = options
    this.#window = restartWindow(spec.intensity, spec.periodMs)
    for (const thread of spec.threads) {
      if (this.#threads.has(thread.name)) throw new RangeError(`supervision: ${spec.name}: the name ${thread.name} is taken`)
      this.#threads.set(thread.name, new WorkerHost(thread, options, end => this.#onEnd(end)))
    }
  }

  /** Let all threads load their modules side by side, before `start` begins their programs in order. `stop` ends them, too. */
  prepare(): void {
    if (this.#state !== 'stopped') throw new Error(`the threads of ${this.spec.name} run already`)
    this.#isPrepared = true
    for (const thread of this.#threads.values()) thread.prepare()
  }

  /** Start the threads in order. @throws where one does not start; those before it are stopped again */
  async start(): Promise<void> {
    if (this.#state !== 'stopped') throw new Error(`the threads of ${this.spec.name} run already`)
    this.#state = 'starting'
    for (const thread of this.#threads.values()) {
      try {
        await thread.start()
      } catch (error) {
        this.#state = 'draining'
        await this.#stopAll(false)
        throw new Error(`the thread ${thread.name} did not start`, { cause: error })
      }
    }
    this.#state = 'running'
    // One that died while others were starting.
    for (const thread of this.#threads.values()) {
      if (thread.state === 'stopped')
        this.#onEnd({ name: thread.name, life: 1, error: new Error('it ended during the start of its group') })
    }
  }

  /** Drain and stop all, in reverse order of start. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped' && !this.#isPrepared) return
    this.#state = 'draining'
    await this.#stopAll(true)
  }

  thread(name: string): WorkerHost | undefined {
    return this.#threads.get(name)
  }

  threads(): readonly WorkerHost[] {
    return [...this.#threads.values()]
  }

  async metrics(timeoutMs?: number): Promise<readonly (readonly MetricSnapshot[])[]> {
    return Promise.all(this.threads().map(thread => thread.metrics(timeoutMs)))
  }

  async describe(timeoutMs?: number): Promise<ActorDescription> {
    return {
      name: this.spec.name,
      kind: 'supervisor',
      thread: `${this.#options.host}.main`,
      state: this.#state,
      incarnation: 0,
      restarts: 0,
      mailbox: { length: 0, limit: 0, handled: 0, refused: 0 },
      last_crash: this.#last,
      summary: { strategy: this.spec.strategy, intensity: this.spec.intensity, period_ms: this.spec.periodMs },
      children: await Promise.all(this.threads().map(thread => thread.describe(timeoutMs)))
    }
  }

  #onEnd(end: ThreadEnd): void {
    if (this.#state !== 'running') return
    const thread = this.#threads.get(end.name)!
    const type = thread.spec.restart ?? 'permanent'
    if (type === 'temporary' || (type === 'transient' && end.error === undefined)) return
    const now = this.#options.clock.now()
    if (this.#window.record(now) === 'escalate') {
      this.#giveUp(end.error ?? new Error(`the thread ${end.name} ended, though it is permanent`))
      return
    }
    thread.awaitRestart()
    const { backoff, strategy } = this.spec
    const delayMs = backoff === undefined ? 0 : backoffMs(this.#window.restartsWithin(now) + 1, backoff)
    const key = strategy === 'one-for-one' ? end.name : ''
    const chained = (this.#chains.get(key) ?? Promise.resolve()).then(() => this.#restart(thread, end, delayMs))
    this.#chains.set(key, chained)
  }

  async #restart(thread: WorkerHost, end: ThreadEnd, delayMs: number): Promise<void> {
    const affected = this.#affected(thread)
    for (const other of [...affected].reverse()) {
      if (other !== thread && other.state === 'running') {
        await other.stop(false)
        if ((other.spec.restart ?? 'permanent') !== 'temporary') other.awaitRestart()
      }
    }
    if (delayMs > 0) await this.#pause(delayMs)
    for (const next of affected) {
      if (this.#state !== 'running' || next.state !== 'restarting') continue
      try {
        if (next === thread) await this.#options.beforeReplace?.(end)
        await next.start()
      } catch (error) {
        this.#onEnd({ name: next.name, life: end.life + 1, error: errorOf(error) })
        return
      }
      if (this.#state !== 'running') await next.stop(false)
      else this.#options.onReplaced?.(next.name)
    }
  }

  #affected(thread: WorkerHost): readonly WorkerHost[] {
    const all = this.threads()
    if (this.spec.strategy === 'one-for-one') return [thread]
    return this.spec.strategy === 'one-for-all' ? all : all.slice(all.indexOf(thread))
  }

  #giveUp(cause: Error): void {
    const { name, intensity, periodMs } = this.spec
    const error = new Error(`${name} gave up: more than ${intensity} restarts of threads within ${periodMs} ms`, { cause })
    this.#last = { at: new Date(this.#options.clock.wallMs()).toISOString(), error: errorText(error), message_kind: null }
    this.#options.log.error({ supervisor: name, error: errorText(error) }, 'the supervisor of the threads gave up')
    this.#state = 'draining'
    void this.#stopAll(false).then(() => this.#options.onGiveUp?.(error))
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise(resolve => {
      const end = (): void => {
        timer.cancel()
        this.#pauses.delete(end)
        resolve()
      }
      const timer = this.#options.clock.after(delayMs, end)
      this.#pauses.add(end)
    })
  }

  async #stopAll(drain: boolean): Promise<void> {
    for (const end of [...this.#pauses]) end()
    for (const thread of [...this.#threads.values()].reverse()) await thread.stop(drain)
    // A replacement that was starting sees the state, and stops.
    await Promise.all(this.#chains.values())
    this.#state = 'stopped'
    this.#isPrepared = false
  }
}

/**
 * Numbers for lives of threads: from the wall clock, so that a process that starts again goes on above, and always
 * above the one before. Leaves a million incarnations to each life within a second.
 */
export function incarnationsFrom(clock: Pick<ThreadGroupOptions['clock'], 'wallMs'>): () => number {
  let last = 0
  return () => {
    last = Math.max(last + 1_000_000, Math.floor(clock.wallMs()) * 1_000)
    return last
  }
}
