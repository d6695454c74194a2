import { handoffAgent } from '../../actors/handoff/handoff-agent.ts'
import type { PlanOrder, WantedChange } from '../../actors/gossip/gossip-protocol.ts'
import { preferenceOf } from '../../actors/ring/ring-index.ts'
import { type Key, keyOfText, partitionOf, positionOf } from '../../model/key.ts'
import { isGone, type Member } from '../../model/membership.ts'
import { type KeptPlan, planIn } from '../../model/plan.ts'
import { atTurn } from '../../model/ring-change.ts'
import { type Ring, ringOf } from '../../model/ring.ts'
import type { SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { type AskingClient, servingCluster } from './asking-client.ts'
import { Operator } from './operator.ts'

export const partitions = 16
export const keys = Array.from({ length: 40 }, (_, index) => keyOfText('b', `key-${index}`))

/** Hosts that serve and hold some keys, without exchanges: what is where it should be, the change of the ring has brought there. */
export class PlansRig {
  readonly cluster: SimulatedCluster
  readonly client: AskingClient
  readonly #operator: Operator

  constructor(seed: number, hosts: number) {
    const { cluster, client } = servingCluster({ seed, hosts, partitions, workBehaviours: { handoff: handoffAgent } })
    this.cluster = cluster
    this.client = client
    this.#operator = new Operator(cluster)
    for (const key of keys) client.put('h1', key, key, undefined, { level: 'all' })
  }

  /** @returns '' where it was done, else why it was refused */
  order(host: string, order: PlanOrder): string {
    return this.#operator.say(host, replyTo => ({ kind: 'plan', order, replyTo }))
  }

  stage(host: string, change: WantedChange): string {
    return this.order(host, { what: 'stage', change })
  }

  remove(host: string, name: string): string {
    return this.#operator.say(host, replyTo => ({ kind: 'remove', name, order: 'begin', replyTo }))
  }

  /** A machine whose host waits to be told what to do. @returns its name */
  newcomer(): string {
    const { name } = this.cluster.add({ asksFirst: true })
    this.cluster.start(name)
    this.until(() => this.row(name)?.isWaiting === true)
    return name
  }

  /** What a host says of itself. */
  row(name: string): Member | undefined {
    const { saved, uid } = this.cluster.machine(name)
    return saved?.members.find(member => member.uid === uid)
  }

  standing(name: string): string | undefined {
    const row = this.row(name)
    return row === undefined || isGone(row.state) ? row?.state : row.standing
  }

  /** As `host` sees it. */
  plan(host: string): KeptPlan | undefined {
    return planIn(this.cluster.machine(host).saved?.members ?? [])
  }

  run(ms: number): void {
    this.cluster.clock.run(this.cluster.clock.now() + ms)
  }

  until(holds: () => boolean, withinMs = 60_000): boolean {
    return this.cluster.simulation.runUntil(holds, withinMs, 50)
  }

  /** As `host` sees it, with what waits for its turn as it was. */
  ring(host: string): Ring {
    return ringOf(atTurn(this.cluster.machine(host).saved?.members ?? [], undefined), { partitions, replicas: 3 })
  }

  /** Whether all that run go by one ring. */
  get isAgreed(): boolean {
    const running = this.cluster.present.filter(({ isRunning }) => isRunning)
    return new Set(running.map(({ name }) => JSON.stringify(this.ring(name)))).size === 1
  }

  /** Keys that some owner of now does not hold, straight from the disks. */
  short(host = 'h1'): string[] {
    const lists = this.ring(host).owners.map(own =>
      own.map(name => this.cluster.machines.findIndex(machine => machine.name === name))
    )
    const isMissing = (key: Key): boolean => {
      const partition = partitionOf(positionOf(key), partitions)
      return preferenceOf(lists, partition, 3).some(
        index => this.cluster.machines[index]!.disk.pairs(partition)?.has(key) !== true
      )
    }
    return keys.filter(isMissing)
  }
}
