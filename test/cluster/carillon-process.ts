import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { until } from './cluster-rig.ts'

/** The command of this build. */
export const carillonPath = fileURLToPath(new URL('../../deploy/carillon.js', import.meta.url))

export interface Ending {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
}

/** `carillon …` as a process of its own, without this process's settings. */
export class CarillonProcess {
  readonly child: ChildProcess
  out = ''
  err = ''
  /** When the process has ended and all that it wrote was read. */
  readonly ended: Promise<Ending>

  /** @param input what stands on its standard input; undefined: nothing, at once */
  constructor(
    t: Test,
    words: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    input?: NodeJS.ReadableStream
  ) {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^CARILLON_(?!TEST_MARK|NATS_SERVER)/.test(name))
    )
    const child = spawn(process.execPath, [carillonPath, ...words], {
      env: { ...inherited, ...environment },
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe']
    })
    this.child = child
    if (input !== undefined) input.pipe(child.stdin!)
    child.stdin?.on('error', () => {})
    child.stdout!.setEncoding('utf8').on('data', (text: string) => void (this.out += text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => void (this.err += text))
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      // Not 'close': a host that survives this process for a moment holds the pipes.
      child.once('exit', (status, signal) => setImmediate(() => resolve({ status, signal })))
    })
    t.teardown(async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await this.ended
    })
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  signal(name: NodeJS.Signals): Promise<Ending> {
    this.child.kill(name)
    return this.ended
  }

  /** Waits until it has written that. @throws {Error} it ended before, or took too long */
  async says(pattern: RegExp): Promise<void> {
    await until(
      `${pattern} of ${this.child.spawnargs.slice(2).join(' ')}: ${this.out}${this.err}`,
      () => {
        if (pattern.test(this.out) || pattern.test(this.err)) return true
        if (!this.isRunning) throw new Error(`it ended without saying ${pattern}: ${this.out}${this.err}`)
        return false
      },
      40_000
    )
  }
}

export const hasProc = existsSync('/proc/self/cmdline')

/** Processes that live and have the text in their command line: a data directory is a good one. Not this one. */
export function processesWith(text: string): { pid: number; command: string }[] {
  const found: { pid: number; command: string }[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      if (command.includes(text)) found.push({ pid, command })
    } catch {
      // It has just ended.
    }
  }
  return found
}
