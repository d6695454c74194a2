import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { allProcesses, readStat, withDescendants } from '../../api/bench/process-cpu.ts'
import type { DevHost } from '../../deploy/dev.ts'
import { cpuUs } from './processes.ts'
import { until } from './waiting.ts'

const carillonPath = fileURLToPath(new URL('../../deploy/carillon.js', import.meta.url))
const readyMsMax = 120_000
const stopMsMax = 30_000
const askMsMax = 5_000

export interface ClusterShown {
  readonly hosts: readonly { readonly name: string; readonly state: string; readonly pid: number; readonly partitions: number }[]
}

/** One host as a process of its own, that is started and ended when the bench says so. */
export class TargetHost {
  readonly place: DevHost
  readonly #join: readonly string[]
  /** The build that its next start runs: `deploy/carillon.js` of another one, to mix them. */
  program = carillonPath
  #child: ChildProcess | undefined
  #startedMs = 0
  /** Of the last start: ms until it said that it is ready. */
  readyMs = Number.NaN
  /** CPU that it and what it started had used by then. */
  readyCpuUs = Number.NaN

  /** @param join route addresses of the others; none: it begins a cluster */
  constructor(place: DevHost, join: readonly string[]) {
    this.place = place
    this.#join = join
  }

  get name(): string {
    return this.place.name
  }

  get nats(): string {
    return `nats://127.0.0.1:${this.place.natsPort}`
  }

  start(): void {
    const { name, data, httpPort, natsPort, routePort, monitorPort } = this.place
    const flags = {
      name,
      data,
      'http-port': httpPort,
      'nats-port': natsPort,
      'route-port': routePort,
      'monitor-port': monitorPort,
      threads: 1,
      'log-level': 'error',
      'log-format': 'text',
      ...(this.#join.length === 0 ? {} : { join: this.#join.join(',') })
    }
    const words = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])
    const environment = Object.entries(process.env).filter(([variable]) => !/^CARILLON_(?!NATS_SERVER|TEST_MARK)/.test(variable))
    this.#startedMs = performance.now()
    this.#child = spawn(process.execPath, [this.program, 'host', ...words], {
      // Ctrl-C is for the bench, which ends its hosts itself; the channel tells a host that the bench is gone.
      detached: true,
      stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
      env: Object.fromEntries(environment)
    })
  }

  /** Until it says that it is ready. @throws {Error} it ended, or takes too long */
  async ready(): Promise<void> {
    await until(
      `${this.name} is ready`,
      async () => {
        const child = this.#child
        if (child === undefined || child.exitCode !== null || child.signalCode !== null)
          throw new Error(`${this.name} ended before it was ready (${child?.signalCode ?? child?.exitCode}): see above`)
        return (await this.#answers()) && (await this.cluster()).hosts.some(host => host.pid === child.pid)
      },
      readyMsMax
    )
    this.readyMs = performance.now() - this.#startedMs
    this.readyCpuUs = cpuUs(this.pids)
  }

  async #answers(): Promise<boolean> {
    try {
      const response = await fetch(this.#url('/readyz'), { signal: AbortSignal.timeout(askMsMax) })
      await response.arrayBuffer()
      return response.status === 200
    } catch {
      // Nobody listens yet.
      return false
    }
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const tree = this.#tree(child.pid!)
    const ended = new Promise(resolve => child.once('exit', resolve))
    child.kill(signal)
    const force = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
    await ended
    clearTimeout(force)
    // After a kill its nats-server follows a moment later.
    await until(`all of ${this.name} has ended`, () => tree.every(pid => !isAlive(pid)), stopMsMax)
  }

  /** Its process and those that it started. */
  get pids(): number[] {
    return this.#child === undefined ? [] : this.#tree(this.#child.pid!)
  }

  #tree(pid: number): number[] {
    return withDescendants([pid], allProcesses()).map(each => each.pid)
  }

  async cluster(): Promise<ClusterShown> {
    const response = await fetch(this.#url('/api/v1/cluster'), { signal: AbortSignal.timeout(askMsMax) })
    return (await response.json()) as ClusterShown
  }

  /** Compare replicas now, and mend what differs. */
  async repair(): Promise<void> {
    const response = await fetch(this.#url('/api/v1/repair'), { method: 'POST', signal: AbortSignal.timeout(askMsMax) })
    await response.arrayBuffer()
    if (response.status !== 202) throw new Error(`${this.name} did not begin a repair: ${response.status}`)
  }

  /** The sum over the threads of this host of a metric, `name{labels}` as far as it is given. */
  async metric(name: string): Promise<number> {
    const response = await fetch(this.#url('/metrics'), { signal: AbortSignal.timeout(askMsMax) })
    const lines = (await response.text()).split('\n').filter(line => line.startsWith(`carillon_${name}`))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }

  #url(path: string): string {
    return `http://127.0.0.1:${this.place.httpPort}${path}`
  }
}

function isAlive(pid: number): boolean {
  return readStat(pid) !== undefined && !/^State:\s+Z/m.test(statusOf(pid))
}

function statusOf(pid: number): string {
  const file = `/proc/${pid}/status`
  return existsSync(file) ? readFileSync(file, 'utf8') : 'State: Z'
}
