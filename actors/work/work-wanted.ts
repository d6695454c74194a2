import { isSettled } from '../handoff/stray-partitions.ts'
import { bridgesOf } from '../replication/bridge.ts'
import { preferenceOf } from '../ring/ring-index.ts'
import { type HostView, isReachable, type RingView } from '../ring/ring-view.ts'
import type { WorkKind } from './work-protocol.ts'

/** A piece of work that follows from the ring. */
export interface WorkWanted {
  readonly job: string
  readonly kind: WorkKind
  readonly subject: string
  /** Whether its host can be reached from this one, or whatever else it needs is there. */
  readonly isReady: boolean
  /** Changes when the host has been started anew. */
  readonly incarnation: number
}

/**
 * What a host has to do, as the ring says: hints are delivered to every other member; two hosts that share partitions compare their
 * trees, led by the lower uid; each data thread's records are verified; what this host owns no more is forgotten.
 * @param replicas the most that any bucket asks for
 * @param orphans uids for which hints are kept though no member has them
 */
export function workWanted(
  view: RingView,
  self: HostView,
  kinds: ReadonlySet<WorkKind>,
  replicas: number,
  orphans: Iterable<number>
): WorkWanted[] {
  const wanted: WorkWanted[] = []
  const want = (kind: WorkKind, subject: string, isReady: boolean, incarnation: number): void => {
    if (kinds.has(kind)) wanted.push({ job: `${kind}/${subject}`, kind, subject, isReady, incarnation })
  }
  const neighbours = neighboursOf(view, view.hosts.indexOf(self), replicas)
  view.hosts.forEach((host, index) => {
    if (host === self) return
    const isReady = isReachable(host) && host.isDirect
    want('handoff', host.name, isReady, host.incarnation)
    if (self.uid < host.uid && neighbours.has(index)) want('exchange', host.name, isReady, host.incarnation)
  })
  for (const { dc, hosts } of view.others ?? []) {
    const able = hosts.filter(host => isReachable(host) && host.isDirect)
    want('replicate', dc, able.length > 0, 0)
  }
  // What it was owed is to be dropped.
  for (const dc of view.gone ?? []) want('replicate', dc, true, 0)
  for (const peer of bridgesOf(view, self)) want('bridge', peer.name, true, peer.incarnation)
  for (const uid of orphans) want('handoff', uidText(uid), true, 0)
  for (let thread = 0; thread < self.threads; thread++) want('scrub', `data-${thread}`, true, 0)
  want('clear', self.name, isSettled(view), 0)
  if (leaderOf(view) === self) want('scale', view.cluster, true, 0)
  return wanted
}

/**
 * Who does what is done once in the cluster: the lowest uid of those that are up. Hosts that are cut from each other may hold two of them to
 * be it; so whoever leads does nothing while any host is away.
 */
export function leaderOf({ hosts }: RingView): HostView | undefined {
  return hosts.filter(({ state, standing }) => state === 'up' && standing === 'up').sort((a, b) => a.uid - b.uid)[0]
}

/** As the subject of an item. */
export function uidText(uid: number): string {
  return uid.toString(16).padStart(8, '0')
}

/** Hosts that own, or will own, a partition that this one owns or will own. */
function neighboursOf(view: RingView, self: number, replicas: number): ReadonlySet<number> {
  const neighbours = new Set<number>()
  for (let partition = 0; partition < view.partitions; partition++) {
    const owners = preferenceOf(view.owners, partition, replicas)
    const future = preferenceOf(view.future, partition, replicas)
    if (!owners.includes(self) && !future.includes(self)) continue
    for (const index of owners) neighbours.add(index)
    for (const index of future) neighbours.add(index)
  }
  return neighbours
}
