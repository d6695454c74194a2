import type { Clock } from '../../runtime/clock.ts'
import type { Cluster, ClusterOptions } from './cluster.ts'

/** The world around one run of the command: the process's streams and signals, or a test's. */
export interface Terminal {
  readonly input: AsyncIterable<Uint8Array>
  readonly output: TextSink
  readonly errors: TextSink
  readonly clock: Clock
  /** What the environment says where a flag does not. */
  readonly environment: ClientEnvironment
  /** Reach a cluster. Rejects with a sentence where none answers. */
  connect(options: ClusterOptions): Promise<Cluster>
  /** Call `stop` at the first SIGINT or SIGTERM. @returns forgets it again */
  onInterrupt(stop: () => void): () => void
}

export interface TextSink {
  /** Columns of the screen; 0: no screen, so no colours, no bars, no cut lines. */
  readonly columns: number
  readonly isColoured: boolean
  /** Resolves once there is room for more. */
  write(chunk: string | Uint8Array): Promise<void>
}

export interface ClientEnvironment {
  readonly servers: string
  readonly token: string
  readonly cluster: string
  /** Paths of files. */
  readonly tokenFile?: string
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
}

/** Exit statuses. */
export const done = 0
export const failed = 1
export const usage = 2
/** The host has left its cluster, or was removed: whoever starts it again and again may stop. */
export const departed = 3
export type Status = typeof done | typeof failed | typeof usage | typeof departed

/** The command was written wrongly: exit status 2. */
export class UsageError extends Error {
  constructor(text: string) {
    super(text)
    this.name = 'UsageError'
  }
}

/** The work failed for a reason that is said in one sentence: exit status 1, unless there is one that says more. */
export class CommandFailure extends Error {
  readonly status: Status
  constructor(text: string, status: Status = failed) {
    super(text)
    this.status = status
    this.name = 'CommandFailure'
  }
}

const colours = Object.freeze({ bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 })
export type Colour = keyof typeof colours

/** `text` in a colour, where the sink shows colours. */
export function painted(sink: TextSink, colour: Colour, text: string): string {
  return sink.isColoured ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text
}

/** Text of a key or an error from elsewhere, safe for a screen: control characters are spelled out. */
export function printable(text: string): string {
  return text.replaceAll(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g,
    character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  )
}
