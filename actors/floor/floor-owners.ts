import { preferenceOf } from '../ring/ring-index.ts'
import type { HostView, RingView } from '../ring/ring-view.ts'

/** The owners of a partition in all datacenters: what is purged has to be known to each of them. */
export function ownersOfAll(view: RingView, partition: number, n: number): readonly HostView[] {
  return [view, ...(view.others ?? [])].flatMap(({ hosts, owners }) =>
    preferenceOf(owners, partition, n).flatMap(index => hosts[index] ?? [])
  )
}

/** Names the membership of all datacenters; where there is one, its epoch. */
export function epochOfAll({ epoch, hosts, others = [] }: RingView): string {
  if (others.length === 0) return epoch
  const own = `${hosts[0]?.dc}:${epoch}`
  return [own, ...others.map(other => `${other.dc}:${other.epoch}`)].sort().join(' ')
}

/** Who tries to prove floors for the partition: its first owner in the datacenter whose name comes first. */
export function leaderOf(view: RingView, partition: number): HostView | undefined {
  const first = [{ dc: view.hosts[0]?.dc ?? '', hosts: view.hosts, owners: view.owners }, ...(view.others ?? [])].reduce(
    (a, b) => (b.dc < a.dc ? b : a)
  )
  const index = preferenceOf(first.owners, partition, 1)[0]
  return index === undefined ? undefined : first.hosts[index]
}
