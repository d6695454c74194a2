import type { HostMessage } from '../actors/host-protocol.ts'
import { exchangeDefaults, gossipDefaults, type SystemResources } from '../actors/system-resources.ts'
import { autoscaler } from '../actors/scale/autoscaler.ts'
import { systemTree, workBehaviours } from '../actors/tree.ts'
import { addressOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import { versionTold } from '../model/wire-version.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import { MetricRegistry } from '../runtime/metrics.ts'
import { systemRandom } from '../runtime/random.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { runThread } from '../runtime/worker-thread.ts'
import { clusterFileIn } from './cluster-file.ts'
import { breakThread, type Fault } from './fault-injection.ts'
import { scaleSettingsOf } from './scale/scale-settings.ts'
import { threadBus } from './thread-bus.ts'
import { type ProfileOrder, profileThread } from './thread-profile.ts'
import { bucketDefaultsOf, type SystemThreadSettings } from './thread-settings.ts'

/** Membership, ring and repair: what must never delay a request. */
runThread<SystemThreadSettings>(async (settings, seat) => {
  const { host } = settings
  const metrics = new MetricRegistry()
  const bus = await threadBus(settings, seat.name, 'a', seat.log)
  const main: Ref<HostMessage> = {
    address: addressOf(threadAddressOf(host.name, 'main'), 'host'),
    correlation: 0,
    incarnation: 0
  }
  const resources: SystemResources = {
    clusterName: host.cluster,
    self: {
      name: host.name,
      uid: settings.uid,
      incarnation: 1,
      state: 'up',
      standing: 'up',
      dc: host.dc,
      zone: host.zone,
      weight: host.weight,
      heartbeat: 0,
      threads: settings.threads,
      http: settings.httpUrl,
      nats: settings.natsUrl,
      route: settings.route,
      version: versionTold(settings.version),
      pid: settings.pid,
      seen: '',
      arrived: ''
    },
    birthShape: { partitions: host.partitions, replicas: host.replicas },
    joins: host.join.length > 0 || host.gatewayJoin.length > 0,
    foundsDatacenter: host.join.length === 0,
    asksFirst: host.newcomers === 'wait',
    defaults: bucketDefaultsOf(host),
    clusterFile: clusterFileIn(host.data),
    left: () => system.signal<HostMessage>(main, { kind: 'left' }),
    exchange: { ...exchangeDefaults, bytesPerSecondMax: host.repairBytesPerSecond },
    gossip: gossipDefaults,
    autoscale: scaleSettingsOf(host)
  }
  const system = new ActorSystem<SystemResources>({
    host: host.name,
    thread: seat.name,
    clock: systemClock,
    random: systemRandom(),
    bus,
    resources,
    log: seat.log,
    metrics,
    incarnationBase: seat.incarnationBase,
    onGiveUp: error => seat.gaveUp(error),
    onCrash: report => seat.crashed(report)
  })
  await bus.ready()
  system.start(systemTree(resources.autoscale === undefined ? workBehaviours : { ...workBehaviours, scale: autoscaler }))
  return {
    describe: () => system.describe(),
    metrics: () => metrics.snapshot(),
    drain: () => system.stop(),
    command(name, argument) {
      if (name === 'profile') return profileThread(argument as ProfileOrder)
      if (name !== 'fault' || !settings.takesFaults) throw new Error(`the system thread knows no command ${name}`)
      return breakThread(argument as Fault)
    },
    async stop() {
      await system.stop()
      await bus.close()
    }
  }
})
