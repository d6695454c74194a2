import { randomBytes } from 'node:crypto'
import type { RingView } from '../../actors/ring/ring-view.ts'
import { wireCodecs } from '../../actors/wire.ts'
import { codecRegistry } from '../../bus/codec.ts'
import { NatsBus } from '../../bus/nats-bus.ts'
import { clientThread, subjectScheme } from '../../bus/subject.ts'
import { fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { clientSettings, type ClientSettings, type ConnectOptions } from './client-options.ts'
import { errorOf } from './errors.ts'
import { connectError, NatsDesk } from './nats-desk.ts'
import { RingSource } from './ring-source.ts'
import { nearServerOf } from './near-server.ts'
import { StoreCore } from './store-core.ts'
import { Store } from './store.ts'

const ringTimeoutMs = 1_000

/**
 * Connect to a cluster: resolves once a server has answered and the ring is known. Reconnects by itself from then on.
 * @throws {StoreError} `bad_request`: an option is wrong; `unauthorized`; `unavailable` or `timeout`: no cluster answers there
 */
export async function connect(options: ConnectOptions): Promise<Store> {
  const settings = clientSettings(options)
  const opening: Opening = { opened: [], lastError: undefined }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const why = opening.lastError === undefined ? '' : `: ${opening.lastError.message}`
      const detail = `${settings.servers.join(', ')} did not give the ring of a cluster named ${settings.cluster} within ${settings.connectTimeoutMs} ms${why}`
      reject(errorOf(fault('timeout', detail)))
    }, settings.connectTimeoutMs)
  })
  try {
    return await Promise.race([open(settings, opening), late])
  } catch (error) {
    // Whatever opens after this closes at once.
    const { opened } = opening
    opened.push = (...more) => more.map(each => void each.close()).length
    for (const each of opened) await each.close()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

/** A host that leaves ends, and its server with it. */
function isGoing({ hosts }: RingView, server: string): boolean {
  const standing = hosts.find(({ name }) => name === server)?.standing
  return standing === 'leaving' || standing === 'drained'
}

interface Opening {
  /** What to close where it fails. */
  readonly opened: { close(): unknown }[]
  lastError: Error | undefined
}

async function open(settings: ClientSettings, opening: Opening): Promise<Store> {
  const { opened } = opening
  const { servers, user, password, tls, cluster } = settings
  const desk = await NatsDesk.connect({ servers, cluster, user, password, tls })
  opened.push(desk)
  const bus = await NatsBus.connect({
    servers,
    near: { hostsMax: limits.nearHostsMax, locate: async host => nearServerOf(core.view, host, settings) },
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { password }),
    tls,
    scheme: subjectScheme(cluster, 'c'),
    // Whoever knows it could read the replies.
    thread: clientThread(`${randomBytes(16).toString('hex')}_home`),
    codec: codecRegistry(wireCodecs)
  }).catch(error => {
    throw connectError(error, servers)
  })
  opened.push(bus)
  const core: StoreCore = new StoreCore({
    bus,
    clock: systemClock,
    random: Math.random,
    requestsMax: settings.requestsMax,
    asksOwners: settings.readsFrom === 'owners',
    countsAcks: settings.acksFrom === 'owners',
    onStale: () => void source.refresh().catch(() => {})
  })
  opened.push(core)
  const source = new RingSource(
    systemClock,
    () =>
      desk.ring(ringTimeoutMs).catch(error => {
        opening.lastError = error as Error
        throw error
      }),
    view => {
      core.setView(view)
      void bus.moveHome(server => isGoing(view, server))
    }
  )
  opened.push(source)
  await bus.ready()
  // Where nobody answers yet it asks again by itself.
  await Promise.race([source.refresh().catch(() => {}), core.ready()])
  await core.ready()
  return new Store(
    {
      core,
      clock: systemClock,
      random: Math.random,
      admin: (name, request, timeoutMs) => desk.admin(name, request, timeoutMs),
      watch: (bucket, eventsMax, onReady) => desk.watch(bucket, eventsMax, onReady),
      async close() {
        source.close()
        await core.close()
        await desk.close()
      }
    },
    settings
  )
}
