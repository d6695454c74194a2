import { handoffAgent } from '../../actors/handoff/handoff-agent.ts'
import { preferenceOf } from '../../actors/ring/ring-index.ts'
import { hintsEnd, hintsStart } from '../../model/hint.ts'
import { type Key, partitionOf, positionOf } from '../../model/key.ts'
import { ringOf } from '../../model/ring.ts'
import { live } from '../../model/siblings.ts'
import { decodeSiblings } from '../../model/siblings-codec.ts'
import type { SimulatedCluster, SimulationOptions } from '../../simulation/simulated-cluster.ts'
import { type AskingClient, servingCluster } from './asking-client.ts'
import { sumOf } from './exchange-cluster.ts'

const partitions = 16

/** Five hosts that serve, with handoff as the only repair work, so that what arrives has come by a hint. */
export class HintsCluster {
  readonly cluster: SimulatedCluster
  readonly client: AskingClient
  /** Hosts of the key, in order of preference. */
  readonly owners: readonly string[]
  readonly others: readonly string[]
  readonly #key: Key

  constructor(key: Key, options: Partial<SimulationOptions> & { readonly seed: number }) {
    const { cluster, client } = servingCluster({ hosts: 5, workBehaviours: { handoff: handoffAgent }, ...options, partitions })
    this.cluster = cluster
    this.client = client
    this.#key = key
    const names = cluster.machines.map(({ name }) => name)
    const ring = ringOf(cluster.machines[0]!.saved!.members, { partitions, replicas: 3 })
    const lists = ring.owners.map(own => own.map(name => names.indexOf(name)))
    this.owners = preferenceOf(lists, this.#partition, 3).map(index => names[index]!)
    this.others = names.filter(name => !this.owners.includes(name))
  }

  /** They are killed, and the rest has noticed. */
  away(...names: readonly string[]): void {
    for (const name of names) this.cluster.kill(name, false)
    this.run(10_000)
  }

  back(...names: readonly string[]): void {
    for (const name of names) this.cluster.start(name)
  }

  run(ms: number): void {
    this.cluster.clock.run(this.cluster.clock.now() + ms)
  }

  /** Values of the key on a host's disk, tombstones as `†`. */
  onDisk(name: string): string[] {
    const record = this.cluster.machine(name).disk.pairs(this.#partition)?.get(this.#key)
    if (record === undefined) return []
    const siblings = decodeSiblings(record)
    const shown = live(siblings).map(({ value }) => Buffer.from(value).toString())
    return [...shown, ...siblings.versions.filter(({ tombstone }) => tombstone).map(() => '†')].sort()
  }

  get hintsOnDisks(): number {
    return this.cluster.machines.reduce((sum, { name }) => sum + this.hintsOn(name), 0)
  }

  hintsOn(name: string): number {
    const { disk } = this.cluster.machine(name)
    let hints = 0
    for (const partition of disk.partitions()) {
      for (const stored of disk.pairs(partition)?.keys() ?? []) if (stored > hintsStart && stored < hintsEnd) hints++
    }
    return hints
  }

  drained(withinMs = 60_000): boolean {
    return this.cluster.simulation.runUntil(() => this.hintsOnDisks === 0, withinMs, 100)
  }

  /** I13 */
  get isBalanced(): boolean {
    const sum = (name: string) => sumOf(this.cluster, name)
    return sum('hints_created_total') === sum('hints_delivered_total') + sum('hints_superseded_total') + sum('hints_pending')
  }

  get #partition(): number {
    return partitionOf(positionOf(this.#key), partitions)
  }
}
