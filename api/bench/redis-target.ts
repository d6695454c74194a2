import { RespClients } from './resp-clients.ts'
import { RespConnection } from './resp-connection.ts'
import { RespError, type RespReply } from './resp.ts'
import { OperationFailure, type Target, type TargetMode, type TargetProcess } from './target.ts'

/** Both as the targets name them. */
export const perClient = 'connection per client'
export const shared = 'shared connection'

const replicasWaited = '1'
const waitMs = '5000'

export interface RespTargetOptions {
  readonly version: string
  processes(): readonly TargetProcess[]
  /** Stop what was started. */
  stop(): Promise<void>
}

/** Redis, one primary and its replicas: SET and WAIT 1, GET from the primary. */
export async function openRedis(port: number, options: RespTargetOptions): Promise<Target> {
  const writes = await RespConnection.connect(port)
  // A GET behind a WAIT would wait with it.
  const reads = await RespConnection.connect(port)
  const grouped = new GroupedWrites(writes)
  const clients = new RespClients([port])
  const modes: TargetMode[] = [
    {
      name: shared,
      promise: 'SET, one WAIT 1 for those of a turn; GET of the primary',
      put: (key, value) => grouped.put(key, value),
      get: key => reads.ask('GET', key)
    },
    {
      name: perClient,
      promise: 'SET + WAIT 1; GET of the primary',
      put: (key, value) => clients.use(connection => setAndWait(connection, key, value)),
      get: key => clients.use(connection => connection.ask('GET', key))
    }
  ]
  return {
    name: 'redis',
    version: options.version,
    less: 'keeps pairs in memory alone (no log, no fsync); WAIT 1 counts one replica that has the write in memory, and a failover may lose it; GET reads one node; no versions, the last write wins; all keys on one primary',
    modes,
    prepare: (key, value) => grouped.put(key, value),
    processes: async () => options.processes(),
    async close() {
      writes.close()
      reads.close()
      clients.close()
      await options.stop()
    }
  }
}

/** Dynomite, a rack for each replica: SET and GET with the quorum that its configuration names. */
export async function openDynomite(ports: readonly number[], options: RespTargetOptions): Promise<Target> {
  const connections = await Promise.all(ports.map(port => RespConnection.connect(port)))
  const clients = new RespClients(ports)
  let turn = 0
  const next = () => connections[turn++ % connections.length]!
  const put = (key: string, value: Uint8Array) => next().ask('SET', key, value)
  return {
    name: 'dynomite',
    version: options.version,
    less: 'keeps pairs in memory alone (Redis behind it without a log); no versions: replicas that differ are told apart by checksum, and the last write wins; no failure detection of its own, no hints, no repair by trees',
    modes: [
      { name: shared, promise: 'DC_QUORUM, a connection to each node', put, get: key => next().ask('GET', key) },
      {
        name: perClient,
        promise: 'DC_QUORUM',
        put: (key, value) => clients.use(connection => connection.ask('SET', key, value)),
        get: key => clients.use(connection => connection.ask('GET', key))
      }
    ],
    prepare: put,
    processes: async () => options.processes(),
    async close() {
      for (const connection of connections) connection.close()
      clients.close()
      await options.stop()
    }
  }
}

/** Both commands leave at once: the client does not wait for the first reply to ask for the second. */
function setAndWait(connection: RespConnection, key: string, value: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    connection.send(
      reply => {
        failure = failureOf(reply)
      },
      'SET',
      key,
      value
    )
    connection.send(
      reply => {
        failure ??= waitFailureOf(reply)
        if (failure === undefined) resolve()
        else reject(failure)
      },
      'WAIT',
      replicasWaited,
      waitMs
    )
  })
}

interface Grouped {
  failure: Error | undefined
  resolve(): void
  reject(error: Error): void
}

/** Many clients on one connection: the SETs of one turn, and one WAIT for all of them. */
class GroupedWrites {
  readonly #connection: RespConnection
  #group: Grouped[] = []

  constructor(connection: RespConnection) {
    this.#connection = connection
  }

  put(key: string, value: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      // Queued before the connection queues its flush, so the WAIT leaves in the same piece.
      if (this.#group.length === 0) process.nextTick(this.#wait)
      const grouped: Grouped = { failure: undefined, resolve, reject }
      this.#group.push(grouped)
      this.#connection.send(
        reply => {
          grouped.failure = failureOf(reply)
        },
        'SET',
        key,
        value
      )
    })
  }

  readonly #wait = (): void => {
    const group = this.#group
    this.#group = []
    this.#connection.send(
      reply => {
        const failure = waitFailureOf(reply)
        for (const each of group) {
          const own = each.failure ?? failure
          if (own === undefined) each.resolve()
          else each.reject(own)
        }
      },
      'WAIT',
      replicasWaited,
      waitMs
    )
  }
}

function failureOf(reply: RespReply | OperationFailure): Error | undefined {
  return reply instanceof RespError || reply instanceof OperationFailure ? reply : undefined
}

function waitFailureOf(reply: RespReply | OperationFailure): Error | undefined {
  return (
    failureOf(reply) ??
    (typeof reply === 'number' && reply >= Number(replicasWaited)
      ? undefined
      : new OperationFailure('not_replicated', `no replica had the write within ${waitMs} ms`))
  )
}
