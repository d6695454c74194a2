import { bucketOf, type Key } from '../../model/key.ts'
import { type BucketProperties, type BucketTable, propertiesOf } from '../ring/bucket-table.ts'
import { preferenceOf } from '../ring/ring-index.ts'
import { type HostView, isReachable, type RingView } from '../ring/ring-view.ts'

/** The ring as it was last told, and what buckets ask of it. */
export interface Placement {
  readonly view: RingView
  readonly table: BucketTable
  readonly defaults: BucketProperties
}

/** Whether nobody joins or leaves, all members are there, and each of them writes by this ring and no other. */
export function isSettled({ epoch, future, hosts }: RingView): boolean {
  if (future.length > 0) return false
  const members = hosts.filter(host => host.isWaiting !== true)
  return members.every(host => host.state === 'up' && host.standing === 'up' && !host.isReplaced && host.seen === epoch)
}

/** Partitions that the host at `self` in the view holds for no bucket. */
export function straysOf(placement: Placement, self: number): number[] {
  const strays: number[] = []
  for (let partition = 0; partition < placement.view.partitions; partition++) {
    if (isStray(placement, partition, self)) strays.push(partition)
  }
  return strays
}

export function isStray({ view, table, defaults }: Placement, partition: number, self: number): boolean {
  // Every longer list begins with the shorter one.
  const counts = Object.values(table).map(({ properties }) => properties.n ?? 0)
  const n = Math.max(view.replicas, defaults.n, ...counts)
  return !preferenceOf(view.owners, partition, n).includes(self) && !preferenceOf(view.future, partition, n).includes(self)
}

/** All owners of the key. Empty where one of them cannot be reached from here, or nobody knows who it is. */
export function ownersOf({ view, table, defaults }: Placement, partition: number, key: Key): HostView[] {
  const { n } = propertiesOf(table, bucketOf(key), defaults)
  const owners: HostView[] = []
  for (const index of preferenceOf(view.owners, partition, n)) {
    const host = view.hosts[index]
    if (host === undefined || !isReachable(host) || !host.isDirect) return []
    owners.push(host)
  }
  return owners
}
