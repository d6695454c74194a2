import type { QuorumOptions, Receipt, Strength } from '../../actors/coordinator/coordinator-protocol.ts'
import type { TlsOptions } from '../client/client-options.ts'

/** How to reach a cluster. */
export interface ClusterOptions {
  /** nats://HOST:PORT; one that answers is enough. */
  readonly servers: readonly string[]
  /** '' for none. */
  readonly token: string
  /** undefined: in the clear, unless an address says `tls://`. */
  readonly tls?: TlsOptions | undefined
  readonly cluster: string
  readonly connectTimeoutMs: number
}

/**
 * A cluster as the commands see it: pairs as bytes, and the admin requests. Both reject with a StoreError that carries a fault.
 * The adapter is `nats-cluster.ts`.
 */
export interface Cluster {
  get(bucket: string, key: Uint8Array, options: RequestOptions): Promise<Found | undefined>
  put(bucket: string, key: Uint8Array, pair: NewPair, options: RequestOptions): Promise<Stored>
  delete(bucket: string, key: Uint8Array, context: string | undefined, options: RequestOptions): Promise<Stored>
  /** Accepted writes as they happen, until `stop`; `onReady` once they are received. At most once: what is missed is not sent again. */
  watch(bucket: string, stop: AbortSignal, onReady: () => void): AsyncIterable<WatchEvent>
  /** A request to `<cluster>.admin.<name>`. @returns the JSON of the reply */
  admin(name: string, request: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<unknown>
  close(): Promise<void>
}

export interface RequestOptions extends QuorumOptions {
  readonly timeoutMs: number
}

export interface Version {
  readonly value: Uint8Array
  readonly contentType: string
}

/** What is stored under a key: at least one version, the newest first; more where they are concurrent. */
export interface Found {
  readonly versions: readonly [Version, ...Version[]]
  readonly context: string
  readonly strength: Strength
  readonly receipt: Receipt | undefined
}

export interface NewPair {
  readonly value: Uint8Array
  readonly contentType: string
  /** Of the read that this write rests on; undefined: a blind write. */
  readonly context: string | undefined
  /** Only where there is no value. */
  readonly create: boolean
  /** 0: the bucket's own. */
  readonly ttlSeconds: number
}

export interface Stored {
  readonly context: string
  readonly strength: Strength
  readonly receipt: Receipt | undefined
}

export interface WatchEvent {
  readonly bucket: string
  readonly key: Uint8Array
  /** The event's other fields, as the client gives them. */
  readonly fields: Readonly<Record<string, unknown>>
}
