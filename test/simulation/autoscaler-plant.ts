import type { HostMessage } from '../../actors/host-protocol.ts'
import type { ScaleOrder, ScaleSettings } from '../../actors/scale/autoscaler-protocol.ts'
import type { LoadSample } from '../../model/autoscale/load.ts'
import type { Behaviour, SupervisorSpec } from '../../runtime/actor.ts'
import { SimulatedCluster } from '../../simulation/simulated-cluster.ts'

export const settings: ScaleSettings = {
  hostsMin: 3,
  hostsMax: 5,
  targets: { cpu: 0.6, requestsPerSecond: 0, p99Ms: 0, disk: 0 },
  shrinkBelow: 0.7,
  growLooks: 3,
  shrinkLooks: 5,
  cooldownMs: 10_000,
  waitMs: 60_000,
  vetoMs: 120_000,
  periodMs: 1_000
}

/** The world around the hosts: how busy they are together, and who starts and stops machines. */
export class Plant {
  /** Cores that all requests take together. */
  load = 0
  readonly orders: { readonly atMs: number; readonly by: string; readonly order: ScaleOrder }[] = []
  readonly cluster: SimulatedCluster
  /** Hosts that shall be started are not. */
  isSoldOut = false
  /** Hosts that are started wait until a plan lets them join. */
  doNewcomersWait = false
  readonly #used = new Map<string, { seconds: number; atMs: number }>()

  constructor(seed: number, hosts: number) {
    this.cluster = new SimulatedCluster({ seed, hosts, partitions: 16, threads: 1, autoscale: settings })
    for (const { name } of this.cluster.machines) this.start(name)
  }

  get up(): number {
    return this.cluster.present.filter(({ isRunning, hasLeft }) => isRunning && !hasLeft).length
  }

  start(name: string): void {
    this.cluster.start(name)
    this.cluster.host(name).thread('main', { resources: () => this, tree: inspectorTree })
  }

  sampleOf(name: string, atMs: number): LoadSample {
    const before = this.#used.get(name) ?? { seconds: 0, atMs }
    const seconds = before.seconds + ((atMs - before.atMs) / 1_000) * (this.load / Math.max(1, this.up))
    this.#used.set(name, { seconds, atMs })
    return { atMs, requests: 0, refused: 0, bounds: [], took: [0], cpuSeconds: seconds, cores: 1, diskBytes: 0, diskUsedBytes: 0 }
  }

  take(by: string, order: ScaleOrder, atMs: number): void {
    this.orders.push({ atMs, by, order })
    if (order.left !== '' || this.isSoldOut) return
    const { simulation } = this.cluster
    simulation.at(this.cluster.clock.now() + 500, () => this.start(this.cluster.add({ asksFirst: this.doNewcomersWait }).name))
  }

  /** @returns whether it holds within so many seconds */
  until(holds: () => boolean, seconds: number): boolean {
    for (let second = 0; second < seconds && !holds(); second++) this.cluster.clock.advance(1_000)
    return holds()
  }
}

const inspector: Behaviour<undefined, HostMessage, undefined, Plant> = {
  kind: 'host-inspector',
  start: () => undefined,
  receive(_, message, context) {
    if (message.kind === 'measure-load')
      context.send(message.replyTo, { kind: 'host-load', sample: context.resources.sampleOf(context.host, context.now()) })
    if (message.kind !== 'scale') return
    context.resources.take(context.host, message.order, context.now())
    context.send(message.replyTo, { kind: 'scaled' })
  }
}

const inspectorTree: SupervisorSpec = {
  type: 'supervisor',
  name: 'main',
  strategy: 'one-for-one',
  intensity: 5,
  periodMs: 30_000,
  children: [{ type: 'actor', name: 'host', behaviour: inspector }]
}
