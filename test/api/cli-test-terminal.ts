import { runCommandLine, type CommandEntry } from '../../api/cli/command-line.ts'
import { clusterCommands } from '../../api/cli/commands.ts'
import type { Cluster, ClusterOptions } from '../../api/cli/cluster.ts'
import type { ClientEnvironment, Terminal } from '../../api/cli/terminal.ts'
import { hostCommands } from '../../deploy/cli-commands.ts'
import { systemClock } from '../../runtime/system-clock.ts'

/** A terminal that keeps what is written, for a program that is no screen. */
export class TestTerminal implements Terminal {
  readonly written: Buffer[] = []
  readonly complaints: Buffer[] = []
  readonly connections: ClusterOptions[] = []
  readonly clock = systemClock
  readonly environment: ClientEnvironment
  readonly output = {
    columns: 0,
    isColoured: false,
    write: async (chunk: string | Uint8Array) => void this.written.push(Buffer.from(chunk))
  }
  readonly errors = {
    columns: 0,
    isColoured: false,
    write: async (chunk: string | Uint8Array) => void this.complaints.push(Buffer.from(chunk))
  }
  readonly input: AsyncIterable<Uint8Array>
  readonly #cluster: Cluster | undefined
  #interrupt: (() => void) | undefined = undefined

  constructor(cluster?: Cluster, input: AsyncIterable<Uint8Array> = chunksOf(), environment: Partial<ClientEnvironment> = {}) {
    this.#cluster = cluster
    this.input = input
    this.environment = { servers: '', token: '', cluster: '', ...environment }
  }

  async connect(options: ClusterOptions): Promise<Cluster> {
    this.connections.push(options)
    if (this.#cluster === undefined) throw new Error('this test has no cluster')
    return this.#cluster
  }

  onInterrupt(stop: () => void): () => void {
    this.#interrupt = stop
    return () => {
      this.#interrupt = undefined
    }
  }

  interrupt(): void {
    this.#interrupt?.()
  }

  get out(): string {
    return Buffer.concat(this.written).toString('utf8')
  }

  get err(): string {
    return Buffer.concat(this.complaints).toString('utf8')
  }
}

export const entries: readonly CommandEntry[] = [...hostCommands, ...clusterCommands]

export function run(terminal: Terminal, ...words: string[]): Promise<number> {
  return runCommandLine(words, entries, '1.2.3', terminal)
}

export async function* chunksOf(...texts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text)
}
