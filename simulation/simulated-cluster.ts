import type { BucketProperties } from '../actors/ring/bucket-table.ts'
import type { ClusterState } from '../actors/gossip/gossip-protocol.ts'
import type { StoreResources } from '../actors/store-resources.ts'
import { autoscaler } from '../actors/scale/autoscaler.ts'
import type { ScaleSettings } from '../actors/scale/autoscaler-protocol.ts'
import { type FloorSettings, gossipDefaults, type SystemResources } from '../actors/system-resources.ts'
import { dataTree, systemTree, workBehaviours } from '../actors/tree.ts'
import { wireCodecs } from '../actors/wire.ts'
import type { WorkBehaviours } from '../actors/work/work-keeper.ts'
import { codecRegistry } from '../bus/codec.ts'
import type { LinkWeather, MemoryNetwork } from '../bus/memory-bus.ts'
import { versionTold } from '../model/wire-version.ts'
import type { Key } from '../model/key.ts'
import { isGone } from '../model/membership.ts'
import { vnodeIdOf } from '../model/version-vector.ts'
import type { ActorSystem } from '../runtime/actor-system.ts'
import type { CrashReport } from '../runtime/crash.ts'
import type { SeededRandom } from '../runtime/random.ts'
import type { HostClock, VirtualClock } from '../runtime/virtual-clock.ts'
import { CountingDotClock, type Epoch } from '../storage/dot-clock.ts'
import { MemoryStore } from '../storage/memory-store.ts'
import { type DiskSnapshot, VirtualDisk } from '../storage/virtual-disk.ts'
import type { SimulatedHost } from './simulated-host.ts'
import { Simulation } from './simulation.ts'

export interface SimulationOptions {
  readonly seed: number
  /** Of each datacenter. */
  readonly hosts: number
  /** Default 1. */
  readonly datacenters?: number
  readonly threads?: number
  readonly partitions?: number
  readonly weather?: Partial<LinkWeather>
  /** Messages become bytes, and messages again; default true. */
  readonly encode?: boolean
  readonly defaults?: Partial<BucketProperties>
  /** Told of each record that a store is given: on which host, what was there, and what comes. */
  readonly onWrite?: (write: StoreWrite) => void
  /** Who does which kind of repair work; as in the product where it is left out. */
  readonly workBehaviours?: WorkBehaviours
  /** As in the product where it is left out. */
  readonly floors?: FloorSettings
  /** Uid of the first host; the others follow. Clusters that meet, as by a backup, have hosts of their own. Default 1,000. */
  readonly uidFirst?: number
  /** Nobody scales the cluster where it is left out. Whoever starts hosts is an actor `HOST.main.host` of the simulation's. */
  readonly autoscale?: ScaleSettings
}

export interface StoreWrite {
  readonly machine: Machine
  readonly partition: number
  readonly key: Key
  /** undefined: nothing was there, or it cannot be read. */
  readonly before: Uint8Array | undefined
  /** undefined: erased. */
  readonly record: Uint8Array | undefined
}

/** What of a host outlives its process. */
export interface Machine {
  readonly name: string
  readonly dc: string
  /** The first of its datacenter: it begins the ring there. */
  readonly founds: boolean
  /** Another one for each empty disk that the machine was given. */
  uid: number
  readonly disk: VirtualDisk
  saved: ClusterState | undefined
  epochs: number
  isRunning: boolean
  /** Its host has left the cluster for good. */
  hasLeft: boolean
  /** It is not to come later: see `arrive`. */
  hasCome: boolean
  /** When it comes, its host waits until a plan with it is committed. */
  readonly asksFirst: boolean
}

export interface MachineOptions {
  readonly asksFirst?: boolean
  readonly dc?: string
  readonly hasCome?: boolean
}

/** A copy of all that a machine keeps, as a backup has it. */
export interface MachineSnapshot {
  readonly disk: DiskSnapshot
  readonly saved: ClusterState | undefined
}

const uidFirstDefault = 1000
/** Beyond the uids of first disks. */
const uidAfterWipe = 100_000

/** Hosts of the real actors on virtual time, network and disks. The same seed gives the same history. */
export class SimulatedCluster {
  readonly simulation: Simulation
  readonly machines: Machine[] = []
  readonly #options: SimulationOptions

  constructor(options: SimulationOptions) {
    this.#options = options
    const { seed, weather = {}, encode = true } = options
    this.simulation = new Simulation({ seed, codec: codecRegistry(wireCodecs), encode, weather })
    for (let index = 0; index < options.hosts * (options.datacenters ?? 1); index++)
      this.add({ dc: `dc${1 + Math.floor(index / options.hosts)}` })
  }

  get clock(): VirtualClock {
    return this.simulation.clock
  }

  get network(): MemoryNetwork {
    return this.simulation.network
  }

  get random(): SeededRandom {
    return this.simulation.random
  }

  get crashes(): readonly CrashReport[] {
    return this.simulation.crashes
  }

  /** Changes with everything that was ever told to anyone, and when. */
  get traceHash(): string {
    return this.simulation.traceHash
  }

  get threads(): number {
    return this.#options.threads ?? 2
  }

  /** One more machine, empty and not running. Its host joins the others when it is started. */
  add({ asksFirst = false, dc = 'dc1', hasCome = true }: MachineOptions = {}): Machine {
    const index = this.machines.length
    const machine: Machine = {
      name: `h${index + 1}`,
      dc,
      founds: this.machines.every(other => other.dc !== dc),
      uid: (this.#options.uidFirst ?? uidFirstDefault) + index,
      disk: new VirtualDisk(),
      saved: undefined,
      epochs: 0,
      isRunning: false,
      hasLeft: false,
      hasCome,
      asksFirst
    }
    this.machines.push(machine)
    return machine
  }

  /** @throws {RangeError} there is none of that name */
  machine(name: string): Machine {
    const machine = this.machines.find(candidate => candidate.name === name)
    if (machine === undefined) throw new RangeError(`there is no machine ${name}`)
    return machine
  }

  host(name: string): SimulatedHost {
    return this.simulation.host(this.machine(name).name)
  }

  start(name: string): void {
    const machine = this.machine(name)
    if (machine.isRunning || !machine.hasCome || this.isGone(name)) return
    machine.isRunning = true
    this.#startSystem(machine)
    for (let thread = 0; thread < this.threads; thread++) this.#startData(machine, thread)
  }

  /** A machine that was to come later is there, and its host starts. */
  arrive(name: string): void {
    this.machine(name).hasCome = true
    this.start(name)
  }

  /** Whether its host has left, or was removed by the others: it is not started again. */
  isGone(name: string): boolean {
    const { hasLeft, uid } = this.machine(name)
    return hasLeft || this.machines.some(({ saved }) => saved?.members.some(member => member.uid === uid && isGone(member.state)))
  }

  /** Machines whose hosts belong to the cluster. */
  get present(): readonly Machine[] {
    return this.machines.filter(({ name, hasCome }) => hasCome && !this.isGone(name))
  }

  /** As SIGKILL does: nothing more happens there; what was written stays, unless the power goes, too. */
  kill(name: string, losesPower: boolean): void {
    const machine = this.machine(name)
    if (!machine.isRunning) return
    machine.isRunning = false
    this.host(name).kill()
    if (losesPower) machine.disk.losePower()
    else machine.disk.killProcess()
  }

  /** A worker thread ends, and is started again by its host at once: what it had not committed is lost, and it takes a new epoch. */
  restartThread(name: string, thread: string): void {
    const machine = this.machine(name)
    if (!machine.isRunning) return
    this.host(name).endThread(thread)
    if (thread === 'system') this.#startSystem(machine)
    else this.#startData(machine, Number(thread.slice('data-'.length)))
  }

  backUp(name: string): MachineSnapshot {
    const { disk, saved } = this.machine(name)
    return { disk: disk.snapshot(), saved }
  }

  /** The whole disk goes back to what it was. The host must not run; its next life has new epochs, as after any bad end. */
  restore(name: string, snapshot: MachineSnapshot): void {
    const machine = this.machine(name)
    if (machine.isRunning) throw new Error(`${name} runs: kill it before its disk is restored`)
    machine.disk.restore(snapshot.disk)
    machine.saved = snapshot.saved
  }

  /** An empty disk in the place of the old one: the host under this name is another one from now on. It must not run. */
  wipe(name: string): void {
    const machine = this.machine(name)
    if (machine.isRunning) throw new Error(`${name} runs: kill it before its disk is taken away`)
    machine.disk.wipe()
    machine.saved = undefined
    machine.uid += uidAfterWipe
  }

  client<R>(name: string, resources: R): ActorSystem<R> {
    return this.simulation.host(name).thread('client', { resources: () => resources })
  }

  #defaults(): BucketProperties {
    return { n: 3, r: 0, w: 0, resolver: 'siblings', ttl: 0, durability: 'flushed', rate: 0, ...this.#options.defaults }
  }

  #startSystem(machine: Machine): void {
    const resources = (): SystemResources => ({
      clusterName: 'simulated',
      self: {
        name: machine.name,
        uid: machine.uid,
        incarnation: 1,
        state: 'up',
        standing: 'up',
        dc: machine.dc,
        zone: 'z1',
        weight: 1,
        heartbeat: 0,
        threads: this.threads,
        http: '',
        nats: '',
        route: '',
        version: versionTold('0'),
        pid: 1,
        seen: '',
        arrived: ''
      },
      birthShape: { partitions: this.#options.partitions ?? 16, replicas: 3 },
      joins: machine.name !== 'h1' || machine.uid > uidAfterWipe,
      // Once it is a member it does not ask that of others.
      ...(machine.asksFirst && machine.saved === undefined && machine.uid < uidAfterWipe ? { asksFirst: true } : {}),
      foundsDatacenter: machine.founds,
      defaults: this.#defaults(),
      clusterFile: {
        load: () => machine.saved,
        save: state => {
          machine.saved = state
        }
      },
      left: () => {
        if (machine.hasLeft) return
        machine.hasLeft = true
        this.simulation.at(this.clock.now(), () => {
          // Its process ends in order: it flushes what it has written.
          machine.disk.flush()
          this.kill(machine.name, false)
        })
      },
      ...(this.#options.floors === undefined ? {} : { floors: this.#options.floors }),
      ...(this.#options.autoscale === undefined ? {} : { autoscale: this.#options.autoscale }),
      gossip: gossipDefaults
    })
    this.host(machine.name).thread('system', { resources, tree: systemTree(this.#behaviours()) })
  }

  #behaviours(): WorkBehaviours {
    const { workBehaviours: given = workBehaviours, autoscale } = this.#options
    return autoscale === undefined ? given : { ...given, scale: autoscaler }
  }

  #startData(machine: Machine, thread: number): void {
    const resources = (clock: HostClock): StoreResources => {
      const store = this.#store(machine, clock)
      return {
        store,
        dots: dotClockOf(machine, store, clock),
        settings: {
          defaults: this.#defaults(),
          pairBytesMax: 10_240,
          requestTimeoutMs: 2_000,
          hedgeMs: 50,
          readRepairChance: 0.1,
          events: false
        }
      }
    }
    this.host(machine.name).thread(`data-${thread}`, { resources, tree: dataTree(undefined) })
  }

  #store(machine: Machine, clock: HostClock): MemoryStore {
    const { onWrite } = this.#options
    return new MemoryStore({
      disk: machine.disk,
      schedule: (delayMs, work) => void clock.after(delayMs, work),
      commitMs: 0.2,
      flushMs: 1,
      ...(onWrite === undefined
        ? {}
        : { onWrite: (partition, key, before, record) => onWrite({ machine, partition, key, before, record }) })
    })
  }
}

/** On the disk some time after it is asked for, as in a real host's identity file. */
const epochMs = 2

function dotClockOf(machine: Machine, store: MemoryStore, clock: HostClock): CountingDotClock {
  const take = (): Epoch => ({ vnode: vnodeIdOf(machine.uid, ++machine.epochs), counter: 0 })
  return new CountingDotClock(take(), {
    failures: () => store.failures,
    now: () => clock.now(),
    renew: given => void clock.after(epochMs, () => given(take()))
  })
}
