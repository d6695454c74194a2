import type { Ref } from '../../bus/bus.ts'
import type { RootEntry } from '../../model/root-list.ts'
import { classesHash, classesIn, type KeyClasses } from '../vnode/key-classes.ts'
import { sourcesOf } from '../ring/gained-partitions.ts'
import { preferenceOf } from '../ring/ring-index.ts'
import { type HostView, isReachable, type RingView } from '../ring/ring-view.ts'
import type { VnodeAsk, VnodeReplies } from '../vnode/vnode-desk.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

/** A tree that two hosts both have: of a partition, and of the keys whose buckets ask for n replicas. */
export interface Share {
  readonly partition: number
  readonly n: number
}

/** What both hosts own by the present ring, in an order that both keep. */
export function sharesOf(view: RingView, classes: KeyClasses, one: HostView, other: HostView): readonly Share[] {
  const a = view.hosts.indexOf(one)
  const b = view.hosts.indexOf(other)
  const shares: Share[] = []
  for (let partition = 0; partition < view.partitions; partition++) {
    for (const n of classesIn(classes)) {
      const owners = preferenceOf(view.owners, partition, n)
      if (owners.includes(a) && owners.includes(b)) shares.push({ partition, n })
    }
  }
  return shares
}

/** What the one host takes over from the other in the change of the ring that is under way. */
export function gainedShares(view: RingView, classes: KeyClasses, gainer: HostView, source: HostView): readonly Share[] {
  const index = view.hosts.indexOf(gainer)
  const shares: Share[] = []
  for (let partition = 0; partition < view.partitions; partition++) {
    for (const n of classesIn(classes)) {
      if (sourcesOf(view, partition, index, n).includes(source)) shares.push({ partition, n })
    }
  }
  return shares
}

/** What the host owns by the ring of its datacenter, of the partitions that a host of another one compares with it. */
export function sharesAcross(
  view: RingView,
  classes: KeyClasses,
  self: HostView,
  partitions: readonly number[]
): readonly Share[] {
  const index = view.hosts.indexOf(self)
  return partitions.flatMap(partition =>
    classesIn(classes).flatMap(n => (preferenceOf(view.owners, partition, n).includes(index) ? [{ partition, n }] : []))
  )
}

/**
 * Of two hosts one of which was away until not long ago: the partitions whose first owner that was there meanwhile is the other. What the
 * one has missed all others have: so one of them gives it, and the others have little to compare later.
 * @returns undefined: both were away, or neither was, so that there is no such part
 */
export function partOfReturned(view: RingView, one: HostView, other: HostView): readonly number[] | undefined {
  if (one.isBack === other.isBack || one.dc !== other.dc) return undefined
  const helper = view.hosts.indexOf(one.isBack ? other : one)
  const wasThere = (index: number): boolean => isReachable(view.hosts[index]!) && !view.hosts[index]!.isBack
  return view.owners.flatMap((_, partition) =>
    preferenceOf(view.owners, partition, view.hosts.length).find(wasThere) === helper ? partition : []
  )
}

export function sharesWithin(shares: readonly Share[], partitions: readonly number[]): readonly Share[] {
  const wanted = new Set(partitions)
  return shares.filter(({ partition }) => wanted.has(partition))
}

/** One question for each partition of the shares: the roots of its trees. */
export function rootAsks(host: HostView, shares: readonly Share[], classes: KeyClasses): readonly VnodeAsk[] {
  return [...new Set(shares.map(({ partition }) => partition))].map(partition => ({
    host,
    partition,
    message: (replyTo: Ref<VnodeReply>) => ({ kind: 'roots' as const, classes, replyTo })
  }))
}

/** Those of the shares whose trees are built, and follow these classes. */
export function rootsOf(shares: readonly Share[], replies: VnodeReplies, classes: KeyClasses): readonly RootEntry[] {
  const hash = classesHash(classes)
  const known = new Map<string, RootEntry>()
  for (const reply of replies) {
    if (reply?.kind !== 'roots' || reply.classes !== hash) continue
    const { partition } = reply
    for (const { n, depth, high, low } of reply.trees) known.set(`${partition}/${n}`, { partition, n, depth, high, low })
  }
  return shares.flatMap(({ partition, n }) => known.get(`${partition}/${n}`) ?? [])
}
