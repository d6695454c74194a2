import { fairShares, type PlacementHost } from './fair-share.ts'
import { balanceFirstPlaces } from './first-places.ts'
import { hash32, mix32 } from './hash.ts'
import { placeOf, ringMembers, type Member } from './membership.ts'
import { placementOf } from './placement.ts'
import { membershipEpoch } from './ring-change.ts'

export interface RingOptions {
  /** A power of two, chosen at the cluster's birth. */
  readonly partitions: number
  /** N: distinct hosts for each partition. */
  readonly replicas: number
  /** `future`: as it will be once joining hosts have their data and leaving ones are gone. Default `present`. */
  readonly when?: 'present' | 'future'
}

export interface Ring {
  /** Hash of the membership it follows from. */
  readonly epoch: string
  readonly partitions: number
  readonly replicas: number
  /** For each partition its preference list: distinct hosts by name, in order; fewer than `replicas` only where the cluster is smaller. */
  readonly owners: readonly (readonly string[])[]
}

/**
 * The ring that follows from the membership: equal views, in whatever order, give equal rings; heartbeats and suspicions change nothing.
 * @throws {RangeError} partitions or replicas are no whole number above 0, or a member's weight is none above 0
 * @see DeCandia et al., Dynamo (SOSP 2007), section 6.2, strategy 3: equal partitions
 */
export function ringOf(members: readonly Member[], { partitions, replicas, when = 'present' }: RingOptions): Ring {
  if (!Number.isInteger(partitions) || partitions < 1)
    throw new RangeError(`a ring has a whole number of partitions, not ${partitions}`)
  if (!Number.isInteger(replicas) || replicas < 1) throw new RangeError(`a ring has a whole number of replicas, not ${replicas}`)
  const rows = [...ringMembers(members, when)].sort(byPlace)
  const hosts = rows.map(placementHostOf)
  const owners = placementOf(hosts, partitions, replicas)
  const n = Math.min(replicas, hosts.length)
  if (n > 1) {
    const places = fairShares(hosts, partitions, replicas).map(share => share / n)
    balanceFirstPlaces(owners, places)
  }
  return {
    epoch: membershipEpoch(members),
    partitions,
    replicas,
    owners: owners.map(own => own.map(host => rows[host]!.name))
  }
}

/**
 * The hosts that stand in for those of `partition`'s preference list, best first; every host of the present ring that is not in the list.
 * The order is the partition's own, so that the partitions of a host that fails spread over all the others.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.6
 */
export function fallbacksOf(ring: Ring, members: readonly Member[], partition: number): readonly string[] {
  const own = ring.owners[partition]
  if (own === undefined) throw new RangeError(`partition ${partition} is not one of the ring's ${ring.partitions}`)
  return ringMembers(members)
    .filter(({ name }) => !own.includes(name))
    .map(({ name }) => ({ name, score: mix32(hash32(new TextEncoder().encode(name), 1), partition) }))
    .sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    .map(({ name }) => name)
}

/** One that took another's place stands where that stood, so that all the others' lists stay as they were. */
function byPlace(a: Member, b: Member): number {
  const [left, right] = [placeOf(a), placeOf(b)]
  return left < right ? -1 : left > right ? 1 : a.name < b.name ? -1 : 1
}

/** A zone is a failure domain within its datacenter: equal names in two datacenters are two zones. */
function placementHostOf(member: Member): PlacementHost {
  const { name, weight, zone, dc, seat } = member
  if (!(weight > 0) || !Number.isFinite(weight))
    throw new RangeError(`host ${name} has weight ${weight}: a weight is a number above 0`)
  return { name: placeOf(member), weight, zone: JSON.stringify([dc, zone]), seat }
}
