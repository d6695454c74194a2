import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import type { NatsBinary } from './nats-binary.ts'
import { type Credentials, type NatsConfig, natsConfigText, type NatsPorts } from './nats-config.ts'
import type { NatsGateway } from './nats-gateway.ts'
import { hostPort, type ServerTlsFiles } from './nats-tls.ts'

/**
 * Batches make it lightly loaded for its messages. On few cores more of its threads only wake each other; and it makes little
 * garbage that lasts. Together a third less CPU for each operation of the store; whoever sets these variables knows better.
 */
const goSettings = Object.freeze({ GOMAXPROCS: String(Math.max(1, availableParallelism() >> 2)), GOGC: '200' })
const readyMsMax = 10_000
const readyPollMs = 5
const reloadMsMax = 5_000
const stopMsMax = 5_000
const lastLinesMax = 20

/**
 * Becomes nats-server, after leaving a watcher behind that waits on descriptor 3, which the host holds. A line on it: all is
 * well, go. Its end: the host is gone, however it died, so the server goes too. The watcher is a forked shell, less than 1 MB.
 */
const startScript = `( trap '' INT HUP TERM; if read -r farewell <&3; then exit 0; fi; kill -KILL $$ ) >/dev/null 2>&1 </dev/null &
exec "$0" -c "$1" 3<&-`

export interface NatsServerOptions {
  readonly binary: NatsBinary
  /** Unique in the cluster; the host's name. */
  readonly name: string
  /** Name of the cluster and prefix of its subjects. */
  readonly cluster: string
  /** A folder of its own; made if absent, and closed to others. */
  readonly directory: string
  /** Default 127.0.0.1. The monitor is on 127.0.0.1 always. */
  readonly bindHost?: string
  /** What other servers and clients are told in place of `bindHost`. */
  readonly advertise?: string
  /** undefined: in the clear, on loopback only. */
  readonly tls?: ServerTlsFiles
  /** −1: any free port, kept from then on. */
  readonly ports: NatsPorts
  /** `host:port` of other hosts' route ports; a few are enough, servers tell each other of the rest. */
  readonly routes?: readonly string[]
  readonly routeSecret?: string
  readonly gateway?: NatsGateway | undefined
  /** What applications must show; undefined: nothing, for loopback only. With it there is no monitor, since that would ask for nothing. */
  readonly application?: Credentials
  /** It ended, and nobody had asked it to. `restart` starts it again. */
  readonly onExit?: (exit: NatsExit) => void
  /** Each line that the server logs. */
  readonly onLog?: (line: string) => void
}

export interface NatsExit {
  readonly code: number | null
  readonly signal: string | null
  /** Its last words. */
  readonly lines: readonly string[]
}

interface Running {
  readonly child: ChildProcess
  /** As configured at its start: a reload must not change them, not even from "any" to the one it took. */
  readonly portsAsked: NatsPorts
  readonly ended: Promise<NatsExit>
  readonly lines: string[]
  asked: boolean
  onLine: ((line: string) => void) | undefined
}

/** A host's own nats-server, as a child process that never outlives it. */
export class NatsServer {
  readonly internal: Credentials = credentials('internal')
  readonly door: Credentials = credentials('door')
  readonly system: Credentials = credentials('system')
  readonly #options: NatsServerOptions
  readonly #bindHost: string
  #ports: NatsPorts
  #routes: readonly string[]
  #running: Running | undefined

  private constructor(options: NatsServerOptions) {
    this.#options = options
    this.#bindHost = options.bindHost ?? '127.0.0.1'
    this.#ports = options.ports
    this.#routes = options.routes ?? []
  }

  /**
   * Start it and wait until it takes connections.
   * @throws {Error} it ended at once, or is not ready in time; with its last words
   */
  static async start(options: NatsServerOptions): Promise<NatsServer> {
    const server = new NatsServer(options)
    const { bindHost, application, routeSecret, tls } = options
    const isOpen = application === undefined || routeSecret === undefined || tls === undefined
    if (bindHost !== undefined && !isLoopback(bindHost) && isOpen) {
      throw new Error(
        `nats-server would listen on ${bindHost} without TLS or without credentials: configure certificates, a token for applications and a secret for routes, or bind to 127.0.0.1`
      )
    }
    await server.#launch()
    return server
  }

  /** The ports in use; monitor 0: none. */
  get ports(): NatsPorts {
    return this.#ports
  }

  get pid(): number | undefined {
    return this.#running?.child.pid
  }

  /** Where this host's own threads connect. */
  get url(): string {
    const host = this.#bindHost === '0.0.0.0' || this.#bindHost === '::' ? '127.0.0.1' : this.#bindHost
    return `${this.#scheme}://${hostPort(host, this.#ports.client)}`
  }

  /** Where others connect; undefined where it is not known: it listens on every address and was not told which one others use. */
  get publicUrl(): string | undefined {
    const host = this.#options.advertise ?? this.#bindHost
    return host === '0.0.0.0' || host === '::' ? undefined : `${this.#scheme}://${hostPort(host, this.#ports.client)}`
  }

  get #scheme(): string {
    return this.#options.tls === undefined ? 'nats' : 'tls'
  }

  /** What an application must show; undefined: nothing. */
  get application(): Credentials | undefined {
    return this.#options.application
  }

  /**
   * Start it again, on the same ports and with the same credentials; stop it first where it runs.
   * @throws {Error} as `start`
   */
  async restart(): Promise<void> {
    await this.stop()
    await this.#launch()
  }

  /**
   * Change the servers that this one seeks, without a restart. Those that are connected and no longer named stay connected
   * as long as others tell of them.
   * @throws {Error} the server does not run, or refuses the configuration
   */
  async setRoutes(routes: readonly string[]): Promise<void> {
    const running = this.#running
    if (running === undefined) throw new Error('nats-server does not run: start it before its routes are changed')
    const before = this.#routes
    this.#routes = routes
    try {
      await this.#writeConfig(running.portsAsked)
      await reloaded(running)
    } catch (error) {
      this.#routes = before
      throw error
    }
  }

  /** End it: cleanly, by force where that takes too long. */
  async stop(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    running.asked = true
    running.child.kill('SIGINT')
    const force = setTimeout(() => running.child.kill('SIGKILL'), stopMsMax)
    await running.ended
    clearTimeout(force)
  }

  async #launch(): Promise<void> {
    const { directory, binary } = this.#options
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await chmod(directory, 0o700)
    for (const file of await readdir(directory)) if (file.endsWith('.ports')) await rm(join(directory, file), { force: true })
    const configFile = await this.#writeConfig(this.#ports)
    const running = launch(binary.path, configFile, this.#ports, line => this.#options.onLog?.(line))
    this.#running = running
    void running.ended.then(exit => {
      if (this.#running === running) this.#running = undefined
      if (!running.asked) this.#options.onExit?.(exit)
    })
    try {
      this.#ports = await portsOf(running, directory, this.#options.application === undefined)
    } catch (error) {
      running.asked = true
      running.child.kill('SIGKILL')
      await running.ended
      throw error
    }
  }

  async #writeConfig(ports: NatsPorts): Promise<string> {
    const { directory, name, cluster, routeSecret, application, tls, advertise, gateway } = this.#options
    const config: NatsConfig = {
      serverName: name,
      cluster,
      bindHost: this.#bindHost,
      ports,
      portsFolder: directory,
      routes: this.#routes,
      gateway,
      routeSecret,
      internal: this.internal,
      door: this.door,
      system: this.system,
      application,
      tls,
      advertise
    }
    const file = join(directory, 'nats-server.conf')
    await writeFile(`${file}.new`, natsConfigText(config), { mode: 0o600 })
    await rename(`${file}.new`, file)
    return file
  }
}

function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || /^127(?:\.[0-9]{1,3}){3}$/.test(host)
}

function credentials(user: string): Credentials {
  return { user, password: randomBytes(24).toString('base64url') }
}

function launch(binary: string, configFile: string, portsAsked: NatsPorts, onLog: (line: string) => void): Running {
  // in a session of its own: Ctrl-C is for the host, which ends the server when it is done with it
  const child = spawn('/bin/sh', ['-c', startScript, binary, configFile], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    detached: true,
    env: { ...goSettings, ...process.env }
  })
  const tether = child.stdio[3] as Writable
  tether.on('error', () => {})
  const lines: string[] = []
  const running: Running = {
    child,
    portsAsked,
    lines,
    asked: false,
    onLine: undefined,
    ended: new Promise(resolve => {
      const end = (code: number | null, signal: string | null): void => {
        tether.end('farewell\n')
        resolve({ code, signal, lines })
      }
      child.once('exit', end)
      child.once('error', error => {
        lines.push(error.message)
        end(null, null)
      })
    })
  }
  if (child.stderr !== null) {
    createInterface({ input: child.stderr }).on('line', line => {
      lines.push(line)
      if (lines.length > lastLinesMax) lines.shift()
      running.onLine?.(line)
      onLog(line)
    })
  }
  return running
}

/** The ports file is written when the server is ready, and named after its process. */
async function portsOf(running: Running, directory: string, hasMonitor: boolean): Promise<NatsPorts> {
  let exit: NatsExit | undefined
  void running.ended.then(how => {
    exit = how
  })
  for (let waitedMs = 0; waitedMs < readyMsMax; waitedMs += readyPollMs) {
    if (exit !== undefined)
      throw new Error(
        `nats-server ended before it was ready (code ${exit.code}, signal ${exit.signal}): ${exit.lines.join(' | ')}`
      )
    const ports = await readPorts(join(directory, `nats-server_${running.child.pid}.ports`), hasMonitor)
    if (ports !== undefined) return ports
    await new Promise(resolve => setTimeout(resolve, readyPollMs))
  }
  throw new Error(`nats-server was not ready within ${readyMsMax} ms: ${running.lines.join(' | ')}`)
}

async function readPorts(file: string, hasMonitor: boolean): Promise<NatsPorts | undefined> {
  try {
    const said: unknown = JSON.parse(await readFile(file, 'utf8'))
    const [client, route] = [firstPort(said, 'nats'), firstPort(said, 'cluster')]
    const monitor = hasMonitor ? firstPort(said, 'monitoring') : 0
    return client === undefined || route === undefined || monitor === undefined ? undefined : { client, route, monitor }
  } catch {
    // not there yet, or half written
    return undefined
  }
}

function firstPort(said: unknown, what: string): number | undefined {
  const urls = (said as Record<string, unknown>)[what]
  return Array.isArray(urls) && typeof urls[0] === 'string' ? Number(new URL(urls[0]).port) : undefined
}

function reloaded(running: Running): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error: Error | undefined): void => {
      clearTimeout(timer)
      running.onLine = undefined
      if (error === undefined) resolve()
      else reject(error)
    }
    const timer = setTimeout(
      () => settle(new Error(`nats-server did not reload its configuration within ${reloadMsMax} ms`)),
      reloadMsMax
    )
    running.onLine = line => {
      if (line.includes('Reloaded server configuration')) settle(undefined)
      else if (line.includes('Failed to reload')) settle(new Error(`nats-server refused its configuration: ${line}`))
    }
    void running.ended.then(() => settle(new Error('nats-server ended while it was to reload its configuration')))
    running.child.kill('SIGHUP')
  })
}
