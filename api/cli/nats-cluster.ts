import { connect as connectTcp } from 'node:net'
import { limits } from '../../model/limits.ts'
import { connect } from '../client/client.ts'
import { StoreError } from '../client/errors.ts'
import type { Store } from '../client/store.ts'
import type { Cluster, ClusterOptions, Found, NewPair, RequestOptions, Stored, WatchEvent } from './cluster.ts'
import { until } from './interruption.ts'
import { defaultServers } from './options.ts'

/** A cluster over NATS, by the same client that programs use. */
export async function connectCluster({ servers, token, tls, cluster, connectTimeoutMs }: ClusterOptions): Promise<Cluster> {
  const addresses = servers === defaultServers ? await listening(servers) : servers
  const open = async (some: readonly string[]): Promise<Cluster> => {
    const store = await connect({
      servers: some,
      cluster,
      tls,
      connectTimeoutMs,
      // The cluster's own limit counts.
      pairBytesMax: limits.pairBytesCeiling,
      ...(token === '' ? {} : { token })
    })
    return new NatsCluster(store)
  }
  try {
    return await open(addresses)
  } catch (error) {
    // The nats-server of a host that stands still takes clients, and gives what they ask to that host: others may answer.
    if (!isLate(error) || addresses.length === 1) throw error
    for (const address of addresses) {
      try {
        return await open([address])
      } catch (why) {
        if (!(why instanceof StoreError)) throw why
      }
    }
    throw error
  }
}

function isLate(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'timeout'
}

const probeTimeoutMs = 500

/**
 * Of the default addresses the single host's where it listens, else the local cluster's: they may be two clusters,
 * and the client takes its servers in any order.
 */
async function listening(servers: readonly string[]): Promise<readonly string[]> {
  const [single, ...local] = servers
  return (await isListening(new URL(single!))) ? [single!] : local
}

function isListening({ hostname, port }: URL): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connectTcp({ host: hostname, port: Number(port), timeout: probeTimeoutMs })
    const end = (answer: boolean) => (): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
  })
}

class NatsCluster implements Cluster {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  async get(
    bucket: string,
    key: Uint8Array,
    { timeoutMs, level, replicas, primaries, sloppy, receipt }: RequestOptions
  ): Promise<Found | undefined> {
    const options = { timeoutMs, consistency: level, r: replicas, pr: primaries, sloppy, receipt }
    const found = await this.#store.bucket(bucket).getBytes(key, options)
    if (found === undefined) return undefined
    const [newest, ...others] = found.siblings
    return { versions: [newest!, ...others], context: found.context, strength: found.consistency, receipt: found.receipt }
  }

  async put(
    bucket: string,
    key: Uint8Array,
    { value, contentType, context, create, ttlSeconds }: NewPair,
    options: RequestOptions
  ): Promise<Stored> {
    const ttl = ttlSeconds === 0 ? undefined : ttlSeconds
    const stored = await this.#store
      .bucket(bucket)
      .putBytes(key, value, { ...writeOptions(options), contentType, context, create, ttl })
    return { context: stored.context, strength: stored.consistency, receipt: stored.receipt }
  }

  async delete(bucket: string, key: Uint8Array, context: string | undefined, options: RequestOptions): Promise<Stored> {
    const stored = await this.#store.bucket(bucket).delete(key, { ...writeOptions(options), context })
    return { context: stored.context, strength: stored.consistency, receipt: stored.receipt }
  }

  async *watch(bucket: string, stop: AbortSignal, onReady: () => void): AsyncGenerator<WatchEvent> {
    for await (const { key, fields } of until(stop, this.#store.bucket(bucket).watch({ onReady }))) {
      yield { bucket, key: typeof key === 'string' ? Buffer.from(key, 'utf8') : key, fields }
    }
  }

  admin(name: string, request: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<unknown> {
    return this.#store.admin(name, request, timeoutMs)
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

function writeOptions({ timeoutMs, level, replicas, primaries, durable, durability, sloppy, receipt }: RequestOptions) {
  return { timeoutMs, consistency: level, w: replicas, pw: primaries, dw: durable, durability, sloppy, receipt }
}
