import { MessageChannel } from 'node:worker_threads'
import type { StoreSettings } from '../actors/store-resources.ts'
import { limits } from '../model/limits.ts'
import type { ActorDescription } from '../runtime/actor.ts'
import type { Log } from '../runtime/log.ts'
import type { MetricSnapshot } from '../runtime/metrics.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { ThreadGroup, type ThreadGroupOptions } from '../runtime/thread-group.ts'
import type { ThreadConfig, ThreadEnd, ThreadSpec } from '../runtime/worker-host.ts'
import type { HostIdentity } from '../storage/host-identity.ts'
import type { HostSettings } from './configuration-schema.ts'
import { hostPort } from '../bus/nats-tls.ts'
import { addressOfHost } from './configuration-security.ts'
import { serveEpochs } from './epoch-port.ts'
import type { Fault } from './fault-injection.ts'
import type { HostTable } from './host-table.ts'
import type { ProfileOrder, ThreadProfile } from './thread-profile.ts'
import {
  type ApiThreadSettings,
  bucketDefaultsOf,
  type CommonSettings,
  type DataThreadSettings,
  type SystemThreadSettings
} from './thread-settings.ts'

const closeMsMax = 20_000
/** From a profile's last sample to the thread's answer, on a machine that has too much to do. */
const profileMsMax = 20_000
const requestHeap = { resourceLimits: { maxYoungGenerationSizeMb: limits.youngHeapMbMax } }
/** Threads that serve no requests collect their garbage early rather than keep it: an idle host stays small. */
const smallHeap = { resourceLimits: { maxYoungGenerationSizeMb: 6 } }

/** What the threads' programs start with. */
export interface HostPlace {
  readonly common: CommonSettings
  readonly table: HostTable
  /** Where other hosts, and application clients, reach this one. */
  readonly route: string
  readonly nats: string
}

/**
 * The threads of a host.
 *
 *     threads (one-for-one)
 *     ├─ system               gossip, ring, repair
 *     ├─ data-0 … data-K      vnodes and coordinators
 *     └─ api                  HTTP
 */
export class HostThreads {
  readonly #host: HostSettings
  /** How many data threads. */
  readonly #threads: number
  readonly #identity: HostIdentity
  readonly #group: ThreadGroup
  readonly #log: Log
  #place: HostPlace | undefined
  httpPort: number

  constructor(
    host: HostSettings,
    threads: number,
    identity: HostIdentity,
    log: Log,
    incarnationBase: () => number,
    fail: (error: Error) => void
  ) {
    this.#host = host
    this.#threads = threads
    this.#identity = identity
    this.#log = log
    this.httpPort = host.httpPort
    const options: ThreadGroupOptions = { host: host.name, clock: systemClock, log, incarnationBase, onGiveUp: fail }
    const logLevel = host.logLevel === 'silent' ? 'error' : host.logLevel
    const thread = (
      name: string,
      module: string,
      configure: ThreadSpec['configure'],
      more: Partial<ThreadSpec> = {}
    ): ThreadSpec => ({
      name,
      module: new URL(`./${module}.js`, import.meta.url),
      configure,
      logLevel,
      ...more
    })
    this.#group = new ThreadGroup(
      {
        name: 'threads',
        strategy: 'one-for-one',
        // One death a second for a minute is borne; a thread that dies as soon as it is started ends the host within that minute.
        intensity: 60,
        periodMs: 60_000,
        backoff: { baseMs: 10, maxMs: 250 },
        threads: [
          thread('system', 'system-thread', () => this.#configureSystem(), smallHeap),
          ...Array.from({ length: threads }, (_, index) =>
            thread(`data-${index}`, 'data-thread', () => this.#configureData(index), requestHeap)
          ),
          thread('api', 'api-thread', () => this.#configureApi(), smallHeap)
        ]
      },
      { ...options, beforeReplace: end => this.#recover(end) }
    )
  }

  /** Let the threads load their modules, side by side, while the host makes what they start with. */
  prepare(): void {
    this.#group.prepare()
  }

  async start(place: HostPlace): Promise<void> {
    this.#place = place
    await this.#group.start()
    this.httpPort = (await this.#group.thread('api')?.command('port', undefined)) as number
  }

  /** @returns the last counter of each data thread that ended in order */
  async stop(): Promise<ReadonlyMap<number, number>> {
    await this.#group.thread('api')?.stop()
    const counters = new Map<number, number>()
    await Promise.all(
      Array.from({ length: this.#threads }, async (_, index) => {
        const counter = await this.#group
          .thread(`data-${index}`)
          ?.command('close', undefined, closeMsMax)
          .catch(() => undefined)
        if (typeof counter === 'number') counters.set(index, counter)
      })
    )
    await this.abandon()
    return counters
  }

  /** Stop whatever runs. */
  async abandon(): Promise<void> {
    await this.#group.stop()
  }

  async describe(more: readonly ActorDescription[]): Promise<ActorDescription> {
    const threads = await this.#group.describe()
    return {
      ...threads,
      name: this.#host.name,
      kind: 'host',
      children: [...more, this.#known.table.describe(this.#host.name), threads]
    }
  }

  async metrics(): Promise<readonly (readonly MetricSnapshot[])[]> {
    return await this.#group.metrics()
  }

  get names(): readonly string[] {
    return this.#group.threads().map(thread => thread.name)
  }

  /** @throws where there is no such thread, it does not run, ends meanwhile, or does not answer in time */
  async profile(thread: string, order: ProfileOrder): Promise<ThreadProfile> {
    const worker = this.#group.thread(thread)
    if (worker === undefined) throw new Error(`there is no thread ${thread}`)
    return (await worker.command('profile', order, order.seconds * 1_000 + profileMsMax)) as ThreadProfile
  }

  inject(thread: string, fault: Fault): void {
    // Who is broken does not answer.
    this.#group
      .thread(thread)
      ?.command('fault', fault)
      .catch(() => {})
  }

  /** What a data thread that died has left in its log goes to the table before its replacement reads it. */
  async #recover({ name }: ThreadEnd): Promise<void> {
    if (name.startsWith('data-')) await this.#known.table.recover(Number(name.slice('data-'.length)))
  }

  get #known(): HostPlace {
    if (this.#place === undefined) throw new Error('the threads of the host have not started')
    return this.#place
  }

  #configureSystem(): ThreadConfig {
    const { common, nats, route } = this.#known
    const { host } = common
    const config: SystemThreadSettings = {
      ...common,
      uid: this.#identity.uid,
      natsUrl: nats,
      httpUrl: `${common.tls === undefined ? 'http' : 'https'}://${hostPort(addressOfHost(host), this.httpPort)}`,
      route
    }
    return { config }
  }

  #configureData(index: number): ThreadConfig {
    const { common, table } = this.#known
    const { host } = common
    const channel = new MessageChannel()
    table.connect(channel.port2)
    const epochs = new MessageChannel()
    serveEpochs(epochs.port2, `data-${index}`, () => this.#identity.takeEpoch(index), this.#log)
    const store: StoreSettings = {
      defaults: bucketDefaultsOf(host),
      pairBytesMax: host.pairBytesMax,
      requestTimeoutMs: host.requestTimeoutMs,
      hedgeMs: 50,
      readRepairChance: 1 / 16,
      events: true
    }
    const config: DataThreadSettings = {
      ...common,
      index,
      generation: this.#identity.generation,
      epoch: this.#identity.takeEpoch(index),
      storage: channel.port1,
      epochs: epochs.port1,
      store
    }
    return { config, transfer: [channel.port1, epochs.port1] }
  }

  #configureApi(): ThreadConfig {
    const config: ApiThreadSettings = { ...this.#known.common, httpPort: this.httpPort }
    return { config }
  }
}
