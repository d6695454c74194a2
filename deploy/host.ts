import { availableParallelism } from 'node:os'
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { addressOf, threadAddressOf } from '../bus/bus.ts'
import { findNatsServer } from '../bus/nats-binary.ts'
import type { NatsBus } from '../bus/nats-bus.ts'
import { NatsServer } from '../bus/nats-server.ts'
import { hostPort } from '../bus/nats-tls.ts'
import { restartWindow } from '../model/restart-window.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import type { ActorDescription } from '../runtime/actor.ts'
import type { Log } from '../runtime/log.ts'
import { MetricRegistry } from '../runtime/metrics.ts'
import { prometheusText } from '../runtime/prometheus.ts'
import { systemRandom } from '../runtime/random.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { incarnationsFrom } from '../runtime/thread-group.ts'
import { DirectoryLock } from '../storage/directory-lock.ts'
import { closeIdentity, type HostIdentity, openIdentity } from '../storage/host-identity.ts'
import { tableDirectory } from '../storage/table.ts'
import { type HostSettings, readConfiguration } from './configuration.ts'
import type { SettingName } from './configuration-schema.ts'
import { clusterFileIn, DepartedError, departureOf, relocationOf, unspokenOf } from './cluster-file.ts'
import { addressOfHost } from './configuration-security.ts'
import type { FaultMessage } from './fault-injection.ts'
import { gatewayOf } from './host-gateway.ts'
import { type HostInspection, mainTree } from './host-inspector.ts'
import { hostLog } from './host-log.ts'
import { HostProfiler } from './host-profiler.ts'
import { routeSecretOf, withSecrets } from './host-secrets.ts'
import { HostTable } from './host-table.ts'
import { HostThreads } from './host-threads.ts'
import { actuatorOf } from './scale/actuators.ts'
import { scaled } from './scale/actuator.ts'
import { loadSampleOf } from './scale/load-sample.ts'
import { daysLeft, type HostTls, hostTlsOf } from './host-tls.ts'
import { MonitorDoor } from './monitor-door.ts'
import { natsComplaints } from './nats-complaints.ts'
import { threadBus } from './thread-bus.ts'
import { profileThread } from './thread-profile.ts'
import type { CommonSettings } from './thread-settings.ts'
import { version } from './version.ts'

export interface Host {
  readonly name: string
  /** `http://HOST:PORT`, `https:` with TLS. */
  readonly http: string
  /** `nats://HOST:PORT` for clients, `tls:` with TLS. */
  readonly nats: string
  /** `HOST:PORT` for hosts that join. */
  readonly route: string
  /** Ends when the host has ended: undefined after `stop`, else the error that ended it. */
  readonly ended: Promise<Error | undefined>
  /** Finish what is under way, write everything down, let go. Safe to call twice. */
  stop(): Promise<void>
}

/** Settings by name, as `docs/configuration.md` lists them; what is left out has its default. */
export type HostOptions = { readonly [P in SettingName]?: HostSettings[P] } & { readonly seeds?: readonly string[] }

const lockMsMax = 2_000
const lockPollMs = 50
const natsRestartsMax = 10
/** A certificate that ends sooner is told of at each start. */
const certificateDaysMin = 21
const natsRestartsPeriodMs = 60_000

/**
 * Run a host in this process.
 * @throws {ConfigurationError} a setting is wrong
 * @throws {Error} the data directory is in use or another host's, nats-server is missing, a port is taken
 */
export async function startHost(options: HostOptions = {}): Promise<Host> {
  const { seeds, ...given } = options
  const { settings } = readConfiguration({
    hostname: 'carillon',
    workingDirectory: process.cwd(),
    given: seeds === undefined ? given : { ...given, join: seeds }
  })
  return await runHost(settings)
}

/** A host with settings that were checked before. */
export async function runHost(given: HostSettings, log: Log = hostLog(given)): Promise<RunningHost> {
  const settings = withSecrets(given)
  const tls = hostTlsOf(settings, systemClock.wallMs())
  mkdirSync(settings.data, { recursive: true })
  const lock = await lockOf(settings.data)
  try {
    const identity = openIdentity({
      directory: settings.data,
      cluster: settings.cluster,
      name: settings.name,
      randomUint32: () => randomInt(2 ** 32),
      // A vnode that has lost its records must not speak for the dots it minted before.
      storeIsEmpty: !existsSync(join(tableDirectory(settings.data), 'data.mdb'))
    })
    const departure = departureOf(settings.data, identity.uid)
    if (departure !== undefined) throw new DepartedError(departure)
    const refusal = relocationOf(settings.data, identity.uid, settings.dc) ?? unspokenOf(settings.data, identity.uid, version)
    if (refusal !== undefined) throw new Error(refusal)
    const host = new RunningHost(settings, tls, log, lock, identity)
    await host.start()
    return host
  } catch (error) {
    lock.release()
    throw error
  }
}

/** A host that was killed a moment ago may still be on its way out. */
async function lockOf(directory: string): Promise<DirectoryLock> {
  const deadlineMs = systemClock.now() + lockMsMax
  for (;;) {
    try {
      return DirectoryLock.take(directory)
    } catch (error) {
      if (systemClock.now() > deadlineMs) throw error
      await new Promise(resolve => setTimeout(resolve, lockPollMs))
    }
  }
}

/** One host of the ring: a process with its threads and its nats-server. */
export class RunningHost implements Host {
  readonly #settings: HostSettings
  readonly #tls: HostTls | undefined
  readonly #log: Log
  readonly #lock: DirectoryLock
  readonly #identity: HostIdentity
  readonly #incarnations = incarnationsFrom(systemClock)
  readonly #metrics = new MetricRegistry()
  #nats: NatsServer | undefined
  #monitor: MonitorDoor | undefined
  #table: HostTable | undefined
  #threads: HostThreads | undefined
  #bus: NatsBus | undefined
  #profiler: HostProfiler | undefined
  #system: ActorSystem<HostInspection> | undefined
  #stopping: Promise<void> | undefined
  #end: (error: Error | undefined) => void = () => {}
  readonly ended: Promise<Error | undefined>

  constructor(settings: HostSettings, tls: HostTls | undefined, log: Log, lock: DirectoryLock, identity: HostIdentity) {
    this.#settings = settings
    this.#tls = tls
    this.#log = log
    this.#lock = lock
    this.#identity = identity
    this.ended = new Promise(resolve => {
      this.#end = resolve
    })
  }

  get name(): string {
    return this.#settings.name
  }

  get http(): string {
    const port = this.#threads?.httpPort ?? this.#settings.httpPort
    return `${this.#tls === undefined ? 'http' : 'https'}://${hostPort(addressOfHost(this.#settings), port)}`
  }

  get nats(): string {
    return this.#nats?.publicUrl ?? this.#settings.busServers[0] ?? ''
  }

  get route(): string {
    return hostPort(addressOfHost(this.#settings), this.#nats?.ports.route ?? 0)
  }

  async start(): Promise<void> {
    try {
      this.#tellOfCertificate()
      const threads = new HostThreads(this.#settings, this.#dataThreads, this.#identity, this.#log, this.#incarnations, error =>
        this.#fail(error)
      )
      this.#threads = threads
      threads.prepare()
      if (this.#settings.busServers.length === 0) this.#nats = await this.#startNats()
      this.#monitor = await this.#openMonitor()
      const table = await HostTable.open(this.#settings.data, this.#log)
      this.#table = table
      const common = this.#common()
      await threads.start({ common, table, route: this.route, nats: this.nats })
      this.#bus = await threadBus(common, 'main', 'a', this.#log)
      this.#system = new ActorSystem<HostInspection>({
        host: this.name,
        thread: 'main',
        clock: systemClock,
        random: systemRandom(),
        bus: this.#bus,
        resources: this.#inspection(threads),
        log: this.#log,
        metrics: this.#metrics,
        incarnationBase: this.#incarnations()
      })
      await this.#bus.ready()
      this.#system.start(mainTree)
    } catch (error) {
      await this.#letGo().catch(() => {})
      throw error
    }
    const { generation, wasClean } = this.#identity
    this.#log.info({ http: this.http, nats: this.nats, generation, wasClean }, 'the host runs')
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => this.#end(undefined))
    return this.#stopping
  }

  /** For tests; refused unless the host was started to take faults. */
  inject({ thread, fault }: FaultMessage): void {
    this.#threads?.inject(thread, fault)
  }

  async #stop(): Promise<void> {
    this.#log.info({}, 'the host stops')
    this.#profiler?.close()
    await this.#system?.stop()
    const counters = await this.#threads?.stop()
    await this.#letGo()
    if (counters !== undefined) closeIdentity(this.#identity, counters)
    this.#lock.release()
    this.#log.info({}, 'the host has stopped')
  }

  /** What cannot be mended here ends the host: whoever started it starts it again, with its data from disk. */
  #fail(error: Error): void {
    if (this.#stopping !== undefined) return
    this.#log.error({ error: error.message }, 'the host cannot go on')
    this.#stopping = this.#letGo()
      .catch(() => {})
      .then(() => {
        this.#lock.release()
        this.#end(error)
      })
  }

  async #letGo(): Promise<void> {
    this.#profiler?.close()
    await this.#threads?.abandon()
    await this.#table?.close()
    await this.#bus?.close()
    await this.#monitor?.close()
    await this.#nats?.stop()
  }

  async #startNats(): Promise<NatsServer> {
    const {
      name,
      cluster,
      data,
      bind,
      advertise,
      natsPort,
      routePort,
      monitorPort,
      join: seeds,
      natsServer,
      token,
      dc
    } = this.#settings
    const known = clusterFileIn(data).load()?.members ?? []
    const routes = [
      ...new Set([
        ...seeds,
        ...known.filter(member => member.name !== name && member.dc === dc && member.route !== '').map(member => member.route)
      ])
    ]
    const anyPort = (port: number) => (port === 0 ? -1 : port)
    const window = restartWindow(natsRestartsMax, natsRestartsPeriodMs)
    const routeSecret = routeSecretOf(this.#settings)
    const server = await NatsServer.start({
      binary: await findNatsServer(natsServer === '' ? process.env['CARILLON_NATS_SERVER'] : natsServer, process.env['PATH']),
      name,
      cluster,
      directory: join(data, 'nats'),
      bindHost: bind,
      ports: { client: anyPort(natsPort), route: anyPort(routePort), monitor: anyPort(monitorPort) },
      routes,
      ...(this.#tls === undefined ? {} : { tls: this.#tls.files }),
      ...(advertise === '' ? {} : { advertise }),
      ...(routeSecret === undefined ? {} : { routeSecret }),
      gateway: gatewayOf(this.#settings),
      ...(token === '' ? {} : { application: { user: 'app', password: token } }),
      onLog: natsComplaints(this.#log, this.#metrics, () => systemClock.now()),
      onExit: ({ code, signal, lines }) => {
        // At its first start it is `start` that fails.
        if (this.#nats === undefined) return
        this.#log.error({ code, signal, lines: lines.slice(-3) }, 'nats-server ended')
        if (window.record(systemClock.now()) === 'escalate') return this.#fail(new Error('nats-server ends again and again'))
        server.restart().then(
          () => this.#log.info({ pid: server.pid }, 'nats-server was started again'),
          (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error)))
        )
      }
    })
    return server
  }

  get #dataThreads(): number {
    const { threads } = this.#settings
    // One core is left to the broker, the doors and repair.
    return threads > 0 ? threads : Math.max(1, availableParallelism() - 1)
  }

  /** nats-server's own monitor asks for nothing: where there is a token, this one stands in for it. */
  async #openMonitor(): Promise<MonitorDoor | undefined> {
    const { token, monitorPort } = this.#settings
    if (this.#nats === undefined || token === '') return undefined
    const { url, system } = this.#nats
    return await MonitorDoor.open({ port: monitorPort, token, server: url, credentials: system, tls: this.#tls?.material })
  }

  #tellOfCertificate(): void {
    if (this.#tls === undefined) return
    const days = daysLeft(this.#tls, systemClock.wallMs())
    if (days < certificateDaysMin)
      this.#log.warn(
        { days, file: this.#settings.tlsCert },
        'the certificate ends soon: put a new one there and start the host again'
      )
  }

  #common(): CommonSettings {
    const { busServers } = this.#settings
    return {
      host: this.#settings,
      natsServers: this.#nats === undefined ? busServers : [this.#nats.url],
      internal: this.#nats?.internal,
      door: this.#nats?.door,
      tls: this.#tls?.material,
      asksClients: this.#tls?.asksClients === true,
      publicNats: this.#nats?.publicUrl,
      version,
      takesFaults: process.env['CARILLON_FAULTS'] === 'on',
      pid: process.pid,
      threads: this.#dataThreads
    }
  }

  #inspection(threads: HostThreads): HostInspection {
    const profiles = new HostProfiler({
      host: this.name,
      threads: () => ['main', ...threads.names],
      profile: (thread, order) => (thread === 'main' ? profileThread(order) : threads.profile(thread, order)),
      clock: systemClock,
      log: this.#log,
      metrics: this.#metrics
    })
    this.#profiler = profiles
    const { data } = this.#settings
    const actuator = actuatorOf(this.#common(), this.#log)
    return {
      profiles,
      describe: told => void threads.describe(this.#mainTree()).then(told),
      metrics: told =>
        void threads
          .metrics()
          .then(snapshots => prometheusText([...snapshots, this.#metrics.snapshot()]))
          .then(told),
      load: told => void threads.metrics().then(snapshots => told(loadSampleOf(snapshots, data, systemClock.now()))),
      scale: (order, told) => void scaled(actuator, order).then(told),
      left: () => void this.stop()
    }
  }

  #mainTree(): ActorDescription[] {
    const thread = addressOf(threadAddressOf(this.name, 'main'), 'host')
    const mailbox = { length: 0, limit: 0, handled: 0, refused: 0 }
    const idle = { restarts: 0, incarnation: 0, mailbox, last_crash: null, children: [] }
    const nats: ActorDescription = {
      ...idle,
      name: 'nats-server',
      kind: 'process',
      thread,
      state: 'running',
      summary: { pid: this.#nats?.pid ?? null }
    }
    const own = this.#system?.describe()
    return [...(this.#nats === undefined ? [] : [nats]), ...(own === undefined ? [] : [own])]
  }
}
