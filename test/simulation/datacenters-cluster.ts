import { type Key, keyOfText, systemKeysEnd } from '../../model/key.ts'
import { membersIn } from '../../model/datacenter.ts'
import { keyOfOwed, owedEnd, owedStart } from '../../model/owed.ts'
import { membershipEpoch } from '../../model/ring-change.ts'
import type { SimulatedCluster, SimulationOptions } from '../../simulation/simulated-cluster.ts'
import { type AskingClient, servingCluster } from './asking-client.ts'

export const partitions = 16

export interface DatacentersRig {
  readonly cluster: SimulatedCluster
  readonly client: AskingClient
  /** Cut all links between the datacenters, both ways; what is within one stays. */
  cut(): void
  mend(): void
  run(ms: number): void
  until(holds: () => boolean, withinMs: number): boolean
  namesOf(dc: string): string[]
  /** Of the ring of a datacenter, as a host has it on its disk. */
  epochOf(dc: string, host: string): string
  /** Records of users that a host holds, as hex, by key. */
  heldBy(host: string): Map<Key, string>
}

/** Two datacenters of three hosts that serve: h1 to h3 in dc1, h4 to h6 in dc2. */
export function datacenters(
  options: Partial<SimulationOptions> & { readonly seed: number; readonly isRepairing?: boolean }
): DatacentersRig {
  const { cluster, client } = servingCluster({ hosts: 3, datacenters: 2, partitions, isRepairing: true, ...options })
  const namesOf = (dc: string): string[] => cluster.machines.filter(machine => machine.dc === dc).map(({ name }) => name)
  const links = (): [string, string][] =>
    namesOf('dc1').flatMap(one =>
      namesOf('dc2').flatMap((other): [string, string][] => [
        [one, other],
        [other, one]
      ])
    )
  return {
    cluster,
    client,
    cut: () => links().forEach(([from, to]) => cluster.network.cut(from, to)),
    mend: () => links().forEach(([from, to]) => cluster.network.mend(from, to)),
    run: ms => cluster.clock.run(cluster.clock.now() + ms),
    until: (holds, withinMs) => cluster.simulation.runUntil(holds, withinMs, 50),
    namesOf,
    epochOf: (dc, host) => membershipEpoch(membersIn(cluster.machine(host).saved?.members ?? [], dc)),
    heldBy(host) {
      const { disk } = cluster.machine(host)
      const held = new Map<Key, string>()
      for (const partition of disk.partitions()) {
        for (const [key, bytes] of disk.pairs(partition) ?? [])
          if (key > systemKeysEnd) held.set(key, Buffer.from(bytes).toString('hex'))
      }
      return held
    }
  }
}

export function keysNamed(count: number, prefix = 'key'): Key[] {
  return Array.from({ length: count }, (_, index) => keyOfText('b', `${prefix}-${index}`))
}

/** Whether all machines of both datacenters hold the same records of users: all own everything, as there are three in each. */
export function areAllEqual({ cluster, heldBy }: DatacentersRig): boolean {
  const [first, ...others] = cluster.machines.map(({ name }) => heldBy(name))
  return others.every(held => held.size === first!.size && [...held].every(([key, record]) => first!.get(key) === record))
}

/** Notes of what is owed, on the disks of all machines. */
export function owedOnDisk({ cluster }: DatacentersRig): Key[] {
  const keys: Key[] = []
  for (const { disk } of cluster.machines) {
    for (const partition of disk.partitions()) {
      for (const key of disk.pairs(partition)?.keys() ?? []) if (key > owedStart && key < owedEnd) keys.push(keyOfOwed(key))
    }
  }
  return keys
}
