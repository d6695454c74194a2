import type { ResourceLimits, TransferListItem } from 'node:worker_threads'
import { limits } from '../model/limits.ts'
import { isToken } from '../bus/bus.ts'
import type { ActorDescription, RestartType } from './actor.ts'
import type { Clock } from './clock.ts'
import { type CrashReport, errorText } from './crash.ts'
import type { Log } from './log.ts'
import type { MetricSnapshot } from './metrics.ts'
import { ThreadLife } from './thread-life.ts'
import type { LogLevel, ThreadNews } from './thread-protocol.ts'

/** What a thread's program begins with. */
export interface ThreadConfig {
  readonly config: unknown
  /** Ports and buffers in `config` that move to the thread. */
  readonly transfer?: readonly TransferListItem[]
}

/** One thread as data. */
export interface ThreadSpec {
  /** A token; the second part of its actors' addresses. */
  readonly name: string
  /** A module that ends with `runThread(…)`. */
  readonly module: URL
  /** Called for each life: the first one is 1. */
  readonly configure: (life: number) => ThreadConfig
  /** Default 'permanent'. */
  readonly restart?: RestartType
  readonly resourceLimits?: ResourceLimits
  /** Default 250. */
  readonly heartbeatMs?: number
  /** How long its event loop may stand still; default 10,000. */
  readonly silenceMs?: number
  /** Default 30,000. */
  readonly startMs?: number
  /** Default 10,000. */
  readonly drainMs?: number
  /** Default 5,000. */
  readonly stopMs?: number
  /** From its stop to its end; default 2,000. */
  readonly exitMs?: number
  /** Default 'info'. */
  readonly logLevel?: LogLevel
}

/** How a thread ended. */
export interface ThreadEnd {
  readonly name: string
  /** Which life it was, from 1. */
  readonly life: number
  readonly error: Error | undefined
}

export interface WorkerHostOptions {
  readonly host: string
  readonly clock: Clock
  readonly log: Log
  /** A number that is higher at each call, over all lives of this host. */
  readonly incarnationBase: () => number
  onCrash?(report: CrashReport): void
  /** A thread does not even end by force: the process should end, and be started again. */
  onStuck?(error: Error): void
}

/** One thread over all its lives, seen from main: starts it, asks it, remembers what it died of. Who restarts it is `ThreadGroup`. */
export class WorkerHost {
  readonly spec: ThreadSpec
  state: ActorDescription['state'] = 'stopped'
  readonly #options: WorkerHostOptions
  readonly #ended: (end: ThreadEnd) => void
  #life: ThreadLife | undefined = undefined
  /** It loads its modules, or has, and waits for its program. */
  #isPrepared = false
  #lives = 0
  #incarnation = 0
  #restarts = 0
  #last: ActorDescription['last_crash'] = null
  readonly #crashes: CrashReport[] = []

  /** @param ended told when a running thread ends that was not asked to */
  constructor(spec: ThreadSpec, options: WorkerHostOptions, ended: (end: ThreadEnd) => void) {
    if (!isToken(spec.name)) throw new RangeError(`the thread name ${JSON.stringify(spec.name)} is no address token`)
    this.spec = spec
    this.#options = options
    this.#ended = ended
  }

  get name(): string {
    return this.spec.name
  }

  /** Let the thread come to life and load its modules, while whatever its program needs is not there yet. Nobody has to. */
  prepare(): void {
    if (this.#life !== undefined) return
    this.#isPrepared = true
    this.#life = this.#newLife()
  }

  /** @throws where the program did not start; the thread has ended then */
  async start(): Promise<void> {
    if (this.#life !== undefined && !this.#isPrepared) throw new Error(`the thread ${this.name} runs already`)
    this.state = 'starting'
    const life = (this.#life ??= this.#newLife())
    this.#isPrepared = false
    const { config, transfer = [] } = this.spec.configure(this.#lives)
    await life.start(config, transfer)
    // It may have died between its answer and now.
    if (this.#life === life) this.state = 'running'
  }

  #newLife(): ThreadLife {
    const { spec } = this
    const options = this.#options
    this.#lives += 1
    if (this.#lives > 1) this.#restarts += 1
    const number = this.#lives
    this.#incarnation = options.incarnationBase()
    return new ThreadLife(
      options.clock,
      {
        name: spec.name,
        module: spec.module,
        incarnationBase: this.#incarnation,
        resourceLimits: spec.resourceLimits,
        heartbeatMs: spec.heartbeatMs ?? 250,
        silenceMs: spec.silenceMs ?? 10_000,
        startMs: spec.startMs ?? 30_000,
        exitMs: spec.exitMs ?? 2_000,
        logLevel: spec.logLevel ?? 'info'
      },
      {
        news: news => this.#onNews(news),
        ended: error => this.#onEnd(number, error),
        stuck: error => {
          options.log.error({ thread: this.name, life: number, error: errorText(error) }, 'a thread cannot be ended')
          options.onStuck?.(error)
        }
      }
    )
  }

  awaitRestart(): void {
    this.state = 'restarting'
  }

  /** Drain, stop, end; terminated where it takes too long. Nobody is told. @param drain false: no time for the work under way */
  async stop(drain = true): Promise<void> {
    const life = this.#life
    if (life !== undefined) {
      this.state = 'draining'
      // One that was only prepared has no work under way.
      const drainMs = drain && !this.#isPrepared ? (this.spec.drainMs ?? 10_000) : 0
      await life.stop(drainMs, this.spec.stopMs ?? 5_000)
    }
    this.state = 'stopped'
  }

  /** @throws where the program refuses, the thread ends, or does not answer in time */
  command(name: string, argument: unknown, timeoutMs = 5_000): Promise<unknown> {
    if (this.#life === undefined) return Promise.reject(new Error(`the thread ${this.name} does not run`))
    return this.#life.ask(name, timeoutMs, remote => remote.command(name, argument))
  }

  /** The thread's figures; none where it does not answer. */
  async metrics(timeoutMs = 1_000): Promise<readonly MetricSnapshot[]> {
    if (this.state !== 'running' || this.#life === undefined) return []
    return this.#life.ask('metrics', timeoutMs, remote => remote.metrics()).catch(() => [])
  }

  /** The thread, with its tree below it; without, where it does not answer. */
  async describe(timeoutMs = 1_000): Promise<ActorDescription> {
    let children: readonly ActorDescription[] = []
    if ((this.state === 'running' || this.state === 'draining') && this.#life !== undefined) {
      children = await this.#life
        .ask('describe', timeoutMs, remote => remote.describe())
        .then(
          tree => [tree],
          () => []
        )
    }
    return {
      name: this.name,
      kind: 'thread',
      thread: `${this.#options.host}.${this.name}`,
      state: this.state,
      incarnation: this.#incarnation,
      restarts: this.#restarts,
      mailbox: { length: 0, limit: 0, handled: 0, refused: 0 },
      last_crash: this.#last,
      children
    }
  }

  /** Crashes of the thread's actors, over all its lives; the newest last. */
  crashes(): readonly CrashReport[] {
    return this.#crashes
  }

  #onNews(news: ThreadNews): void {
    if (news.kind === 'log') this.#options.log[news.level](news.fields, news.text)
    else if (news.kind === 'crash') {
      this.#crashes.push(news.report)
      if (this.#crashes.length > limits.crashHistoryMax) this.#crashes.shift()
      this.#options.onCrash?.(news.report)
    }
  }

  #onEnd(life: number, error: Error | undefined): void {
    const before = this.state
    this.#life = undefined
    this.#isPrepared = false
    if (before !== 'draining') this.state = 'stopped'
    if (error !== undefined) {
      this.#last = { at: new Date(this.#options.clock.wallMs()).toISOString(), error: errorText(error), message_kind: null }
      this.#options.log.error({ thread: this.name, life, error: errorText(error), stack: error.stack ?? '' }, 'a thread ended')
    } else if (before === 'running') this.#options.log.warn({ thread: this.name, life }, 'a thread ended by itself')
    // A failed start and a stop are reported by their own promises.
    if (before === 'running') this.#ended({ name: this.name, life, error })
  }
}
