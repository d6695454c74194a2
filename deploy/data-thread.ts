import { ClientDoor } from '../api/nats/client-door.ts'
import { natsDoorSpec } from '../api/nats/nats-door.ts'
import { clientHost } from '../bus/subject.ts'
import type { StoreResources } from '../actors/store-resources.ts'
import { dataTree } from '../actors/tree.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import { MetricRegistry } from '../runtime/metrics.ts'
import { systemRandom } from '../runtime/random.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { heardUnder } from './host-gateway.ts'
import { runThread } from '../runtime/worker-thread.ts'
import { CountingDotClock } from '../storage/dot-clock.ts'
import { LmdbStore } from '../storage/lmdb-store.ts'
import { connectTableWriter } from '../storage/table-writer-protocol.ts'
import { doorConnection } from './door-connection.ts'
import { epochSource } from './epoch-port.ts'
import { type Fault, FaultyStore } from './fault-injection.ts'
import { threadBus } from './thread-bus.ts'
import { type ProfileOrder, profileThread } from './thread-profile.ts'
import type { DataThreadSettings } from './thread-settings.ts'

/** A key that is written again within this time goes to the table once; after a crash so much is read from the log. */
const sealAfterMs = 5_000

/** Owns the partitions p with p mod threads = its index: their vnodes, a coordinator, the doors for NATS clients. */
runThread<DataThreadSettings>(async (settings, seat) => {
  const { host, index, storage: port } = settings
  const metrics = new MetricRegistry()
  const opened = LmdbStore.open({
    directory: host.data,
    thread: index,
    generation: settings.generation,
    tableWriter: connectTableWriter(port),
    hotCacheBytes: host.hotCacheBytes,
    sealAfterMs
  })
  const faulty = settings.takesFaults ? new FaultyStore(opened) : undefined
  const store = faulty ?? opened
  const dots = new CountingDotClock(settings.epoch, {
    failures: () => store.failures,
    now: () => systemClock.now(),
    renew: epochSource(settings.epochs, seat.log)
  })
  const bus = await threadBus(settings, seat.name, 'a', seat.log)
  const clients = await threadBus(settings, seat.name, 'c', seat.log)
  const connection = await doorConnection(settings, `carillon door ${host.name} ${seat.name}`)
  const { pairBytesMax, requestTimeoutMs } = host
  const { requestsPerSecond } = host
  const { threads } = settings
  const door = new ClientDoor({
    bus: clients,
    coordinator: 'coordinator',
    pairBytesMax,
    requestsPerSecond,
    threads,
    now: () => systemClock.now(),
    log: seat.log,
    metrics
  })
  const system = new ActorSystem<StoreResources>({
    host: host.name,
    thread: seat.name,
    clock: systemClock,
    random: systemRandom(),
    bus,
    gateways: new Map([[clientHost, door]]),
    resources: { store, dots, settings: settings.store },
    log: seat.log,
    metrics,
    incarnationBase: seat.incarnationBase,
    onGiveUp: error => seat.gaveUp(error),
    onCrash: report => seat.crashed(report)
  })
  observe()
  await bus.ready()
  const { events } = settings.store
  system.start(
    dataTree(
      natsDoorSpec({
        connection,
        cluster: host.cluster,
        heardUnder: heardUnder(host),
        version: settings.version,
        pairBytesMax,
        requestTimeoutMs,
        requestsPerSecond,
        threads,
        events
      })
    )
  )
  door.open(system)

  let closing: Promise<void> | undefined
  const close = () => (closing ??= closeInOrder())
  return {
    describe: () => system.describe(),
    metrics: () => metrics.snapshot(),
    drain: () => system.stop(),
    stop: close,
    async command(name, argument) {
      if (name === 'fault' && faulty !== undefined) return faulty.inject(argument as Fault)
      if (name === 'profile') return profileThread(argument as ProfileOrder)
      if (name !== 'close') throw new Error(`the data thread knows no command ${name}`)
      await close()
      // An epoch that has lost something it minted is not taken up again.
      return dots.isWhole ? dots.counter : undefined
    }
  }

  async function closeInOrder(): Promise<void> {
    await system.stop()
    await store.close()
    await clients.close()
    await connection.close()
    await bus.close()
    port.close()
    settings.epochs.close()
  }

  function observe(): void {
    const figure = (name: string, help: string, read: () => number) => metrics.observe(name, help, read)
    figure('memory_table_bytes', 'Bytes written and not in the table yet', () => store.figures().memoryTableBytes)
    figure('commit_log_bytes', 'Bytes of log segments', () => store.figures().logBytes)
    figure('store_writes_total', 'Records written', () => store.figures().writes)
    figure('store_flushes_total', 'Flushes of the commit log', () => store.figures().flushes)
    figure('store_reads_total', 'Records read', () => store.figures().reads)
    figure('hot_cache_bytes', 'Bytes of the hot-value cache', () => opened.cacheFigures().bytes)
    figure('hot_cache_hits_total', 'Reads of records that the hot-value cache had', () => opened.cacheFigures().hits)
    figure('hot_cache_misses_total', 'Reads that it sent on to the table', () => opened.cacheFigures().misses)
    figure('bus_near_links', 'Connections to other hosts’ own servers', () => bus.figures().nearLinks)
    figure('bus_messages_out_total', 'Messages sent to other threads and hosts', () => bus.figures().messagesOut)
    figure('bus_batches_out_total', 'Batches sent to other threads and hosts', () => bus.figures().batchesOut)
    figure(
      'bus_held_bytes',
      'Bytes that wait until their receivers have taken others',
      () => bus.figures().heldBytes + clients.figures().heldBytes
    )
    figure('bus_refused_total', 'Messages that the bus did not take', () => bus.figures().refused)
    figure('bus_malformed_total', 'Messages that did not decode', () => bus.figures().malformed + clients.figures().malformed)
  }
})
