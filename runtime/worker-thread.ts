import { expose } from 'comlink'
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js'
import { workerData } from 'node:worker_threads'
import type { ActorDescription } from './actor.ts'
import { type CrashReport, errorText } from './crash.ts'
import type { Log, LogFields } from './log.ts'
import type { MetricSnapshot } from './metrics.ts'
import type { LogLevel, ThreadBirth, ThreadControl, ThreadNews } from './thread-protocol.ts'

/** What a composition root makes for a thread: usually an actor system and what it stands on. */
export interface ThreadProgram {
  describe(): ActorDescription
  metrics?(): MetricSnapshot[]
  /** Finish the work under way; take no new work. */
  drain(): Promise<void>
  /** Let go of everything, so that the thread can end by itself. */
  stop(): Promise<void>
  /** Whatever else main may ask. Arguments and results are plain values. */
  command?(name: string, argument: unknown): unknown
}

/** A thread's view of its place in the process. */
export interface Seat {
  readonly name: string
  readonly incarnationBase: number
  /** Forwards to main. */
  readonly log: Log
  crashed(report: CrashReport): void
  /** This thread is of no use any more: main stops and replaces it. */
  gaveUp(error: Error): void
}

/**
 * Be a thread: call this once, at the end of the thread's module.
 * What is thrown and not caught ends the thread, and main replaces it.
 * @param begin makes the program from the configuration that main sends
 */
export function runThread<C>(begin: (config: C, seat: Seat) => ThreadProgram | Promise<ThreadProgram>): void {
  const birth = (workerData as { readonly birth?: ThreadBirth } | null)?.birth
  if (birth === undefined) throw new Error('this module is a thread of a host: start it with WorkerHost, not by itself')
  const counter = new Int32Array(birth.heartbeat)
  const beat = setInterval(() => Atomics.add(counter, 0, 1), birth.heartbeatMs)
  Atomics.add(counter, 0, 1)

  const tell = (news: ThreadNews): void => birth.news.postMessage(news)
  const seat: Seat = {
    name: birth.name,
    incarnationBase: birth.incarnationBase,
    log: forwardingLog(birth, tell),
    crashed: report => tell({ kind: 'crash', report: { ...report, summary: cloneable(report.summary) } }),
    gaveUp: error => tell({ kind: 'gave-up', error: errorText(error), stack: error.stack ?? '' })
  }

  let program: ThreadProgram | undefined
  const running = (): ThreadProgram => {
    if (program === undefined) throw new Error(`the thread ${birth.name} has not started`)
    return program
  }
  const control: ThreadControl = {
    async start(config) {
      if (program !== undefined) throw new Error(`the thread ${birth.name} has started before`)
      program = await begin(config as C, seat)
    },
    describe: () => running().describe(),
    metrics: () => running().metrics?.() ?? [],
    drain: () => running().drain(),
    async stop() {
      await program?.stop()
      // The answer leaves first; then nothing of ours holds the event loop any more.
      setImmediate(() => {
        clearInterval(beat)
        birth.control.close()
        birth.news.close()
      })
    },
    async command(name, argument) {
      const { command } = running()
      if (command === undefined) throw new Error(`the thread ${birth.name} takes no commands`)
      return await command.call(program, name, argument)
    }
  }
  expose(control, nodeEndpoint(birth.control))
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

function forwardingLog(birth: ThreadBirth, tell: (news: ThreadNews) => void): Log {
  const at = (level: LogLevel) => {
    if (levels.indexOf(level) < levels.indexOf(birth.logLevel)) return () => undefined
    return (fields: LogFields, text: string) =>
      tell({ kind: 'log', level, fields: { thread: birth.name, ...cloneable(fields) }, text })
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A log line must not fail for what it mentions. */
function cloneable<F extends LogFields | null>(fields: F): F {
  if (fields === null) return fields
  const plain: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'function' || typeof value === 'symbol') plain[name] = String(value)
    else if (value instanceof Error) plain[name] = errorText(value)
    else if (typeof value === 'object' && value !== null) plain[name] = clonedOrText(value)
    else plain[name] = value
  }
  return plain as F
}

function clonedOrText(value: object): unknown {
  try {
    return structuredClone(value)
  } catch {
    return Object.prototype.toString.call(value)
  }
}
