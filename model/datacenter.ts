import { isGone, type Member } from './membership.ts'

const remembered = new WeakMap<readonly Member[], Map<string, readonly Member[]>>()

/**
 * The members of one datacenter. Each datacenter has a ring of its own over the same partitions, so whatever asks who owns what, who joins
 * or leaves, and who must have seen it, asks only these.
 * @returns `members` itself where all of them are there
 */
export function membersIn<M extends Member>(members: readonly M[], dc: string): readonly M[] {
  let known = remembered.get(members)
  if (known === undefined) remembered.set(members, (known = new Map()))
  let own = known.get(dc) as readonly M[] | undefined
  if (own === undefined) {
    own = members.every(member => member.dc === dc) ? members : members.filter(member => member.dc === dc)
    known.set(dc, own)
  }
  return own
}

/** The other datacenters that have members which are not gone, by name. */
export function otherDatacenters(members: readonly Member[], dc: string): readonly string[] {
  const names = new Set<string>()
  for (const member of members)
    if (member.dc !== dc && member.state !== 'left' && member.state !== 'removed') names.add(member.dc)
  return [...names].sort()
}

/** The datacenters of which all hosts that ever were are gone, by name: nothing is owed to them. */
export function goneDatacenters(members: readonly Member[]): readonly string[] {
  const names = new Set<string>()
  for (const { dc, state } of members) if (isGone(state)) names.add(dc)
  for (const { dc, state } of members) if (!isGone(state)) names.delete(dc)
  return [...names].sort()
}
