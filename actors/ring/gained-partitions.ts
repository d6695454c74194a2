import { preferenceOf } from './ring-index.ts'
import type { HostView, RingView } from './ring-view.ts'

/**
 * Hosts from which `gainer` takes a partition over in the change that is under way: those whose place it takes, since a quorum of a write may
 * be one of them and one that stays; where one of these has lost its data or is dead for good, all other owners. None of them may be left out
 * because it is away just now: it may have the only copy that is left of a write, and once the ring has moved nobody asks it any more.
 * @param gainer index into `view.hosts`
 * @param n replicas that count
 * @returns none where it gains nothing
 */
export function sourcesOf(view: RingView, partition: number, gainer: number, n: number): readonly HostView[] {
  const present = preferenceOf(view.owners, partition, n)
  const future = preferenceOf(view.future, partition, n)
  if (!future.includes(gainer) || present.includes(gainer)) return []
  const hostsOf = (indices: readonly number[]) => indices.flatMap(index => view.hosts[index] ?? [])
  const displaced = hostsOf(present.filter(index => !future.includes(index)))
  const areSound = displaced.length > 0 && !displaced.some(isLost)
  return areSound ? displaced : hostsOf(present).filter(host => !isLost(host))
}

/** There is nobody to read from. */
export function isLost({ isReplaced, isRemoving }: HostView): boolean {
  return isReplaced || isRemoving
}
