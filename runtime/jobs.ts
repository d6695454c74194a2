import { Piscina } from 'piscina'
import { errorOf } from './crash.ts'

export interface JobPoolOptions {
  /** Threads at most; they come when there is work and go after `idleMs`. */
  readonly threadsMax: number
  /** Jobs that may wait; more are refused. */
  readonly queueMax: number
  /** Default 10,000. */
  readonly idleMs?: number
  /** Old-generation heap of one thread, in MB: a job that needs more fails alone. */
  readonly heapMbMax?: number
}

export interface JobOptions {
  /** From when it begins; waiting does not count. */
  readonly timeoutMs: number
  readonly abort?: AbortSignal
}

/** What became of a job: errors are values, since a job may fail for its data. */
export type JobResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: 'failed' | 'time-out' | 'aborted' | 'refused'; readonly error: Error }

/** Work for the CPU alone, on threads of its own, so that no actor waits for it. No state outlives a job. */
export class JobPool {
  readonly #pool: Piscina
  readonly #threadsMax: number
  readonly #queueMax: number
  #running = 0
  /** Jobs in front of the pool: piscina forgets its own queue where the last thread was ended by an abort. */
  readonly #waiting: ((go: boolean) => void)[] = []
  #closed = false

  constructor({ threadsMax, queueMax, idleMs = 10_000, heapMbMax }: JobPoolOptions) {
    this.#threadsMax = threadsMax
    this.#queueMax = queueMax
    this.#pool = new Piscina({
      minThreads: 0,
      maxThreads: threadsMax,
      idleTimeout: idleMs,
      ...(heapMbMax === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: heapMbMax } })
    })
    // A thread that ran out of memory is reported by its job.
    this.#pool.on('error', () => undefined)
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /**
   * @param module whose export `name` is the job: `(argument) => result`, both plain values
   * @returns never rejects
   */
  async run<T>(module: URL, name: string, argument: unknown, { timeoutMs, abort }: JobOptions): Promise<JobResult<T>> {
    if (this.#closed) return closed()
    if (abort?.aborted === true) return aborted()
    if (this.#running < this.#threadsMax) this.#running += 1
    else if (this.#waiting.length >= this.#queueMax) {
      return { ok: false, reason: 'refused', error: new Error(`${this.#queueMax} jobs wait already`) }
    } else if (!(await this.#turn(abort))) return this.#closed ? closed() : aborted()
    const stop = new AbortController()
    let stopped: 'time-out' | 'aborted' | undefined
    const stopFor = (reason: 'time-out' | 'aborted'): void => {
      stopped ??= reason
      stop.abort()
    }
    const onAbort = (): void => stopFor('aborted')
    const timer = setTimeout(stopFor, timeoutMs, 'time-out')
    abort?.addEventListener('abort', onAbort, { once: true })
    try {
      return { ok: true, value: (await this.#pool.run(argument, { filename: module.href, name, signal: stop.signal })) as T }
    } catch (thrown) {
      if (stopped === 'time-out')
        return { ok: false, reason: stopped, error: new Error(`the job ${name} took more than ${timeoutMs} ms`) }
      return stopped === 'aborted' ? aborted() : { ok: false, reason: 'failed', error: errorOf(thrown) }
    } finally {
      clearTimeout(timer)
      abort?.removeEventListener('abort', onAbort)
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next(true)
    }
  }

  /** Ends the threads; jobs under way and waiting fail. */
  async close(): Promise<void> {
    this.#closed = true
    for (const wait of this.#waiting.splice(0)) wait(false)
    await this.#pool.destroy()
  }

  /** @returns whether it is its turn; it takes over a thread then. False where it was aborted or the pool closed */
  #turn(abort: AbortSignal | undefined): Promise<boolean> {
    return new Promise(resolve => {
      const settle = (go: boolean): void => {
        abort?.removeEventListener('abort', leave)
        resolve(go)
      }
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(settle), 1)
        settle(false)
      }
      abort?.addEventListener('abort', leave, { once: true })
      this.#waiting.push(settle)
    })
  }
}

type Failed = Extract<JobResult<never>, { ok: false }>

function closed(): Failed {
  return { ok: false, reason: 'refused', error: new Error('the job pool is closed') }
}

function aborted(): Failed {
  return { ok: false, reason: 'aborted', error: new Error('the job was aborted') }
}
