import type { MessagePort } from 'node:worker_threads'
import type { ActorDescription } from './actor.ts'
import type { CrashReport } from './crash.ts'
import type { LogFields } from './log.ts'
import type { MetricSnapshot } from './metrics.ts'

/** What a thread is given at its birth. */
export interface ThreadBirth {
  readonly name: string
  /** The control plane: comlink. */
  readonly control: MessagePort
  /** What the thread says of its own accord: `ThreadNews`. */
  readonly news: MessagePort
  /** One 32-bit counter that the thread's event loop moves on. */
  readonly heartbeat: SharedArrayBuffer
  readonly heartbeatMs: number
  /** Where the thread's incarnations are numbered from; never the same for two lives. */
  readonly incarnationBase: number
  readonly logLevel: LogLevel
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** What main may ask of a thread. */
export interface ThreadControl {
  start(config: unknown): Promise<void>
  describe(): ActorDescription
  metrics(): MetricSnapshot[]
  drain(): Promise<void>
  stop(): Promise<void>
  command(name: string, argument: unknown): Promise<unknown>
}

export type ThreadNews =
  | { readonly kind: 'log'; readonly level: LogLevel; readonly fields: LogFields; readonly text: string }
  | { readonly kind: 'crash'; readonly report: CrashReport }
  | { readonly kind: 'gave-up'; readonly error: string; readonly stack: string }
