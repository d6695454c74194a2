import { displacedOf, isGone, type Member } from './membership.ts'
import { afterChange, type KeptPlan, progressOf, turnsOf } from './plan.ts'
import { quorumOf } from './quorum.ts'
import { atTurn } from './ring-change.ts'
import { type Ring, ringOf } from './ring.ts'
import type { StagedChange } from './staged-plan.ts'

/** One replica of a partition that a host gains. */
export interface Gain {
  readonly partition: number
  readonly host: string
}

/** What one change of a plan comes to. */
export interface Step {
  readonly change: StagedChange
  readonly gains: readonly Gain[]
  /** Owners, of the partition that has the fewest of them, that are there beyond a quorum, while the change is under way. Below 0: no quorum. */
  readonly margin: number
}

export interface HostLoad {
  readonly host: string
  /** Replicas of partitions. */
  readonly before: number
  readonly after: number
}

/** What is left of a plan. */
export interface Preview {
  readonly before: Ring
  readonly after: Ring
  /** Every host of either ring, by name. */
  readonly loads: readonly HostLoad[]
  readonly steps: readonly Step[]
  /** The least of all steps; of the ring as it is where there are none. */
  readonly margin: number
}

export interface PreviewOptions {
  readonly partitions: number
  readonly replicas: number
}

/** What is left of a plan, worked out from the rows alone: the same on every host that has them. */
export function previewOf(kept: KeptPlan, members: readonly Member[], options: PreviewOptions): Preview {
  const left = turnsOf(kept).filter(change => ['waiting', 'moving'].includes(progressOf(change, members)))
  const isThere = reachable(members)
  let rows = atTurn(members, undefined)
  const before = ringOf(rows, options)
  let ring = before
  let least = marginOf(before, isThere)
  const steps: Step[] = []
  for (const change of left) {
    const next = afterChange(change, withComer(change, rows, members))
    const after = ringOf(next, options)
    const margin = Math.min(marginOf(ring, isThere), marginOf(after, isThere), marginOf(ring, isThere, goingIn(change, members)))
    steps.push({ change, gains: gainsOf(ring, after), margin })
    least = Math.min(least, margin)
    rows = next
    ring = after
  }
  return { before, after: ring, loads: loadsOf(before, ring), steps, margin: least }
}

function withComer(change: StagedChange, rows: readonly Member[], members: readonly Member[]): readonly Member[] {
  if (change.kind !== 'join' && change.kind !== 'replace') return rows
  const comer = members.find(({ uid }) => uid === change.uid)
  return comer === undefined ? rows : [...rows.filter(({ uid }) => uid !== comer.uid), comer]
}

/** Whoever ceases to answer reads a moment before the ring moves. */
function goingIn(change: StagedChange, members: readonly Member[]): string | undefined {
  const uid = change.kind === 'leave' ? change.uid : change.kind === 'replace' ? change.replaced : undefined
  return members.find(member => member.uid === uid)?.name
}

function reachable(members: readonly Member[]): ReadonlySet<string> {
  const displaced = displacedOf(members)
  const names = members.flatMap(({ name, state, uid }) =>
    isGone(state) || state === 'down' || state === 'suspect' || displaced.has(uid) ? [] : name
  )
  return new Set(names)
}

function marginOf({ owners }: Ring, isThere: ReadonlySet<string>, but?: string): number {
  let least = Number.POSITIVE_INFINITY
  for (const own of owners) {
    const there = own.filter(name => isThere.has(name) && name !== but).length
    least = Math.min(least, there - quorumOf(own.length))
  }
  return Number.isFinite(least) ? least : 0
}

/** Replicas that are on a host in `after` that did not hold the partition in `before`. */
export function gainsOf(before: Ring, after: Ring): Gain[] {
  return after.owners.flatMap((own, partition) =>
    own.filter(host => before.owners[partition]?.includes(host) !== true).map(host => ({ partition, host }))
  )
}

function loadsOf(before: Ring, after: Ring): HostLoad[] {
  const loads = new Map<string, { before: number; after: number }>()
  const count = ({ owners }: Ring, when: 'before' | 'after'): void => {
    for (const own of owners) {
      for (const host of own) {
        const load = loads.get(host) ?? { before: 0, after: 0 }
        load[when]++
        loads.set(host, load)
      }
    }
  }
  count(before, 'before')
  count(after, 'after')
  return [...loads].sort(([a], [b]) => (a < b ? -1 : 1)).map(([host, load]) => ({ host, ...load }))
}
