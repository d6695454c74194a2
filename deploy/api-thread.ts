import { addressOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import { Admin } from '../api/admin.ts'
import { EventFeed } from '../api/admin-events.ts'
import { StoreCore } from '../api/client/store-core.ts'
import { buildHttp } from '../api/http/http-door.ts'
import type { HttpSettings } from '../api/http/settings.ts'
import { AdminDoor } from '../api/nats/admin-door.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../actors/ring/ring-keeper-protocol.ts'
import type { ActorDescription } from '../runtime/actor.ts'
import { MetricRegistry } from '../runtime/metrics.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { runThread } from '../runtime/worker-thread.ts'
import { doorConnection } from './door-connection.ts'
import { breakThread, type Fault } from './fault-injection.ts'
import { heardUnder } from './host-gateway.ts'
import { threadBus } from './thread-bus.ts'
import { type ProfileOrder, profileThread } from './thread-profile.ts'
import type { ApiThreadSettings } from './thread-settings.ts'

/** The HTTP door, and what answers for the cluster as a whole: a client of this host's own coordinators. */
runThread<ApiThreadSettings>(async (settings, seat) => {
  const { host } = settings
  const metrics = new MetricRegistry()
  const bus = await threadBus(settings, seat.name, 'a', seat.log)
  const core = new StoreCore({ bus, clock: systemClock, random: Math.random, preferredHost: host.name })
  const admin = new Admin({ core, host: host.name })
  const connection = await doorConnection(settings, `carillon door ${host.name} ${seat.name}`)
  const feed = new EventFeed(() => systemClock.wallMs())
  await bus.ready()
  const subscription = followRing(core, host.name, view => feed.viewChanged(view))
  const adminDoor = new AdminDoor({ connection, heardUnder: heardUnder(host), admin, log: seat.log })
  const app = await buildHttp({
    core,
    admin,
    settings: {
      pairBytesMax: host.pairBytesMax,
      requestTimeoutMs: host.requestTimeoutMs,
      token: host.token,
      rateLimitPerSecond: host.requestsPerSecond,
      tls: doorTls(settings)
    },
    log: seat.log,
    metrics,
    feed,
    version: settings.version
  })
  await app.listen({ host: host.bind, port: settings.httpPort })
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : settings.httpPort

  let closing: Promise<void> | undefined
  const close = () => (closing ??= closeInOrder())
  return {
    describe: (): ActorDescription => ({
      name: 'http-door',
      kind: 'http-door',
      thread: `${host.name}.${seat.name}`,
      state: closing === undefined ? 'running' : 'draining',
      incarnation: seat.incarnationBase,
      restarts: 0,
      mailbox: { length: core.figures().waiting, limit: 0, handled: core.figures().requests, refused: core.figures().refused },
      last_crash: null,
      children: []
    }),
    metrics: () => metrics.snapshot(),
    drain: close,
    stop: close,
    command(name, argument) {
      if (name === 'port') return port
      if (name === 'profile') return profileThread(argument as ProfileOrder)
      if (name === 'fault' && settings.takesFaults) return breakThread(argument as Fault)
      throw new Error(`the api thread knows no command ${name}`)
    }
  }

  async function closeInOrder(): Promise<void> {
    subscription.end()
    adminDoor.close()
    await app.close()
    await connection.close()
    await core.close()
  }
})

function doorTls({ tls, asksClients }: ApiThreadSettings): HttpSettings['tls'] {
  const { ca, cert, key } = tls ?? {}
  if (ca === undefined || cert === undefined || key === undefined) return undefined
  return { cert, key, minVersion: 'TLSv1.2', ...(asksClients ? { ca, requestCert: true, rejectUnauthorized: true } : {}) }
}

/** Keep the core's view of the ring up to date, from this host's ring keeper. */
function followRing(
  core: StoreCore,
  host: string,
  changed: (view: Extract<RingNews, { kind: 'ring' }>['view']) => void
): { end(): void } {
  const keeper: Ref<RingKeeperMessage> = {
    address: addressOf(threadAddressOf(host, 'system'), 'ring-keeper'),
    correlation: 0,
    incarnation: 0
  }
  const replyTo = core.listen<RingNews>(news => {
    if (news.kind !== 'ring') return
    core.setView(news.view)
    changed(news.view)
  })
  let timer: NodeJS.Timeout
  const subscribe = (): void => {
    core.tell(keeper, { kind: 'subscribe', have: core.view?.revision ?? '', replyTo } as RingKeeperMessage)
    timer = setTimeout(subscribe, core.view === undefined ? ringLeaseMs / 8 : ringLeaseMs)
  }
  subscribe()
  return {
    end() {
      clearTimeout(timer)
      core.unlisten(replyTo)
    }
  }
}
