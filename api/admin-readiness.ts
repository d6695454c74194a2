import { isReachable, type RingView } from '../actors/ring/ring-view.ts'

/** How many examples `missing` names before it only counts. */
const shownMax = 3

/**
 * Whether a quorum of every partition can be reached, as far as this host's ring says.
 * @param view undefined: this host has not learnt the ring yet
 */
export function readinessOf(view: RingView | undefined): { readonly ready: boolean; readonly missing: readonly string[] } {
  if (view === undefined) return { ready: false, missing: ['the ring is not known yet'] }
  const missing: string[] = []
  let lacking = 0
  for (let partition = 0; partition < view.partitions; partition++) {
    const owners = view.owners[partition] ?? []
    const needed = Math.floor(Math.max(owners.length, 1) / 2) + 1
    let reachable = 0
    for (const index of owners) {
      const host = view.hosts[index]
      if (host !== undefined && isReachable(host)) reachable++
    }
    if (reachable >= needed) continue
    lacking++
    if (missing.length < shownMax)
      missing.push(`partition ${partition} has ${reachable} of ${owners.length} owners, ${needed} are needed`)
  }
  if (lacking > shownMax) missing.push(`and ${lacking - shownMax} more partitions`)
  return { ready: lacking === 0, missing }
}
