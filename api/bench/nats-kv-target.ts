import type { NatsAsker } from './nats-asker.ts'
import { OperationFailure, type Target, type TargetProcess } from './target.ts'

export const kvBucket = 'bench'
const stream = `KV_${kvBucket}`
const replicas = 3
const notFound = 404
const refusal = Buffer.from('{"error"')
const nothing = new Uint8Array(0)

export interface NatsKvOptions {
  readonly version: string
  processes(): readonly TargetProcess[]
  stop(): Promise<void>
}

/** What JetStream says of the stream behind a bucket. */
export interface StreamState {
  /** The name of the server that leads it; '' while there is none. */
  readonly leader: string
  /** Others that have all that it has. */
  readonly followers: number
}

/**
 * Make the bucket, as NATS's own clients do: a stream of the last message of each subject, on three servers, in files.
 * Rejects while the servers have no leader yet.
 * @see https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-8.md
 */
export async function createBucket(asker: NatsAsker): Promise<void> {
  await administer(asker, 'CREATE', {
    name: stream,
    subjects: [`$KV.${kvBucket}.>`],
    storage: 'file',
    num_replicas: replicas,
    max_msgs_per_subject: 1,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    max_consumers: -1,
    retention: 'limits',
    discard: 'new',
    deny_delete: true,
    allow_rollup_hdrs: true,
    allow_direct: true
  })
}

/** Rejects where nobody leads it. */
export async function streamState(asker: NatsAsker): Promise<StreamState> {
  const { cluster } = (await administer(asker, 'INFO', undefined)) as {
    cluster?: { leader?: string; replicas?: { current?: boolean }[] }
  }
  return { leader: cluster?.leader ?? '', followers: (cluster?.replicas ?? []).filter(each => each.current === true).length }
}

/** JetStream key-value: a put acknowledged by a majority, a get from one replica. */
export function natsKvTarget(asker: NatsAsker, options: NatsKvOptions): Target {
  const put = async (key: string, value: Uint8Array): Promise<void> => {
    const { data } = await asker.ask(`$KV.${kvBucket}.${key}`, value)
    if (isRefusal(data)) throw refused(data)
  }
  return {
    name: 'nats-kv',
    version: options.version,
    less: 'acknowledges a put before any server has synced it to its disk (every two minutes, unless set otherwise); a get asks one replica, which may be behind; one server orders all writes of a bucket; no versions, the last write wins',
    modes: [
      {
        name: '',
        promise: 'R3, file; put acknowledged by a majority before fsync, direct get of one replica',
        put,
        async get(key) {
          const message = await asker.ask(`$JS.API.DIRECT.GET.${stream}.$KV.${kvBucket}.${key}`, nothing)
          if (message.data.length > 0) return message.data
          const status = message.headers?.code ?? 0
          if (status === notFound) return undefined
          if (status !== 0) throw new OperationFailure(`jetstream_${status}`, message.headers?.description ?? '')
          return message.data
        }
      }
    ],
    prepare: put,
    processes: async () => options.processes(),
    async close() {
      await asker.close()
      await options.stop()
    }
  }
}

async function administer(asker: NatsAsker, verb: 'CREATE' | 'INFO', request: object | undefined): Promise<unknown> {
  const payload = request === undefined ? nothing : Buffer.from(JSON.stringify(request))
  const { data } = await asker.ask(`$JS.API.STREAM.${verb}.${stream}`, payload)
  const said = JSON.parse(Buffer.from(data).toString('utf8')) as { error?: { code?: number; description?: string } }
  if (said.error !== undefined)
    throw new OperationFailure(`jetstream_${said.error.code ?? 0}`, said.error.description ?? 'JetStream refused')
  return said
}

/** An acknowledgement is JSON too: only what begins as a refusal is worth reading. */
function isRefusal(data: Uint8Array): boolean {
  return data.length > refusal.length && refusal.equals(data.subarray(0, refusal.length))
}

function refused(data: Uint8Array): OperationFailure {
  const { error } = JSON.parse(Buffer.from(data).toString('utf8')) as { error: { code?: number; description?: string } }
  return new OperationFailure(`jetstream_${error.code ?? 0}`, error.description ?? 'JetStream refused the put')
}
