import type { Test } from 'tap'
import { connect } from '../../api/client/client.ts'
import type { Store } from '../../api/client/store.ts'
import type { DevCluster } from '../../deploy/dev.ts'
import { type RawMessage, RawNatsClient, type RawRequest } from '../api/raw-nats-client.ts'
import { startCluster } from './cluster-rig.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Buffer
  readonly text: string
  /** The body as JSON; undefined where it is none. */
  readonly json: any
}

/** A cluster of three, and at each host an HTTP port, a client of nothing but a NATS socket, and a TypeScript client. */
export interface DoorRig {
  readonly cluster: DevCluster
  readonly raw: readonly RawNatsClient[]
  readonly stores: readonly Store[]
  /** @param host 0, 1, 2 @param body text and bytes as they are, all else as JSON */
  http(host: number, method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  kv(host: number, what: string, request?: RawRequest): Promise<RawMessage>
}

const httpTimeoutMs = 10_000

export async function doorRig(t: Test): Promise<DoorRig> {
  const cluster = await startCluster(t)
  const raw = await Promise.all(cluster.hosts.map(host => RawNatsClient.connect(host.natsPort)))
  const stores = await Promise.all(cluster.servers.map(servers => connect({ servers })))
  t.teardown(async () => {
    for (const client of raw) await client.close()
    for (const store of stores) await store.close()
  })
  return {
    cluster,
    raw,
    stores,
    http: (host, method, path, body, headers) => ask(cluster.hosts[host]!.httpPort, method, path, body, headers),
    kv: (host, what, request) => raw[host]!.request(`carillon.kv.${what}`, request)
  }
}

export async function ask(
  port: number,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {}
): Promise<Answer> {
  const isPlain = typeof body === 'string' || body instanceof Uint8Array
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: isPlain ? (body as string) : JSON.stringify(body) }),
    signal: AbortSignal.timeout(httpTimeoutMs)
  })
  const bytes = Buffer.from(await response.arrayBuffer())
  const text = bytes.toString('utf8')
  return { status: response.status, headers: response.headers, bytes, text, json: jsonOf(text) }
}

/** Every key that a bucket holds, as the listing of a host tells. */
export async function keysOf({ http }: DoorRig, host: number, bucket: string): Promise<unknown[]> {
  const keys: unknown[] = []
  for (let cursor = ''; ; ) {
    const page = await http(host, 'GET', `/api/v1/buckets/${bucket}/keys?strict=true&limit=1000${cursor}`)
    if (page.status !== 200) throw new Error(`keys of ${bucket}: ${page.text}`)
    keys.push(...page.json.keys)
    if (page.json.cursor === null) return keys
    cursor = `&cursor=${page.json.cursor}`
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
