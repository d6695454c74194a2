import { connect, type NatsConnection } from 'nats'
import type { Test } from 'tap'
import { AdminDoor } from '../../api/nats/admin-door.ts'
import { natsDoorSpec } from '../../api/nats/nats-door.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import type { NatsServer } from '../../bus/nats-server.ts'
import { silentLog } from '../../runtime/log.ts'
import { silentMetrics } from '../../runtime/metrics.ts'
import { ActorSystem } from '../../runtime/actor-system.ts'
import { systemRandom } from '../../runtime/random.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { natsServerFor } from '../bus/nats-fixture.ts'
import { RawNatsClient } from './raw-nats-client.ts'
import { SmallStore } from './small-store.ts'

export interface NatsRig {
  readonly server: NatsServer
  readonly store: SmallStore
  readonly system: ActorSystem
  readonly client: RawNatsClient
  newClient(): Promise<RawNatsClient>
}

/** A small store behind a NATS door on a real server, and a client of nothing but a socket. */
export async function natsRig(
  t: Test,
  args: {
    readonly pairBytesMax?: number
    readonly events?: boolean
    readonly requestTimeoutMs?: number
    readonly requestsPerSecond?: number
  } = {}
): Promise<NatsRig> {
  const server = await natsServerFor(t)
  const connection: NatsConnection = await connect({ servers: server.url, user: server.door.user, pass: server.door.password })
  const store = new SmallStore()
  const system = new ActorSystem({
    host: 'a',
    thread: 'nats',
    clock: systemClock,
    random: systemRandom(),
    bus: store.network.bus(threadAddressOf('a', 'nats')),
    resources: undefined,
    log: silentLog,
    metrics: silentMetrics
  })
  const door = natsDoorSpec({
    connection,
    cluster: 'carillon',
    heardUnder: 'carillon',
    version: '0.1.0',
    pairBytesMax: args.pairBytesMax ?? 10_240,
    requestTimeoutMs: args.requestTimeoutMs ?? 1_000,
    requestsPerSecond: args.requestsPerSecond ?? 0,
    threads: 1,
    events: args.events ?? true
  })
  system.start({ type: 'supervisor', name: 'root', strategy: 'one-for-one', intensity: 3, periodMs: 1000, children: [door] })
  const to = { address: addressOf(system.thread, 'nats-door'), correlation: 0, incarnation: 0 }
  store.onAccepted = (request, context) =>
    system.send(to, {
      kind: 'accepted',
      key: request.key,
      operation: request.kind,
      contentType: request.kind === 'put' ? request.contentType : '',
      context
    } as never)
  const adminDoor = new AdminDoor({ connection, heardUnder: 'carillon', admin: store.admin, log: silentLog })
  await connection.flush()
  const clients: RawNatsClient[] = []
  const newClient = async (): Promise<RawNatsClient> => {
    const client = await RawNatsClient.connect(server.ports.client)
    clients.push(client)
    return client
  }
  t.teardown(async () => {
    for (const client of clients) await client.close()
    adminDoor.close()
    await system.stop()
    await store.close()
    await connection.close()
  })
  const client = await newClient()
  // The door learns the ring soon after its start.
  while ((await client.request('carillon.ring')).headers.has('nats-service-error'))
    await new Promise(resolve => setImmediate(resolve))
  return { server, store, system, client, newClient }
}
