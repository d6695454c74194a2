import { preferenceOf } from '../actors/ring/ring-index.ts'
import type { RingView } from '../actors/ring/ring-view.ts'
import { type Key, partitionOf, positionOf, systemKeysEnd } from '../model/key.ts'
import { decodeSiblings } from '../model/siblings-codec.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'
import { siblingsText } from './store-check.ts'
import { keyText } from './violation.ts'

/** A key that replicas hold differently. */
export interface Disagreement {
  readonly key: Key
  readonly text: string
}

/**
 * Compare what the owners of each key hold, straight from their disks.
 * @param views the rings that say who they are: one of each datacenter
 * @param n replicas of a key
 * @returns the keys on which owners differ
 */
export function disagreements(cluster: SimulatedCluster, views: readonly RingView[], n: number): Disagreement[] {
  const keys = new Map<Key, number>()
  for (const { disk } of cluster.machines) {
    for (const partition of disk.partitions()) {
      for (const key of disk.pairs(partition)?.keys() ?? []) if (key > systemKeysEnd) keys.set(key, partition)
    }
  }
  const found: Disagreement[] = []
  for (const [key, partition] of keys) {
    if (partitionOf(positionOf(key), views[0]!.partitions) !== partition) {
      found.push({ key, text: `${keyText(key)} lies in partition ${partition}, where it does not belong` })
      continue
    }
    const owners = views.flatMap(view => preferenceOf(view.owners, partition, n).map(index => view.hosts[index]!.name))
    const gone = owners.find(name => cluster.machines.every(machine => machine.name !== name))
    if (gone !== undefined) {
      found.push({ key, text: `${gone} is an owner of ${keyText(key)}, and there is no such machine` })
      continue
    }
    const records = owners.map(name => {
      const { disk } = cluster.machine(name)
      const bytes = disk.pairs(partition)?.get(key)
      return { name, bytes, isCorrupt: disk.isCorrupt(partition, key) }
    })
    const [first, ...others] = records
    if (first === undefined) continue
    const differs = others.some(other => !isSame(first.bytes, other.bytes))
    if (!differs && !records.some(record => record.isCorrupt)) continue
    const held = records.map(({ name, bytes, isCorrupt }) => {
      if (isCorrupt) return `${name} a corrupt record`
      return `${name} ${bytes === undefined ? 'nothing' : siblingsText(decodeSiblings(bytes))}`
    })
    found.push({ key, text: `the owners of ${keyText(key)} hold different things: ${held.join('; ')}` })
  }
  return found
}

/**
 * Whether a host still has users' records of a partition that it does not own.
 * @param views as in `disagreements`
 */
export function keepsStrays(cluster: SimulatedCluster, views: readonly RingView[], host: string): boolean {
  const { disk } = cluster.machine(host)
  const view = views.find(({ hosts }) => hosts.some(({ name }) => name === host))
  const self = view?.hosts.findIndex(({ name }) => name === host) ?? -1
  const isOwn = (partition: number): boolean =>
    view === undefined || preferenceOf(view.owners, partition, view.replicas).includes(self)
  const keys = (partition: number): Key[] => [...(disk.pairs(partition)?.keys() ?? [])]
  return [...disk.partitions()].some(partition => !isOwn(partition) && keys(partition).some(key => key > systemKeysEnd))
}

/** Records are canonical: equal siblings have equal bytes. */
function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0)
}
