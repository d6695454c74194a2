import type { BucketTable } from '../actors/ring/bucket-table.ts'
import { gossipAgent } from '../actors/gossip/gossip-agent.ts'
import type { ClusterShape, ClusterState, GossipMessage, SeenMember } from '../actors/gossip/gossip-protocol.ts'
import { type GossipSettings, gossipDefaults, type SystemResources } from '../actors/system-resources.ts'
import { wireCodecs } from '../actors/wire.ts'
import { threadAddressOf } from '../bus/bus.ts'
import { codecRegistry } from '../bus/codec.ts'
import { type LinkWeather, type MemoryBus, MemoryNetwork } from '../bus/memory-bus.ts'
import { versionTold } from '../model/wire-version.ts'
import type { HostState, Member } from '../model/membership.ts'
import { arrivalOf, membershipEpoch, movingNow } from '../model/ring-change.ts'
import type { Behaviour, SupervisorSpec } from '../runtime/actor.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import type { CrashReport } from '../runtime/crash.ts'
import type { Log } from '../runtime/log.ts'
import { silentLog } from '../runtime/log.ts'
import { silentMetrics } from '../runtime/metrics.ts'
import { SeededRandom } from '../runtime/random.ts'
import { type HostClock, VirtualClock } from '../runtime/virtual-clock.ts'

export interface MembershipOptions {
  readonly seed: number
  readonly hosts: number
  readonly weather?: Partial<LinkWeather>
  readonly settings?: Partial<GossipSettings>
  /** All know each other from the start, as after a restart of all; else the first founds the cluster and the others join it. */
  readonly areMembers?: boolean
  readonly log?: (host: string) => Log
}

/** One host changed its mind on another. */
export interface Opinion {
  readonly atMs: number
  readonly of: string
  readonly uid: number
  readonly by: string
  readonly state: HostState
}

export interface MembershipHost {
  readonly name: string
  uid: number
  route: string
  /** What its row says: its release, and the versions of the wire that it speaks. */
  version: string
  saved: ClusterState | undefined
  lives: number
  running: { readonly clock: HostClock; readonly bus: MemoryBus } | undefined
  /** What its ring keeper was told last. */
  view: readonly SeenMember[]
  cluster: ClusterShape | undefined
  table: BucketTable
  tells: (message: { kind: 'arrived'; epoch: string }) => void
}

type KeeperMessage =
  | { readonly kind: 'members'; readonly members: readonly SeenMember[]; readonly cluster: ClusterShape }
  | { readonly kind: 'buckets'; readonly table: BucketTable }

const shape: ClusterShape = { id: '0123456789abcdef', partitions: 16, replicas: 3 }

/** In the ring keeper's seat: writes down what it is told. */
type Take = (message: KeeperMessage) => void
const keeper: Behaviour<Take, KeeperMessage, Take> = {
  kind: 'ring-keeper',
  start: take => take,
  receive: (take, message) => take(message)
}

/** The gossip agents of a cluster and nothing else, on virtual time. The same seed gives the same history. */
export class MembershipCluster {
  readonly clock = new VirtualClock()
  readonly network: MemoryNetwork
  readonly hosts = new Map<string, MembershipHost>()
  readonly crashes: CrashReport[] = []
  /** Told of each change of mind. */
  onOpinion: ((opinion: Opinion) => void) | undefined = undefined
  readonly #random: SeededRandom
  readonly #options: MembershipOptions
  #before = new Map<string, Map<number, HostState>>()

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    const chance = this.#random.fork('network')
    const links = this.clock.host('network')
    this.network = new MemoryNetwork({
      schedule: (delayMs, fn) => this.clock.schedule(delayMs, links, fn),
      now: () => this.clock.now(),
      random: () => chance.next(),
      codec: codecRegistry(wireCodecs),
      ...(options.weather === undefined ? {} : { weather: options.weather })
    })
    for (let index = 0; index < options.hosts; index++) this.add(`h${index + 1}`, 1001 + index)
    if (options.areMembers === true) {
      const members = [...this.hosts.values()].map((host, seat) => ({ ...rowOf(host, 2), seat }))
      const seen = membershipEpoch(members)
      // As it will be when each has begun: so the start is no restart of all, which is another question.
      const rows = members.map(member => ({ ...member, seen, heartbeat: 2 }))
      for (const [index, host] of [...this.hosts.values()].entries()) {
        const own = { ...(members[index] as Member), incarnation: 1 }
        host.saved = { cluster: shape, members: rows.map(row => (row.uid === host.uid ? own : row)), table: {} }
      }
    }
  }

  add(name: string, uid: number): MembershipHost {
    const host: MembershipHost = {
      name,
      uid,
      route: `${name}:6222`,
      version: versionTold('0.1.0'),
      saved: undefined,
      lives: 0,
      running: undefined,
      view: [],
      cluster: undefined,
      table: {},
      tells: () => {}
    }
    this.hosts.set(name, host)
    return host
  }

  host(name: string): MembershipHost {
    const host = this.hosts.get(name)
    if (host === undefined) throw new RangeError(`there is no host ${name}`)
    return host
  }

  get names(): string[] {
    return [...this.hosts.keys()]
  }

  startAll(): void {
    for (const name of this.hosts.keys()) this.start(name)
  }

  start(name: string): void {
    const host = this.host(name)
    if (host.running !== undefined) throw new Error(`${name} runs already`)
    host.lives++
    const address = threadAddressOf(name, 'system')
    const clock = this.clock.host(name)
    const bus = this.network.bus(address)
    const resources: SystemResources = {
      clusterName: 'simulated',
      self: rowOf(host, 1),
      birthShape: { partitions: shape.partitions, replicas: shape.replicas },
      joins: name !== 'h1',
      defaults: { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0 },
      clusterFile: {
        load: () => host.saved,
        save: state => {
          host.saved = state
        }
      },
      gossip: { ...gossipDefaults, ...this.#options.settings }
    }
    const system = new ActorSystem<SystemResources>({
      host: name,
      thread: 'system',
      clock,
      random: this.#random.fork(`${name}/${host.lives}`),
      bus,
      resources,
      log: this.#options.log?.(name) ?? silentLog,
      metrics: silentMetrics,
      incarnationBase: host.lives * 1_000_000,
      onCrash: report => this.crashes.push(report)
    })
    host.running = { clock, bus }
    host.tells = message => {
      const agent = system.lookup<GossipMessage>('gossip-agent')
      if (agent !== undefined) system.signal(agent, message)
    }
    const take: Take = message => this.#hears(host, message)
    const tree: SupervisorSpec = {
      type: 'supervisor',
      name: 'system',
      strategy: 'rest-for-one',
      intensity: 5,
      periodMs: 30_000,
      children: [
        { type: 'actor', name: 'ring-keeper', behaviour: keeper, args: take },
        { type: 'actor', name: 'gossip-agent', behaviour: gossipAgent }
      ]
    }
    system.start(tree)
  }

  /** As SIGKILL does. */
  kill(name: string): void {
    const host = this.host(name)
    if (host.running === undefined) return
    this.network.detach(threadAddressOf(name, 'system'))
    host.running.clock.end()
    host.running = undefined
  }

  /** It loses its disk: when it starts again it is another. */
  wipe(name: string, uid: number): void {
    this.kill(name)
    const host = this.host(name)
    host.uid = uid
    host.saved = undefined
    host.view = []
  }

  run(ms: number): void {
    this.clock.advance(ms)
  }

  /** @returns whether it came about, within `withinMs` from now */
  until(holds: () => boolean, withinMs: number, everyMs = 20): boolean {
    const endMs = this.clock.now() + withinMs
    while (!holds()) {
      if (this.clock.now() >= endMs) return false
      this.clock.advance(everyMs)
    }
    return true
  }

  get running(): MembershipHost[] {
    return [...this.hosts.values()].filter(host => host.running !== undefined)
  }

  /** How `by` sees the host of that name that is not gone; of several the latest. */
  stateOf(by: string, of: string): HostState | undefined {
    const rows = this.host(by).view.filter(member => member.name === of && !member.isReplaced)
    return rows.sort((a, b) => b.incarnation - a.incarnation)[0]?.seenState
  }

  /** Whether all that run see all that run as up, everyone else in no such state, and have one membership. */
  isConverged(): boolean {
    const { running } = this
    const alive = new Set(running.map(host => host.uid))
    let epoch: string | undefined
    for (const { view, uid } of running) {
      let up = 0
      for (const member of view) {
        if (member.uid === uid && member.seen !== (epoch ??= member.seen)) return false
        if (member.seenState === 'up' && !alive.has(member.uid)) return false
        if (member.seenState === 'up') up++
      }
      if (up !== running.length) return false
    }
    return true
  }

  /** In the transfer agent's stead: there is nothing to fetch, so all arrives as soon as everyone knows of it. */
  #arrive(host: MembershipHost): void {
    const here = host.view.filter(({ seenState }) => seenState === 'up' || seenState === 'leaving' || seenState === 'joining')
    const moving = movingNow(host.view)
    if (moving === undefined) return
    const epoch = membershipEpoch(host.view)
    const arrival = arrivalOf(epoch, moving.subject.uid)
    const self = here.find(member => member.uid === host.uid)
    if (self === undefined || self.arrived === arrival || here.some(member => member.seen !== epoch)) return
    host.tells({ kind: 'arrived', epoch: arrival })
  }

  #hears(host: MembershipHost, message: KeeperMessage): void {
    if (message.kind === 'buckets') {
      host.table = message.table
      return
    }
    host.view = message.members
    host.cluster = message.cluster
    this.#arrive(host)
    if (this.onOpinion === undefined) return
    let before = this.#before.get(host.name)
    if (before === undefined) this.#before.set(host.name, (before = new Map()))
    for (const { name, uid, seenState } of message.members) {
      if (before.get(uid) === seenState) continue
      before.set(uid, seenState)
      this.onOpinion({ atMs: this.clock.now(), of: name, uid, by: host.name, state: seenState })
    }
  }
}

function rowOf(host: MembershipHost, incarnation: number): Member {
  return {
    name: host.name,
    uid: host.uid,
    incarnation,
    state: 'up',
    standing: 'up',
    dc: 'dc1',
    zone: 'z1',
    weight: 1,
    heartbeat: 0,
    // No data threads: there is nothing to settle.
    threads: 0,
    http: `http://${host.name}:7070`,
    nats: `nats://${host.name}:4222`,
    route: host.route,
    version: host.version,
    pid: 1,
    seen: '',
    arrived: ''
  }
}
