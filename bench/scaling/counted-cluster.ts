import type { ClusterState } from '../../actors/gossip/gossip-protocol.ts'
import type { RingView } from '../../actors/ring/ring-view.ts'
import { gossipDefaults, type SystemResources } from '../../actors/system-resources.ts'
import { systemTree } from '../../actors/tree.ts'
import type { Member } from '../../model/membership.ts'
import { membershipEpoch } from '../../model/ring-change.ts'
import type { SupervisorSpec } from '../../runtime/actor.ts'
import { type Machine, SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { countingClient, type CountingDesk, lookMs, patienceMs, type Routing } from './counting-client.ts'
import { type Counts, MessageCounter } from './message-counter.ts'

export interface CountedOptions {
  readonly hosts: number
  readonly partitions: number
  readonly replicas: number
  readonly seed: number
  /** Data threads of each host. */
  readonly threads?: number
}

const clientHostName = 'tester'
const settleMs = 1_000
/** All have been started at once, and for so long reads ask each owner, since it was away; ten minutes in the product. */
const backMs = 10_000
const startMs = backMs + 30_000
const bucketDefaults = { r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 } as const
const weather = { delayMinMs: 0.2, delayMaxMs: 1 }

/** All hosts of the real actors, who know each other from the start, and one client; every message that crosses the bus is counted. */
export class CountedCluster {
  readonly options: CountedOptions
  readonly #cluster: SimulatedCluster
  readonly #counter: MessageCounter
  readonly #desk: CountingDesk = { view: undefined, work: undefined, answered: 0, refused: 0 }

  constructor(options: CountedOptions) {
    this.options = options
    const { hosts, partitions, replicas, seed, threads = 1 } = options
    const defaults = { n: replicas }
    this.#cluster = new SimulatedCluster({ seed, hosts, partitions, threads, weather, defaults })
    remember(this.#cluster, options)
    this.#counter = new MessageCounter(this.#cluster.simulation)
    for (const machine of this.#cluster.machines) startHost(this.#cluster, machine, options)
    const tree: SupervisorSpec = {
      type: 'supervisor',
      name: 'root',
      strategy: 'one-for-one',
      intensity: 0,
      periodMs: 1_000,
      children: [{ type: 'actor', name: 'client', behaviour: countingClient }]
    }
    this.#cluster.client(clientHostName, this.#desk).start(tree)
    this.#run(startMs)
    const { crashes } = this.#cluster
    if (crashes.length > 0) throw new Error(`${crashes.length} actors crashed, the first: ${crashes[0]!.error}`)
    if (this.#desk.view?.hosts.filter(host => host.state === 'up').length !== hosts)
      throw new Error(`the ${hosts} hosts do not know each other`)
  }

  /** The ring as the hosts have it. */
  get view(): RingView {
    return this.#desk.view!
  }

  /** Nobody asks anything: what passes between and within hosts all the same. */
  idle(seconds: number): Counts {
    return this.#counter.during(() => this.#run(seconds * 1_000))
  }

  /**
   * So many operations, one at a time, each on a key of its own.
   * @throws {Error} one was refused, or not answered
   */
  count(kind: 'put' | 'get', operations: number, routing: Routing, valueBytes = 100): Counts {
    const desk = this.#desk
    desk.answered = 0
    desk.refused = 0
    desk.work = { kind, operations, routing, valueBytes }
    const counts = this.#counter.during(() => {
      this.#cluster.simulation.runUntil(() => desk.answered + desk.refused === operations, operations * lookMs + patienceMs)
      // Replicas that the client did not wait for answer, too.
      this.#run(settleMs)
    })
    desk.work = undefined
    if (desk.answered !== operations) throw new Error(`${desk.answered} of ${operations} ${kind}s were answered`)
    return counts
  }

  #run(ms: number): void {
    this.#cluster.clock.advance(ms)
  }
}

/** With a system thread of our own in the place of the simulator's, for the sake of `backMs`. */
function startHost(cluster: SimulatedCluster, machine: Machine, { partitions, replicas }: CountedOptions): void {
  const { name } = machine
  cluster.start(name)
  const host = cluster.host(name)
  const self = machine.saved?.members.find(({ uid }) => uid === machine.uid)
  if (self === undefined) throw new Error(`${name} does not remember itself`)
  const resources = (): SystemResources => ({
    clusterName: 'simulated',
    self,
    birthShape: { partitions, replicas },
    joins: true,
    defaults: { ...bucketDefaults, n: replicas },
    clusterFile: {
      load: () => machine.saved,
      save: state => {
        machine.saved = state
      }
    },
    gossip: { ...gossipDefaults, backMs }
  })
  host.endThread('system')
  host.thread('system', { resources, tree: systemTree() })
}

/** All are started again at once: they need not join, which takes a turn for each. */
function remember(cluster: SimulatedCluster, { partitions, replicas, threads = 1 }: CountedOptions): void {
  const rows = cluster.machines.map(
    ({ name, uid }, seat): Member => ({
      name,
      uid,
      incarnation: 1,
      state: 'up',
      standing: 'up',
      dc: 'dc1',
      zone: 'z1',
      weight: 1,
      heartbeat: 0,
      threads,
      http: '',
      nats: '',
      route: '',
      version: '0',
      pid: 1,
      seen: '',
      arrived: '',
      seat
    })
  )
  const seen = membershipEpoch(rows)
  for (const machine of cluster.machines) {
    const members = rows.map(row => ({ ...row, seen }))
    const saved: ClusterState = { cluster: { id: '0123456789abcdef', partitions, replicas }, members, table: {} }
    machine.saved = saved
  }
}
