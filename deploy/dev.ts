import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { restartWindow } from '../model/restart-window.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { isGone } from '../model/membership.ts'
import { clusterFileIn } from './cluster-file.ts'
import { pathSettings } from './configuration-security.ts'
import { settings } from './configuration-schema.ts'
import { portProblem, type WantedPort } from './port-check.ts'
import { isScaleRequest, type ScaleRequest } from './scale/local-actuator.ts'

export interface DevOptions {
  /** Of each datacenter. */
  readonly hosts: number
  /** Each has `hosts` hosts, and a ring of its own: `dc1`, `dc2`, … Default 1. */
  readonly datacenters?: number
  readonly data: string
  /** Host n has HTTP on base + n, NATS on base + 350 + n, routes on base + 550 + n, the monitor on base + 750 + n, the gateway on base + 850 + n. */
  readonly basePort: number
  /** Data threads of each host; 0: as many as suit this machine. */
  readonly threads: number
  /** Required of every client; '' for none. */
  readonly token: string
  readonly logLevel: string
  /** Hosts come and go by themselves between these; undefined: there are as many as were started. */
  readonly autoscale?: { readonly min: number; readonly max: number } | undefined
  /** Settings of the hosts beside those that follow from the others, by flag. */
  readonly settings?: Readonly<Record<string, string | number>> | undefined
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
  /** 0 where there is one datacenter. */
  readonly gatewayPort: number
  readonly dc: string
  readonly data: string
}

const natsOffset = 350
const routeOffset = 550
const monitorOffset = 750
const gatewayOffset = 850
const readyMsMax = 60_000
const readyPollMs = 50
const askMsMax = 1_000
const stopMsMax = 30_000
const restartsMax = 20
const restartsPeriodMs = 60_000
const restartDelayMs = 500

export function devHosts(options: Pick<DevOptions, 'hosts' | 'data' | 'basePort' | 'datacenters'>): DevHost[] {
  const { hosts, data, basePort, datacenters = 1 } = options
  return Array.from({ length: hosts * datacenters }, (_, index) => {
    const n = index + 1
    return {
      name: `host-${n}`,
      httpPort: basePort + n,
      natsPort: basePort + natsOffset + n,
      routePort: basePort + routeOffset + n,
      monitorPort: basePort + monitorOffset + n,
      gatewayPort: datacenters === 1 ? 0 : basePort + gatewayOffset + n,
      dc: `dc${1 + Math.floor(index / hosts)}`,
      data: resolve(join(data, `host-${n}`))
    }
  })
}

/** A cluster of hosts on this machine, one process each. Hosts that die are started again, as systemd or Kubernetes would. */
export class DevCluster {
  /** Those that are there, and those that may come. */
  readonly #places: readonly DevHost[]
  readonly #options: DevOptions
  #hosts: readonly DevHost[]
  readonly #processes = new Map<string, ChildProcess>()
  readonly #unwanted = new Set<string>()
  #isStopping = false
  /** Why a host ended before it was ready for the first time. */
  #stillborn: string | undefined
  #isReady = false

  constructor(options: DevOptions) {
    this.#options = options
    const { hosts, autoscale } = options
    this.#places = devHosts({ ...options, hosts: Math.max(hosts, autoscale?.max ?? 0) })
    const first = autoscale === undefined ? this.#places : this.#places.slice(0, hosts)
    // Started again, those that had come are members still.
    const later = this.#places.slice(first.length).filter(place => isMember(place))
    this.#hosts = [...first, ...later]
  }

  /** Those that there shall be now. */
  get hosts(): readonly DevHost[] {
    return this.#hosts
  }

  get servers(): string[] {
    return this.hosts.map(host => `nats://127.0.0.1:${host.natsPort}`)
  }

  /** The process that runs the host now. */
  processOf(name: string): ChildProcess | undefined {
    return this.#processes.get(name)
  }

  /** Start all, and wait until each sees a quorum. @throws {Error} a port is taken, or a host does not get there */
  async start(): Promise<void> {
    const taken = await portProblem(this.hosts.flatMap(portsOf))
    if (taken !== undefined) throw new Error(`${taken}: stop what listens there, or choose other ports with --base-port`)
    if (this.#isStopping) return
    for (const host of this.hosts) this.#launch(host)
    const waitMs = readyMsMax * (this.#options.datacenters ?? 1)
    const deadlineMs = systemClock.now() + waitMs
    const names = this.hosts.map(host => host.name)
    for (const host of this.hosts) {
      while (!(await isReady(host, names, this.#processes.get(host.name)?.pid, this.#options.token))) {
        if (this.#isStopping) return
        if (this.#stillborn !== undefined) throw new Error(this.#stillborn)
        if (systemClock.now() > deadlineMs)
          throw new Error(`${host.name} is not ready after ${waitMs / 1000} s: its log is above`)
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

  /** From a host's autoscaler. Who leaves ends by itself; who shall come is started here, one at a time. */
  #scale({ hosts }: ScaleRequest): void {
    if (this.#isStopping || hosts <= this.#hosts.length) return
    const place = this.#places.find(each => !this.#hosts.includes(each))
    if (place === undefined) return this.#options.say(`${hosts} hosts are wanted; there are places for ${this.#places.length}`)
    if (hasLeft(place)) renameSync(place.data, freeName(`${place.data}.left`))
    this.#options.say(`${place.name} is started, since ${hosts} hosts are wanted`)
    this.#hosts = [...this.#hosts, place]
    this.#unwanted.delete(place.name)
    this.#launch(place)
  }

  #launch(host: DevHost): void {
    const window = restartWindow(restartsMax, restartsPeriodMs)
    const { token, threads, logLevel, autoscale, settings } = this.#options
    const others = this.hosts.filter(other => other.name !== host.name && other.dc === host.dc)
    // The first host begins the cluster; the others join whichever of their peers answers.
    const isFirst = host === this.#places.find(other => other.dc === host.dc)
    const beyond = this.hosts.filter(other => other.dc !== host.dc)
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
      ...(autoscale === undefined
        ? {}
        : {
            autoscale: 'local',
            'autoscale-hosts-min': autoscale.min,
            'autoscale-hosts-max': autoscale.max,
            // They share one disk: one host more would not give it room.
            'autoscale-disk': 0
          }),
      ...(beyond.length === 0 ? {} : { dc: host.dc, 'gateway-port': host.gatewayPort }),
      ...gatewaysOf(host, isFirst, beyond),
      ...settings,
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
          // The token of the local cluster is the one that was given, whatever the environment holds for clients of other clusters.
          env: { ...process.env, ...noFiles, CARILLON_TOKEN: token }
        }
      )
      this.#processes.set(host.name, child)
      child.on('message', message => isScaleRequest(message) && this.#scale(message))
      child.once('exit', (code, signal) => {
        if (this.#unwanted.has(host.name)) return
        if (!this.#isReady) {
          this.#stillborn ??= `${host.name} ended (${signal ?? code}) before the cluster was ready: its last words are above`
          return
        }
        if (code === 0 && hasLeft(host)) {
          this.#unwanted.add(host.name)
          this.#hosts = this.#hosts.filter(each => each !== host)
          return this.#options.say(`${host.name} has left the cluster; its data stays in ${host.data}`)
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

/** The local cluster is plain: no files of secrets and certificates. */
const noFiles = Object.fromEntries(
  settings.filter(({ name }) => pathSettings.some(each => each === name)).map(({ variable }) => [variable, ''])
)

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

/** A host that stops in order is started again, too, but for one that has left. */
function hasLeft({ name, data }: DevHost): boolean {
  const rows =
    clusterFileIn(data)
      .load()
      ?.members.filter(member => member.name === name) ?? []
  return rows.some(({ state }) => state === 'left') && rows.every(({ state }) => isGone(state))
}

/** It was one when it was stopped, and has not left. */
function isMember(host: DevHost): boolean {
  return clusterFileIn(host.data).load() !== undefined && !hasLeft(host)
}

/** What a host that left has kept stays; it is only moved out of the way of the next one. */
function freeName(path: string): string {
  let number = 1
  while (existsSync(`${path}-${number}`)) number++
  return `${path}-${number}`
}

/** The very first host begins the cluster, and learns of the others when they come. */
function gatewaysOf({ dc }: DevHost, isFirst: boolean, beyond: readonly DevHost[]): Readonly<Record<string, string>> {
  if (beyond.length === 0 || (isFirst && beyond.every(other => other.dc > dc))) return {}
  return { 'gateway-join': beyond.map(other => `${other.dc}@127.0.0.1:${other.gatewayPort}`).join(',') }
}

function portsOf({ name, httpPort, natsPort, routePort, monitorPort, gatewayPort }: DevHost): WantedPort[] {
  return [
    { port: httpPort, use: `HTTP of ${name}` },
    { port: natsPort, use: `NATS of ${name}` },
    { port: routePort, use: `NATS routes of ${name}` },
    { port: monitorPort, use: `NATS monitor of ${name}` },
    ...(gatewayPort === 0 ? [] : [{ port: gatewayPort, use: `NATS gateway of ${name}` }])
  ]
}

/** Whether it sees a quorum, and is the process that we started: someone else's host may answer on the same port. */
async function isReady(host: DevHost, names: readonly string[], pid: number | undefined, token: string): Promise<boolean> {
  const ask = (path: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${host.httpPort}${path}`, {
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(askMsMax)
    })
  try {
    const response = await ask('/readyz')
    await response.arrayBuffer()
    if (response.status !== 200) return false
    const { hosts } = (await (await ask('/api/v1/cluster')).json()) as {
      hosts: readonly { name: string; pid: number; state: string }[]
    }
    // And all of ours have their place on its ring: a host that joins still is one replica fewer.
    const isUp = (name: string): boolean => hosts.some(each => each.name === name && each.state === 'up')
    return names.every(isUp) && hosts.some(each => each.name === host.name && each.pid === pid)
  } catch {
    return false
  }
}

/** `carillon dev` and `npm start`: until a signal. @throws {Error} the cluster did not get ready; whatever was started is stopped */
export async function runDev(given: DevGiven): Promise<void> {
  const options: DevOptions = { threads: 1, logLevel: 'warn', say: line => process.stdout.write(`${line}\n`), ...given }
  const cluster = new DevCluster(options)
  const startedMs = systemClock.now()
  let isSignalled = false
  let signal: () => void = () => {}
  const signalled = new Promise<void>(resolve => {
    signal = () => {
      isSignalled = true
      resolve()
    }
  })
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, signal)
  try {
    await Promise.race([cluster.start(), signalled])
    if (!isSignalled) tell(cluster, options, systemClock.now() - startedMs)
    await signalled
  } finally {
    await cluster.stop()
  }
}

function tell({ hosts }: DevCluster, { say, data, token }: DevOptions, tookMs: number): void {
  const [first] = hosts
  if (first === undefined) return
  say(`Carillon runs: ${hosts.length} hosts, ready after ${(tookMs / 1000).toFixed(1)} s, data in ${resolve(data)}`)
  for (const host of hosts)
    say(
      `  ${host.name}${host.gatewayPort === 0 ? '' : `  ${host.dc}`}  API http://127.0.0.1:${host.httpPort}/docs  NATS nats://127.0.0.1:${host.natsPort}`
    )
  const credentials = token === '' ? '' : " -H 'Authorization: Bearer '$CARILLON_DEV_TOKEN"
  say(
    `Try:  curl -X PUT localhost:${first.httpPort}/api/v1/store${credentials} -H 'Content-Type: application/json' -d '{"key":"hello","value":"world"}'`
  )
  say('Ctrl-C stops everything; the data stays.')
}
