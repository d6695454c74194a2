import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { FaultMessage } from '../../deploy/fault-injection.ts'
import { until } from './shell.ts'

const carillonPath = fileURLToPath(new URL('../../deploy/carillon.js', import.meta.url))
const restartDelayMs = 500
const endMsMax = 20_000
/** How a host ends that has left, and how it does when it is started once more with what it had. */
const leftStatuses: readonly string[] = ['0', '3']

/** Where a host is, and how it is run there. */
export interface HostPlace {
  readonly name: string
  /** From 1. */
  readonly number: number
  readonly dc: string
  /** Where this process reaches it. */
  readonly address: string
  /** What it binds to. */
  readonly bind: string
  readonly httpPort: number
  readonly natsPort: number
  readonly routePort: number
  readonly monitorPort: number
  /** 0 where there is one datacenter. */
  readonly gatewayPort: number
  readonly data: string
  readonly logFile: string
  readonly environment: Readonly<Record<string, string>>
  /** The command line that runs a program there. */
  command(program: string, args: readonly string[]): { program: string; args: string[] }
}

/** Whom it is told of, as its settings have it. */
export interface HostLinks {
  /** Route addresses in its datacenter. */
  readonly join: readonly string[]
  /** Gateways of others. */
  readonly gatewayJoin: readonly string[]
}

/** An end that nobody asked for. */
export interface UnaskedEnd {
  readonly host: string
  readonly how: string
  readonly atMs: number
}

/** One host as a process, started again when it dies, as systemd or Kubernetes would. */
export class ChaosHost {
  readonly place: HostPlace
  readonly unaskedEnds: UnaskedEnd[] = []
  #links: HostLinks
  #isLeaving = false
  #hasLeft = false
  #child: ChildProcess | undefined
  #isWanted = false
  #isAsked = false
  #frozen: number[] = []
  #restartAfterMs = restartDelayMs
  #starts = 0
  #timer: NodeJS.Timeout | undefined

  constructor(place: HostPlace, links: HostLinks) {
    this.place = place
    this.#links = links
  }

  get name(): string {
    return this.place.name
  }

  get http(): string {
    return `http://${this.place.address}:${this.place.httpPort}`
  }

  get nats(): string {
    return `nats://${this.place.address}:${this.place.natsPort}`
  }

  get pid(): number | undefined {
    return isRunning(this.#child) ? this.#child?.pid : undefined
  }

  get isFrozen(): boolean {
    return this.#frozen.length > 0
  }

  get starts(): number {
    return this.#starts
  }

  /** It was told to leave, and its process has ended for good. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  get route(): string {
    return routeOf(this.place)
  }

  /** It is told to leave: from now on it may end by itself, with a status that says that it has left, and is not started again then. */
  mayLeave(): void {
    this.#isLeaving = true
  }

  /** Start it with an empty directory, as a host that nobody knows yet. It must not run. @param join route addresses of members */
  comeAnew(join: readonly string[]): void {
    if (isRunning(this.#child)) throw new Error(`${this.name} runs: it cannot come anew`)
    rmSync(this.place.data, { recursive: true, force: true })
    this.#links = { ...this.#links, join }
    this.#isLeaving = false
    this.#hasLeft = false
    this.up()
  }

  /** Start it, and again whenever it ends, until `down`. */
  up(): void {
    this.#isWanted = true
    if (!isRunning(this.#child) && this.#timer === undefined) this.#launch()
  }

  /** From its next start on. */
  link(links: HostLinks): void {
    this.#links = links
  }

  /** End it, and leave it ended. */
  async down(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#isWanted = false
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.thaw()
    const child = this.#child
    if (isRunning(child)) {
      this.#isAsked = true
      const ended = new Promise(resolve => child?.once('exit', resolve))
      child?.kill(signal)
      const force = setTimeout(() => child?.kill('SIGKILL'), endMsMax)
      await ended
      clearTimeout(force)
    }
    // Its nats-server follows a moment later.
    await until(`all of ${this.name} has ended`, () => processesWith(this.place.data).length === 0, endMsMax)
  }

  /** It dies, and is started again after that time. */
  kill(restartAfterMs = restartDelayMs): void {
    this.#restartAfterMs = restartAfterMs
    this.#isAsked = true
    this.#child?.kill('SIGKILL')
    this.thaw()
  }

  /** @returns false where there is none now */
  killNats(): boolean {
    const pid = this.natsPid()
    if (pid !== undefined) signal(pid, 'SIGKILL')
    return pid !== undefined
  }

  /** Stop its processes where they stand, as a machine that is overwhelmed does. */
  freeze(what: 'host' | 'nats' | 'both'): void {
    const pids = [what === 'nats' ? undefined : this.pid, what === 'host' ? undefined : this.natsPid()]
    for (const pid of pids) {
      if (pid === undefined) continue
      this.#frozen.push(pid)
      signal(pid, 'SIGSTOP')
    }
  }

  thaw(): void {
    for (const pid of this.#frozen.splice(0)) signal(pid, 'SIGCONT')
  }

  inject(message: FaultMessage): void {
    if (isRunning(this.#child)) this.#child?.send(message, () => {})
  }

  natsPid(): number | undefined {
    const { pid } = this
    return pid === undefined ? undefined : childrenOf(pid).find(child => /nats-server/.test(child.command))?.pid
  }

  /** JSON of a path of its HTTP door. @throws {Error} nobody answers, or it is not 200 */
  async ask<T>(path: string, timeoutMs = 2_000): Promise<T> {
    return JSON.parse(await this.text(path, timeoutMs)) as T
  }

  async text(path: string, timeoutMs = 2_000): Promise<string> {
    const response = await fetch(this.http + path, { signal: AbortSignal.timeout(timeoutMs) })
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${path} of ${this.name}: ${response.status} ${text}`)
    return text
  }

  #launch(): void {
    const { name, dc, data, bind, httpPort, natsPort, routePort, monitorPort, gatewayPort, environment } = this.place
    const { join, gatewayJoin } = this.#links
    const flags: Readonly<Record<string, string | number>> = {
      name,
      data,
      bind,
      'http-port': httpPort,
      'nats-port': natsPort,
      'route-port': routePort,
      'monitor-port': monitorPort,
      threads: 1,
      'log-level': 'info',
      'log-format': 'text',
      ...(gatewayPort === 0 ? {} : { dc, 'gateway-port': gatewayPort }),
      ...(gatewayJoin.length === 0 ? {} : { 'gateway-join': gatewayJoin.join(',') }),
      ...(join.length === 0 ? {} : { join: join.join(',') })
    }
    const words = [carillonPath, 'host', ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])]
    const { program, args } = this.place.command(process.execPath, words)
    const log = openSync(this.place.logFile, 'a')
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log, 'ipc'],
      env: { ...inherited(), CARILLON_FAULTS: 'on', ...environment }
    })
    closeSync(log)
    this.#child = child
    this.#isAsked = false
    this.#starts++
    child.once('error', error => this.unaskedEnds.push({ host: name, how: error.message, atMs: performance.now() }))
    child.once('exit', (code, signal) => this.#ended(`${signal ?? code}`))
  }

  #ended(how: string): void {
    if (this.#isLeaving && leftStatuses.includes(how)) {
      this.#isWanted = false
      this.#hasLeft = true
      return
    }
    if (!this.#isAsked) this.unaskedEnds.push({ host: this.name, how, atMs: performance.now() })
    if (!this.#isWanted) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      if (this.#isWanted) this.#launch()
    }, this.#restartAfterMs)
    this.#restartAfterMs = restartDelayMs
  }
}

/** Where the others' servers reach its. */
export function routeOf({ address, routePort }: HostPlace): string {
  return `${address}:${routePort}`
}

function isRunning(child: ChildProcess | undefined): boolean {
  return child !== undefined && child.exitCode === null && child.signalCode === null
}

function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^CARILLON_(?!NATS_SERVER)/.test(name)))
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended by itself.
  }
}

interface Process {
  readonly pid: number
  readonly command: string
}

function processesWith(text: string): Process[] {
  const found: Process[] = []
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')
    if (command.includes(text)) found.push({ pid, command })
  }
  return found
}

function childrenOf(parent: number): Process[] {
  const pids = read(`/proc/${parent}/task/${parent}/children`).trim().split(' ')
  return pids.filter(pid => pid !== '').map(pid => ({ pid: Number(pid), command: read(`/proc/${pid}/cmdline`) }))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
