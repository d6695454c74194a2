import type { MessagePort } from 'node:worker_threads'
import type { StoreSettings } from '../actors/store-resources.ts'
import type { Credentials } from '../bus/nats-config.ts'
import type { TlsMaterial } from '../bus/nats-tls.ts'
import type { Epoch } from '../storage/dot-clock.ts'
import type { HostSettings } from './configuration-schema.ts'

/** What every thread of a host has to know to take part. Plain values: it crosses threads. */
export interface CommonSettings {
  readonly host: HostSettings
  /** Where the threads connect: this host's own nats-server, or the ones it was given. */
  readonly natsServers: readonly string[]
  /** undefined: none are needed. */
  readonly internal: Credentials | undefined
  readonly door: Credentials | undefined
  /** undefined: in the clear. */
  readonly tls: TlsMaterial | undefined
  /** Whether clients, too, have to show a certificate. */
  readonly asksClients: boolean
  /** Where other hosts' threads and clients reach this host's own nats-server; undefined where it has none. */
  readonly publicNats: string | undefined
  readonly version: string
  readonly pid: number
  /** Whether tests may break the host's threads. */
  readonly takesFaults: boolean
  /** How many data threads there are. */
  readonly threads: number
}

export interface DataThreadSettings extends CommonSettings {
  readonly index: number
  /** How often the host was started: orders its log segments. */
  readonly generation: number
  readonly epoch: Epoch
  /** To the table writer. */
  readonly storage: MessagePort
  /** To the host's identity, for another epoch: see `epoch-port.ts`. */
  readonly epochs: MessagePort
  readonly store: StoreSettings
}

export interface SystemThreadSettings extends CommonSettings {
  readonly uid: number
  /** Where application clients reach this host. */
  readonly natsUrl: string
  readonly httpUrl: string
  readonly route: string
}

export interface ApiThreadSettings extends CommonSettings {
  readonly httpPort: number
}

/** Quorums and the like that hold where a bucket says nothing. */
export function bucketDefaultsOf(host: HostSettings) {
  const { replicas, readQuorum, writeQuorum, resolver, durability } = host
  return { n: replicas, r: readQuorum, w: writeQuorum, resolver, ttl: 0, durability, rate: 0, compression: 'none' as const }
}
