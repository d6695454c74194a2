import { releaseProxy, type Remote, transfer as transferring, wrap } from 'comlink'
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js'
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type ResourceLimits,
  type TransferListItem,
  Worker
} from 'node:worker_threads'
import type { Cancellable, Clock } from './clock.ts'
import { errorOf } from './crash.ts'
import type { LogLevel, ThreadBirth, ThreadControl, ThreadNews } from './thread-protocol.ts'

/** What one life of a thread needs to begin. */
export interface ThreadLifeOptions {
  readonly name: string
  /** A module that calls `runThread`. */
  readonly module: URL
  readonly incarnationBase: number
  readonly resourceLimits: ResourceLimits | undefined
  readonly heartbeatMs: number
  /** The event loop may stand still for that long; then the thread is terminated. */
  readonly silenceMs: number
  /** From birth to the end of the program's start. */
  readonly startMs: number
  /** Until the thread ends by itself after its stop; then it is terminated. */
  readonly exitMs: number
  readonly logLevel: LogLevel
}

export interface ThreadEvents {
  news(news: ThreadNews): void
  /** Once, however it ended. @param error undefined where it stopped as asked, or ended by itself with nothing left to do */
  ended(error: Error | undefined): void
  /** It cannot be terminated: it stands in native code, and whatever it has locked stays locked. Only the process's end helps. */
  stuck(error: Error): void
}

/** One life of one thread, from birth, when it loads its modules, to exit. Every question to it is raced against its end and a time-out. */
export class ThreadLife {
  readonly #options: ThreadLifeOptions
  readonly #clock: Clock
  readonly #events: ThreadEvents
  readonly #worker: Worker
  readonly #remote: Remote<ThreadControl>
  readonly #control: MessagePort
  readonly #news: MessagePort
  readonly #counter: Int32Array
  readonly #waiting = new Set<(error: Error) => void>()
  #heartbeat: Cancellable | undefined = undefined
  #lastBeat = 0
  #silentLooks = 0
  #cause: Error | undefined = undefined
  #asked = false
  #over = false
  readonly #exited: Promise<void>

  constructor(clock: Clock, options: ThreadLifeOptions, events: ThreadEvents) {
    this.#clock = clock
    this.#options = options
    this.#events = events
    const control = new MessageChannel()
    const news = new MessageChannel()
    const shared = new SharedArrayBuffer(4)
    this.#counter = new Int32Array(shared)
    const { name, heartbeatMs, incarnationBase, logLevel } = options
    const birth: ThreadBirth = {
      name,
      control: control.port2,
      news: news.port2,
      heartbeat: shared,
      heartbeatMs,
      incarnationBase,
      logLevel
    }
    this.#worker = new Worker(options.module, {
      name,
      workerData: { birth },
      transferList: [control.port2, news.port2],
      ...(options.resourceLimits === undefined ? {} : { resourceLimits: options.resourceLimits })
    })
    this.#control = control.port1
    this.#news = news.port1
    this.#remote = wrap<ThreadControl>(nodeEndpoint(control.port1))
    news.port1.on('message', (message: ThreadNews) => this.#onNews(message))
    this.#worker.on('error', error => {
      this.#cause ??= errorOf(error)
    })
    this.#exited = new Promise(resolve => {
      this.#worker.once('exit', code => {
        this.#onExit(code)
        resolve()
      })
    })
    this.#look()
  }

  /**
   * Begin the program. A failure ends the life as well.
   * @param config plain values for the program's `begin`
   * @param transfer what `config` gives away: ports, say; sent with it
   */
  async start(config: unknown, transfer: readonly TransferListItem[]): Promise<void> {
    const { startMs } = this.#options
    const given =
      transfer.length > 0 && typeof config === 'object' && config !== null ? transferring(config, [...transfer]) : config
    try {
      await this.ask('start', startMs, remote => remote.start(given))
    } catch (error) {
      this.#cause ??= errorOf(error)
      await this.terminate(this.#cause)
      throw this.#cause
    }
  }

  /** @throws where the thread ends meanwhile, does not answer in time, or its answer is an error */
  ask<T>(what: string, timeoutMs: number, question: (remote: Remote<ThreadControl>) => Promise<T>): Promise<T> {
    if (this.#over) return Promise.reject(new Error(`the thread ${this.#options.name} has ended`))
    return new Promise<T>((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(fail)
        timer.cancel()
      }
      const fail = (error: Error): void => {
        settle()
        reject(error)
      }
      const timer = this.#clock.after(timeoutMs, () =>
        fail(new Error(`the thread ${this.#options.name} did not answer '${what}' within ${timeoutMs} ms`))
      )
      this.#waiting.add(fail)
      question(this.#remote).then(
        answer => {
          settle()
          resolve(answer)
        },
        (error: unknown) => fail(errorOf(error))
      )
    })
  }

  /** Drain, stop, wait for the end; terminate where one of them takes too long. */
  async stop(drainMs: number, stopMs: number): Promise<void> {
    if (this.#over) return
    this.#asked = true
    try {
      if (drainMs > 0) await this.ask('drain', drainMs, remote => remote.drain())
    } catch (error) {
      this.#cause ??= errorOf(error)
    }
    try {
      if (!this.#over) await this.ask('stop', stopMs, remote => remote.stop())
    } catch (error) {
      this.#cause ??= errorOf(error)
    }
    const timer = this.#clock.after(this.#options.exitMs, () => {
      this.#cause ??= new Error(`the thread ${this.#options.name} did not end within ${this.#options.exitMs} ms after its stop`)
      void this.terminate(this.#cause)
    })
    await this.#exited
    timer.cancel()
  }

  /** The last step. @param cause why */
  async terminate(cause: Error): Promise<void> {
    this.#cause ??= cause
    const { name, exitMs } = this.#options
    const timer = this.#clock.after(exitMs, () =>
      this.#events.stuck(new Error(`the thread ${name} could not be terminated within ${exitMs} ms`, { cause }))
    )
    void this.#worker.terminate()
    await this.#exited
    timer.cancel()
  }

  #onNews(news: ThreadNews): void {
    if (this.#over) return
    if (news.kind === 'gave-up' && this.#cause === undefined) {
      this.#cause = Object.assign(new Error(news.error), { stack: news.stack })
      // It may hold locks: let it put them down.
      void this.stop(0, this.#options.exitMs)
    }
    this.#events.news(news)
  }

  /**
   * Silence is counted in looks, not in time: after the whole process was stopped for a while, the thread gets
   * as many looks as ever to move on.
   */
  #look(): void {
    const { heartbeatMs, silenceMs, startMs, name } = this.#options
    this.#heartbeat = this.#clock.after(heartbeatMs, () => {
      if (this.#over) return
      const beat = Atomics.load(this.#counter, 0)
      this.#silentLooks = beat === this.#lastBeat ? this.#silentLooks + 1 : 0
      this.#lastBeat = beat
      // Before its first beat it is loading its modules.
      const allowedMs = beat === 0 ? startMs : silenceMs
      if (this.#silentLooks * heartbeatMs > allowedMs) {
        void this.terminate(new Error(`the thread ${name} was silent for ${allowedMs} ms: its event loop stands still`))
      } else this.#look()
    })
  }

  #onExit(code: number): void {
    // Its last words may lie in the port still.
    for (let left = receiveMessageOnPort(this.#news); left !== undefined; left = receiveMessageOnPort(this.#news)) {
      this.#onNews(left.message as ThreadNews)
    }
    this.#over = true
    this.#heartbeat?.cancel()
    this.#remote[releaseProxy]()
    this.#control.close()
    this.#news.close()
    const { name } = this.#options
    const error =
      this.#cause ?? (this.#asked || code === 0 ? undefined : new Error(`the thread ${name} exited with code ${code}`))
    for (const fail of [...this.#waiting]) fail(error ?? new Error(`the thread ${name} has ended`))
    this.#events.ended(error)
  }
}
