import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TargetProcess } from '../api/bench/target.ts'
import { PeerProcess, type PeerCommand } from './bench-process.ts'

const attemptsMax = 3
const readyMsMax = 30_000
const pollMs = 50

/** How a peer is started: what to run, and what to wait for. */
export interface PeerRecipe<T> {
  readonly name: string
  /** Free ports that it needs. */
  readonly ports: number
  /** The processes to run; it may write their configuration into the folder. */
  commands(ports: readonly number[], folder: string): Promise<readonly PeerCommand[]>
  /** Connect to it once `wait` says that it is ready. What it connects, it closes where it fails. */
  open(ports: readonly number[], running: RunningPeer): Promise<T>
}

/** What a recipe's `open` has of its peer. */
export interface RunningPeer {
  processes(): readonly TargetProcess[]
  /** Stop all processes and remove the folder. */
  stop(): Promise<void>
  /**
   * Ask again and again until there is something; what rejects is asked again.
   * @throws {Error} a process has ended, the bench was interrupted, or it took too long: with the last reason
   */
  wait<T>(what: string, ask: () => Promise<T | undefined>): Promise<T>
}

/**
 * Start a peer on free ports of this machine, in a temporary folder.
 * @throws {Error} it does not get ready; whatever was started is stopped and removed
 */
export async function startPeer<T>(recipe: PeerRecipe<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const folder = await mkdtemp(join(tmpdir(), `carillon-bench-${recipe.name}-`))
    const processes: PeerProcess[] = []
    const running = new Running(processes, folder, signal)
    try {
      const ports = await freePorts(recipe.ports)
      for (const command of await recipe.commands(ports, folder)) processes.push(new PeerProcess(command, folder))
      return await recipe.open(ports, running)
    } catch (error) {
      const hasEnded = processes.some(each => each.end !== undefined)
      await running.stop()
      // Another program may have taken one of the ports in the meantime.
      if (!hasEnded || attempt === attemptsMax || signal?.aborted === true) throw error
    }
  }
}

class Running implements RunningPeer {
  readonly #processes: readonly PeerProcess[]
  readonly #folder: string
  readonly #signal: AbortSignal | undefined

  constructor(processes: readonly PeerProcess[], folder: string, signal: AbortSignal | undefined) {
    this.#processes = processes
    this.#folder = folder
    this.#signal = signal
  }

  processes(): readonly TargetProcess[] {
    return this.#processes.map(({ pid }) => ({ pid, role: 'peer' }))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map(each => each.stop()))
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }

  async wait<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    let why = 'not yet'
    const endMs = performance.now() + readyMsMax
    while (performance.now() < endMs) {
      if (this.#signal?.aborted === true) throw new Error('interrupted')
      const end = this.#processes.find(each => each.end !== undefined)?.end
      if (end !== undefined) throw new Error(`a process ended before ${what} (${end})`)
      try {
        const found = await ask()
        if (found !== undefined) return found
      } catch (error) {
        why = error instanceof Error ? error.message : String(error)
      }
      await new Promise(resolve => setTimeout(resolve, pollMs))
    }
    throw new Error(`no ${what} within ${readyMsMax / 1000} s: ${why}`)
  }
}

/** A folder for each replica. */
export async function replicaFolders(folder: string, count: number): Promise<readonly string[]> {
  const folders = Array.from({ length: count }, (_, index) => join(folder, String(index + 1)))
  for (const each of folders) await mkdir(each)
  return folders
}

/** Ports of 127.0.0.1 that nobody listened on just now, all different. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listening))
  const ports = servers.map(server => (server.address() as { readonly port: number }).port)
  await Promise.all(servers.map(server => new Promise<void>(resolve => server.close(() => resolve()))))
  return ports
}

function listening(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => resolve(server))
  })
}
