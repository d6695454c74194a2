import { preferenceOf } from './ring-index.ts'
import { type HostView, hostsOfAll, isReachable, type RingView } from './ring-view.ts'

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

/** It is no member any more; or, of another datacenter, away: then any other there does as well. */
export function isLostSource(view: RingView, uid: number): boolean {
  const source = hostsOfAll(view).find(host => host.uid === uid)
  return source === undefined || (!view.hosts.includes(source) && !isReachable(source))
}

/** Where this host founds the ring of its datacenter: whether another one can be asked for each partition now. */
export function hasSources(view: RingView): boolean {
  return view.owners.every((owners, partition) => owners.length > 0 || elsewhereOf(view, partition, view.replicas).length > 0)
}

/** Uids. Where nobody of this datacenter has data yet: owners of another one. */
export function sourcesIn(view: RingView, partition: number, self: number, n: number): readonly number[] {
  if (preferenceOf(view.owners, partition, n).length === 0) return elsewhereOf(view, partition, n)
  return sourcesOf(view, partition, self, n).map(({ uid }) => uid)
}

/**
 * Uid of an owner in another datacenter, for the first host of this one. One is enough: what it lacks it is given by its own, and comes
 * here with the next exchange.
 */
function elsewhereOf({ others = [] }: RingView, partition: number, n: number): readonly number[] {
  for (const { hosts, owners } of others) {
    const source = preferenceOf(owners, partition, n).find(index => isReachable(hosts[index]!))
    if (source !== undefined) return [hosts[source]!.uid]
  }
  return []
}
