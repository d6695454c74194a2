import type { ChangeOrder, ChangeReply, GossipMessage, PlanReply } from '../actors/gossip/gossip-protocol.ts'
import { addressOf, type Message, type Ref, threadAddressOf } from '../bus/bus.ts'
import { systemKeysEnd } from '../model/key.ts'
import { ringMembers } from '../model/membership.ts'
import type { ActorSystem } from '../runtime/actor-system.ts'
import type { Random } from '../runtime/random.ts'
import { faultText, type PlannedFault } from './fault-plan.ts'
import { PlanOperator } from './plan-operator.ts'
import type { Machine, MachineSnapshot, SimulatedCluster } from './simulated-cluster.ts'

/** An operator who had no answer says it again. */
const orderMs = 2_000
export const nobody: Ref<ChangeReply> = {
  address: addressOf(threadAddressOf('operator', 'main'), 'nobody'),
  correlation: 0,
  incarnation: 0
}

const nobodyOfPlans = nobody as Ref<never> as Ref<PlanReply>

/** Makes what was planned happen to a cluster, and undoes it. */
export class FaultInjector {
  /** A replica has lost something that it had acknowledged, or may not read it. */
  hasLostData = false
  readonly #cluster: SimulatedCluster
  readonly #chance: Random
  /** Faults under way that keep a host from running. */
  readonly #down = new Map<string, number>()
  readonly #paused = new Map<string, number>()
  readonly #cuts = new Map<string, number>()
  readonly #tell: (text: string) => void
  readonly #plans: PlanOperator

  constructor(cluster: SimulatedCluster, tell: (text: string) => void = () => {}) {
    this.#cluster = cluster
    this.#chance = cluster.random.fork('faults')
    this.#tell = tell
    this.#plans = new PlanOperator(cluster, this.#chance.fork('plans'), (host, order) =>
      this.order(host, { kind: 'plan', order, replyTo: nobodyOfPlans })
    )
  }

  schedule(faults: readonly PlannedFault[]): void {
    const { simulation } = this.#cluster
    for (const fault of faults) {
      const undo = this.#prepared(fault)
      simulation.at(fault.atMs, () => {
        this.#say(faultText(fault))
        undo.begin()
      })
      simulation.at(fault.atMs + fault.lastsMs, () => {
        this.#say(`over: ${faultText(fault)}`)
        undo.end()
      })
    }
  }

  /** Everything is as it should be again: links, disks, clocks; all hosts run. */
  heal(): void {
    const cluster = this.#cluster
    this.#say('all is healed')
    cluster.network.heal()
    this.#cuts.clear()
    this.#down.clear()
    this.#paused.clear()
    for (const machine of cluster.machines) {
      machine.disk.full = false
      machine.disk.failing = false
      cluster.host(machine.name).resume()
      cluster.start(machine.name)
    }
    cluster.simulation.at(cluster.clock.now() + orderMs, () => this.#plans.resume())
  }

  #say(text: string): void {
    this.#cluster.simulation.note(text)
    this.#tell(text)
  }

  #prepared(fault: PlannedFault): { begin(): void; end(): void } {
    const cluster = this.#cluster
    switch (fault.kind) {
      case 'delay':
        return this.#weather(fault.from, fault.to, { delayMaxMs: fault.amount })
      case 'loss':
      case 'duplication':
      case 'reordering':
        return this.#weather(fault.from, fault.to, { [fault.kind]: fault.amount })
      case 'cut':
        return this.#cut([[fault.from, fault.to]])
      case 'partition':
      case 'dc-cut':
        return this.#cut(linksBetween(fault.groups, fault.isOneWay))
      case 'kill':
      case 'power':
        return {
          begin: () => this.#stop(fault.host, fault.kind === 'power'),
          end: () => this.#start(fault.host)
        }
      case 'pause':
        return {
          begin: () => {
            this.#paused.set(fault.host, (this.#paused.get(fault.host) ?? 0) + 1)
            if (cluster.machine(fault.host).isRunning) cluster.host(fault.host).pause()
          },
          end: () => {
            const left = (this.#paused.get(fault.host) ?? 1) - 1
            this.#paused.set(fault.host, left)
            if (left <= 0) cluster.host(fault.host).resume()
          }
        }
      case 'skew':
        return {
          begin: () => cluster.host(fault.host).skew(fault.offsetMs),
          end: () => cluster.host(fault.host).skew(0)
        }
      case 'disk-full':
        return this.#disk(
          fault.host,
          disk => (disk.full = true),
          disk => (disk.full = false)
        )
      case 'disk-failing':
        return this.#disk(
          fault.host,
          disk => (disk.failing = true),
          disk => (disk.failing = false)
        )
      case 'thread':
        return { begin: () => cluster.restartThread(fault.host, fault.thread), end() {} }
      case 'join':
        return { begin: () => cluster.start(cluster.add().name), end() {} }
      case 'leave': {
        const order = (order: ChangeOrder) => this.order(fault.host, { kind: 'leave', order, replyTo: nobody })
        return { begin: () => order('begin'), end: () => fault.isTakenBack && order('give-up') }
      }
      case 'remove':
        return this.#remove(fault)
      case 'replace':
      case 'weight':
        return this.#plan(fault)
      case 'wipe':
        return {
          begin: () => {
            if (cluster.isGone(fault.host) || this.#isOnlyOwner(fault.host)) return
            this.hasLostData = true
            this.#stop(fault.host, true)
            cluster.wipe(fault.host)
          },
          end: () => this.#start(fault.host)
        }
      case 'restore':
        return this.#restore(fault)
      case 'corrupt':
        return { begin: () => this.#corrupt(fault.host, fault.records), end() {} }
      default:
        throw new RangeError(`there is no fault ${JSON.stringify(fault)}`)
    }
  }

  #weather(from: string, to: string, weather: Record<string, number>): { begin(): void; end(): void } {
    const { network } = this.#cluster
    let before: Record<string, number> = {}
    return {
      begin: () => {
        before = Object.fromEntries(
          Object.keys(weather).map(name => [
            name,
            (network.linkWeather(from, to) as unknown as Record<string, number>)[name] ?? 0
          ])
        )
        network.setLinkWeather(from, to, weather)
      },
      end: () => network.setLinkWeather(from, to, before)
    }
  }

  #cut(links: readonly (readonly [string, string])[]): { begin(): void; end(): void } {
    const { network } = this.#cluster
    const count = (from: string, to: string, by: number): number => {
      const id = `${from} ${to}`
      const cuts = Math.max(0, (this.#cuts.get(id) ?? 0) + by)
      this.#cuts.set(id, cuts)
      return cuts
    }
    return {
      begin() {
        for (const [from, to] of links) if (count(from, to, 1) === 1) network.cut(from, to)
      },
      end() {
        for (const [from, to] of links) if (count(from, to, -1) === 0) network.mend(from, to)
      }
    }
  }

  #disk(
    host: string,
    begin: (disk: { full: boolean; failing: boolean }) => void,
    end: (disk: { full: boolean; failing: boolean }) => void
  ): { begin(): void; end(): void } {
    const { disk } = this.#cluster.machine(host)
    return { begin: () => begin(disk), end: () => end(disk) }
  }

  #stop(host: string, losesPower: boolean): void {
    this.#down.set(host, (this.#down.get(host) ?? 0) + 1)
    this.#cluster.kill(host, losesPower)
  }

  #start(host: string): void {
    const left = (this.#down.get(host) ?? 1) - 1
    this.#down.set(host, left)
    if (left <= 0) this.#cluster.start(host)
  }

  /** Nobody may remove a host that could come back, so whoever is asked is told again until it is time. */
  #remove({ host, atMs, lastsMs, hasSuccessor }: Extract<PlannedFault, { kind: 'remove' }>): { begin(): void; end(): void } {
    const cluster = this.#cluster
    let successor: Machine | undefined
    const change = () => {
      const isDead = cluster.machines.some(({ saved }) =>
        saved?.members.some(({ name, state }) => name === host && state === 'down')
      )
      return successor === undefined || !isDead ? undefined : ({ kind: 'replace', host: successor.name, replaced: host } as const)
    }
    const course = this.#plans.carryOut(
      { atMs, lastsMs, isPaused: false, isAborted: false },
      change,
      () => cluster.machine(host).isRunning || cluster.isGone(host)
    )
    const order = (): void => {
      if (cluster.clock.now() >= atMs + lastsMs || cluster.machine(host).isRunning || cluster.isGone(host)) return
      const able = cluster.machines.filter(({ isRunning, name }) => isRunning && !cluster.host(name).isPaused)
      const asked = able[this.#chance.below(Math.max(1, able.length))]
      if (asked !== undefined) this.order(asked.name, { kind: 'remove', name: host, order: 'begin', replyTo: nobody })
      cluster.simulation.at(cluster.clock.now() + orderMs, order)
    }
    return {
      begin: () => {
        this.#stop(host, false)
        if (hasSuccessor !== true) return order()
        successor = this.#newcomer()
        course.begin()
      },
      end: () => this.#start(host)
    }
  }

  #plan(fault: Extract<PlannedFault, { kind: 'replace' | 'weight' }>): { begin(): void; end(): void } {
    const { host } = fault
    const machine = this.#cluster.machine(host)
    const { uid } = machine
    if (fault.kind === 'weight') {
      const { weight } = fault
      const change = () => ({ kind: 'weight', host, weight }) as const
      return this.#plans.carryOut(fault, change, () => machine.uid !== uid || this.#plans.hasWeight(machine, weight))
    }
    let newcomer: Machine | undefined
    const change = () =>
      newcomer === undefined ? undefined : ({ kind: 'replace', host: newcomer.name, replaced: host } as const)
    const course = this.#plans.carryOut(fault, change, () => machine.uid !== uid || this.#cluster.isGone(host))
    return {
      begin: () => {
        if (this.#cluster.isGone(host)) return
        newcomer = this.#newcomer()
        course.begin()
      },
      end: () => course.end()
    }
  }

  #newcomer(): Machine {
    const machine = this.#cluster.add({ asksFirst: true })
    this.#cluster.start(machine.name)
    return machine
  }

  /** As an operator does: a word to a host's gossip agent, which may be lost. */
  order(host: string, order: GossipMessage): void {
    const to: Ref<GossipMessage> = {
      address: addressOf(threadAddressOf(host, 'system'), 'gossip-agent'),
      correlation: 0,
      incarnation: 0
    }
    this.#operator.signal<GossipMessage & Message>(to, order)
  }

  get #operator(): ActorSystem<unknown> {
    const host = this.#cluster.simulation.host('operator')
    return host.threads.get('main')?.system ?? host.thread('main')
  }

  #restore(fault: Extract<PlannedFault, { kind: 'restore' }>): { begin(): void; end(): void } {
    const { simulation } = this.#cluster
    let backup: MachineSnapshot | undefined
    simulation.at(fault.atMs - fault.ageMs, () => (backup = this.#cluster.backUp(fault.host)))
    return {
      begin: () => {
        if (this.#cluster.isGone(fault.host) || this.#isOnlyOwner(fault.host)) return
        this.hasLostData = true
        this.#stop(fault.host, true)
        if (backup !== undefined) this.#cluster.restore(fault.host, backup)
      },
      end: () => this.#start(fault.host)
    }
  }

  /** The others only join yet: what it has acknowledged is nowhere else, and no store survives the loss of the only copy. */
  #isOnlyOwner(host: string): boolean {
    const { saved, uid } = this.#cluster.machine(host)
    const members = ringMembers(saved?.members ?? [])
    return members.length === 1 && members[0]?.uid === uid
  }

  /** Of users' records that lie on the disk, some by chance. */
  #corrupt(host: string, records: number): void {
    if (this.#isOnlyOwner(host)) return
    const { disk } = this.#cluster.machine(host)
    const found: { partition: number; key: string }[] = []
    for (const partition of disk.partitions()) {
      for (const key of disk.pairs(partition)?.keys() ?? []) if (key > systemKeysEnd) found.push({ partition, key })
    }
    found.sort((a, b) => a.partition - b.partition || (a.key < b.key ? -1 : 1))
    for (let count = 0; count < records && found.length > 0; count++) {
      const [hit] = found.splice(this.#chance.below(found.length), 1)
      if (hit === undefined) return
      this.hasLostData = true
      disk.corrupt(hit.partition, hit.key as never)
    }
  }
}

function linksBetween(groups: readonly (readonly string[])[], isOneWay: boolean): [string, string][] {
  const links: [string, string][] = []
  for (const [index, group] of groups.entries()) {
    if (isOneWay && index > 0) break
    for (const other of groups) {
      if (other !== group) for (const from of group) for (const to of other) links.push([from, to])
    }
  }
  return links
}
