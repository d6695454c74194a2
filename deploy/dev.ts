import { type ChildProcess, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { restartWindow } from '../model/restart-window.ts'
import { systemClock } from '../runtime/system-clock.ts'

export interface DevOptions {
  readonly hosts: number
  readonly data: string
  /** Host n has HTTP on base + n, NATS on base + 350 + n, routes on base + 550 + n, the monitor on base + 750 + n. */
  readonly basePort: number
  /** Data threads of each host; 0: as many as suit this machine. */
  readonly threads: number
  /** Required of every client; '' for none. */
  readonly token: string
  readonly logLevel: string
  /** Told each line for people. */
  readonly say: (line: string) => void
}

/** What has to be said; the rest suits several hosts on one machine. */
export type DevGiven = Pick<DevOptions, 'hosts' | 'data' | 'basePort' | 'token'> & Partial<DevOptions>

export interface DevHost {
  readonly name: string
  readonly httpPort: number
  readonly natsPort: number
  readonly routePort: number
  readonly monitorPort: number
  readonly data: string
}

const natsOffset = 350
const routeOffset = 550
const monitorOffset = 750
const readyMsMax = 60_000
const readyPollMs = 50
const stopMsMax = 30_000
const restartsMax = 20
const restartsPeriodMs = 60_000
const restartDelayMs = 500

export function devHosts({ hosts, data, basePort }: Pick<DevOptions, 'hosts' | 'data' | 'basePort'>): DevHost[] {
  return Array.from({ length: hosts }, (_, index) => {
    const n = index + 1
    return {
      name: `host-${n}`,
      httpPort: basePort + n,
      natsPort: basePort + natsOffset + n,
      routePort: basePort + routeOffset + n,
      monitorPort: basePort + monitorOffset + n,
      data: resolve(join(data, `host-${n}`))
    }
  })
}

/** A cluster of hosts on this machine, one process each. Hosts that die are started again, as systemd or Kubernetes would. */
export class DevCluster {
  readonly hosts: readonly DevHost[]
  readonly #options: DevOptions
  readonly #processes = new Map<string, ChildProcess>()
  readonly #unwanted = new Set<string>()
  #isStopping = false
  /** Why a host ended before it was ready for the first time. */
  #stillborn: string | undefined
  #isReady = false

  constructor(options: DevOptions) {
    this.#options = options
    this.hosts = devHosts(options)
  }

  get servers(): string[] {
    return this.hosts.map(host => `nats://127.0.0.1:${host.natsPort}`)
  }

  /** The process that runs the host now. */
  processOf(name: string): ChildProcess | undefined {
    return this.#processes.get(name)
  }

  /** Start all, and wait until each sees a quorum. @throws {Error} one does not get there */
  async start(): Promise<void> {
    for (const host of this.hosts) this.#launch(host)
    const deadlineMs = systemClock.now() + readyMsMax
    for (const host of this.hosts) {
      while (!(await isReady(host))) {
        if (this.#isStopping) return
        if (this.#stillborn !== undefined) throw new Error(this.#stillborn)
        if (systemClock.now() > deadlineMs)
          throw new Error(`${host.name} is not ready after ${readyMsMax / 1000} s: its log is above`)
        await new Promise(resolve => setTimeout(resolve, readyPollMs))
      }
    }
    this.#isReady = true
  }

  /** SIGTERM to all; who does not end in time is killed. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.stopHosts(this.hosts.map(host => host.name))
  }

  /** Stop some hosts in order, and leave them stopped. */
  async stopHosts(names: readonly string[]): Promise<void> {
    for (const name of names) this.#unwanted.add(name)
    await Promise.all(names.map(name => ended(this.#processes.get(name))))
  }

  #launch(host: DevHost): void {
    const window = restartWindow(restartsMax, restartsPeriodMs)
    const { token, threads, logLevel } = this.#options
    const others = this.hosts.filter(other => other.name !== host.name)
    // The first host begins the cluster; the others join whichever of their peers answers.
    const isFirst = host === this.hosts[0]
    const flags = {
      name: host.name,
      data: host.data,
      'http-port': host.httpPort,
      'nats-port': host.natsPort,
      'route-port': host.routePort,
      'monitor-port': host.monitorPort,
      threads,
      'log-level': logLevel,
      'log-format': 'text',
      ...(isFirst || others.length === 0 ? {} : { join: others.map(other => `127.0.0.1:${other.routePort}`).join(',') })
    }
    const launch = (): void => {
      const child = spawn(
        process.execPath,
        [
          ...process.execArgv,
          carillonPath,
          'host',
          ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])
        ],
        {
          // A group of its own: Ctrl-C reaches this process, which stops the hosts in order.
          detached: true,
          // The channel tells a host that this process is gone.
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
          env: { ...process.env, ...(token === '' ? {} : { CARILLON_TOKEN: token }) }
        }
      )
      this.#processes.set(host.name, child)
      child.once('exit', (code, signal) => {
        if (this.#unwanted.has(host.name)) return
        if (!this.#isReady) {
          this.#stillborn ??= `${host.name} ended (${signal ?? code}) before the cluster was ready: its last words are above`
          return
        }
        this.#options.say(`${host.name} ended (${signal ?? code}); it is started again`)
        if (window.record(systemClock.now()) === 'restart')
          setTimeout(() => !this.#unwanted.has(host.name) && launch(), restartDelayMs)
        else this.#options.say(`${host.name} ended ${restartsMax} times within a minute and is left alone`)
      })
    }
    launch()
  }
}

const carillonPath = fileURLToPath(new URL('./carillon.js', import.meta.url))

function ended(child: ChildProcess | undefined): Promise<void> {
  return new Promise(resolve => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return resolve()
    const force = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
    child.once('exit', () => {
      clearTimeout(force)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

async function isReady(host: DevHost): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${host.httpPort}/readyz`, { signal: AbortSignal.timeout(1_000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

/** `carillon dev` and `npm start`: until a signal. @returns the exit status */
export async function runDev(given: DevGiven): Promise<number> {
  const options: DevOptions = { threads: 1, logLevel: 'warn', say: line => process.stdout.write(`${line}\n`), ...given }
  const cluster = new DevCluster(options)
  const startedMs = systemClock.now()
  let asked: () => void = () => {}
  const signalled = new Promise<void>(resolve => {
    asked = resolve
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, asked)
  try {
    await Promise.race([cluster.start(), signalled])
    const [first] = cluster.hosts
    if (first !== undefined) {
      options.say(
        `Carillon runs: ${cluster.hosts.length} hosts, ready after ${((systemClock.now() - startedMs) / 1000).toFixed(1)} s, data in ${resolve(options.data)}`
      )
      for (const host of cluster.hosts)
        options.say(`  ${host.name}  API http://127.0.0.1:${host.httpPort}/docs  NATS nats://127.0.0.1:${host.natsPort}`)
      options.say(
        `Try:  curl -X PUT localhost:${first.httpPort}/api/v1/store -H 'Content-Type: application/json' -d '{"key":"hello","value":"world"}'`
      )
      options.say('Ctrl-C stops everything; the data stays.')
    }
    await signalled
    return 0
  } catch (error) {
    options.say(error instanceof Error ? error.message : String(error))
    return 1
  } finally {
    await cluster.stop()
  }
}
