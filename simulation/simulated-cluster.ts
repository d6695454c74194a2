import type { BucketProperties } from '../actors/bucket-table.ts'
import type { ClusterState } from '../actors/gossip-protocol.ts'
import type { StoreResources } from '../actors/store-resources.ts'
import type { SystemResources } from '../actors/system-resources.ts'
import { dataTree, systemTree } from '../actors/tree.ts'
import { wireCodecs } from '../actors/wire.ts'
import { threadAddressOf } from '../bus/bus.ts'
import { codecRegistry } from '../bus/codec.ts'
import { type LinkWeather, MemoryNetwork } from '../bus/memory-bus.ts'
import { hash32 } from '../model/hash.ts'
import { vnodeIdOf } from '../model/version-vector.ts'
import { ActorSystem } from '../runtime/actor-system.ts'
import type { CrashReport } from '../runtime/crash.ts'
import { silentLog } from '../runtime/log.ts'
import { silentMetrics } from '../runtime/metrics.ts'
import { SeededRandom } from '../runtime/random.ts'
import { type HostClock, VirtualClock } from '../runtime/virtual-clock.ts'
import { MemoryStore } from '../storage/memory-store.ts'
import type { DotClock } from '../storage/store.ts'
import { VirtualDisk } from '../storage/virtual-disk.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly hosts: number
  readonly threads?: number
  readonly partitions?: number
  readonly weather?: Partial<LinkWeather>
  readonly defaults?: Partial<BucketProperties>
}

/** What of a host outlives its process. */
interface Machine {
  readonly name: string
  readonly uid: number
  readonly disk: VirtualDisk
  saved: ClusterState | undefined
  epochs: number
  starts: number
  running: Running | undefined
}

interface Running {
  readonly clock: HostClock
  readonly systems: readonly ActorSystem<unknown>[]
}

/** Hosts of the real actors on virtual time, network and disks. The same seed gives the same history. */
export class SimulatedCluster {
  readonly clock = new VirtualClock()
  readonly network: MemoryNetwork
  readonly random: SeededRandom
  readonly crashes: CrashReport[] = []
  readonly machines: Machine[] = []
  readonly #options: SimulationOptions
  #trace = 0
  #traced = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    this.random = new SeededRandom(options.seed)
    const chance = this.random.fork('network')
    this.network = new MemoryNetwork({
      schedule: (delayMs, fn) => this.clock.schedule(delayMs, this.clock.host('network'), fn),
      random: () => chance.next(),
      codec: codecRegistry(wireCodecs),
      ...(options.weather === undefined ? {} : { weather: options.weather })
    })
    for (let index = 0; index < options.hosts; index++) {
      this.machines.push({
        name: `h${index + 1}`,
        uid: 1000 + index,
        disk: new VirtualDisk(),
        saved: undefined,
        epochs: 0,
        starts: 0,
        running: undefined
      })
    }
  }

  /** Changes with everything that was ever told to anyone, and when. */
  get traceHash(): string {
    return `${this.#traced}:${this.#trace.toString(16)}`
  }

  start(name: string): void {
    const machine = this.#machine(name)
    if (machine.running !== undefined) return
    machine.starts++
    const clock = this.clock.host(name)
    const { threads = 2 } = this.#options
    const systems = [this.#startSystem(machine, clock, threads)]
    for (let thread = 0; thread < threads; thread++) systems.push(this.#startData(machine, clock, thread))
    machine.running = { clock, systems }
  }

  /** As SIGKILL does: nothing more happens there; what was written stays, unless the power goes, too. */
  kill(name: string, losesPower: boolean): void {
    const machine = this.#machine(name)
    if (machine.running === undefined) return
    for (const system of machine.running.systems) this.network.detach(system.thread)
    machine.running.clock.end()
    machine.running = undefined
    if (losesPower) machine.disk.losePower()
    else machine.disk.killProcess()
  }

  client<R>(name: string, resources: R): ActorSystem<R> {
    return this.#system(name, 'client', this.clock.host(name), resources, 0)
  }

  #machine(name: string): Machine {
    const machine = this.machines.find(candidate => candidate.name === name)
    if (machine === undefined) throw new RangeError(`there is no machine ${name}`)
    return machine
  }

  #system<R>(host: string, thread: string, clock: HostClock, resources: R, incarnationBase: number): ActorSystem<R> {
    const address = threadAddressOf(host, thread)
    const system = new ActorSystem<R>({
      host,
      thread,
      clock,
      random: this.random.fork(`${address}/${incarnationBase}`),
      bus: this.network.bus(address),
      resources,
      log: silentLog,
      metrics: silentMetrics,
      incarnationBase,
      onCrash: report => this.crashes.push(report)
    })
    system.watch(undefined, seen => {
      this.#traced++
      this.#trace = hash32(Buffer.from(`${seen.atMs} ${seen.kind} ${seen.from} ${seen.to} ${seen.correlation}`), this.#trace)
    })
    return system
  }

  #defaults(): BucketProperties {
    return { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', ...this.#options.defaults }
  }

  #startSystem(machine: Machine, clock: HostClock, threads: number): ActorSystem<unknown> {
    const resources: SystemResources = {
      clusterName: 'simulated',
      self: {
        name: machine.name,
        uid: machine.uid,
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
        arrived: ''
      },
      birthShape: { partitions: this.#options.partitions ?? 16, replicas: 3 },
      joins: machine.name !== 'h1',
      defaults: this.#defaults(),
      clusterFile: {
        load: () => machine.saved,
        save: state => {
          machine.saved = state
        }
      },
      gossip: { roundMs: 200, fanOut: 2, suspectMs: 1_500, downMs: 4_000, backMs: 600_000 }
    }
    const system = this.#system(machine.name, 'system', clock, resources, machine.starts * 1_000_000)
    system.start(systemTree())
    return system
  }

  #startData(machine: Machine, clock: HostClock, thread: number): ActorSystem<unknown> {
    machine.epochs++
    let counter = 0
    const dots: DotClock = { vnode: vnodeIdOf(machine.uid, machine.epochs), next: () => ++counter }
    const resources: StoreResources = {
      store: new MemoryStore({
        disk: machine.disk,
        schedule: (delayMs, work) => void clock.after(delayMs, work),
        commitMs: 0.2,
        flushMs: 1
      }),
      dots,
      settings: {
        defaults: this.#defaults(),
        pairBytesMax: 10_240,
        requestTimeoutMs: 2_000,
        hedgeMs: 50,
        readRepairChance: 0.1,
        events: false
      }
    }
    const system = this.#system(machine.name, `data-${thread}`, clock, resources, machine.starts * 1_000_000)
    system.start(dataTree(undefined))
    return system
  }
}
