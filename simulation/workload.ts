import { type Key, keyOfText } from '../model/key.ts'

/** What a client does at one go. */
export type Action = 'blind' | 'update' | 'chain' | 'read' | 'remove' | 'blind-remove'

/** What a kind of client does, in shares, on keys of its own bucket. */
export interface Workload {
  readonly name: WorkloadName
  /** For people. */
  readonly summary: string
  readonly shares: Readonly<Partial<Record<Action, number>>>
  readonly keys: number
  /** Primaries alone, so that R + W > N tells: reads must see what was acknowledged before. */
  readonly isStrict: boolean
  /** Values hold all that was read, and one element more: what a counter or a shopping cart does. */
  readonly accumulates: boolean
  /** A client goes on to fresh keys after so many operations, so that values don't grow without end; 0: never. */
  readonly operationsPerKeySet: number
}

export type WorkloadName = 'set' | 'register' | 'counter' | 'recreate' | 'session'

const relaxed = { isStrict: false, accumulates: false, operationsPerKeySet: 0 }

export const workloads: Readonly<Record<WorkloadName, Workload>> = Object.freeze({
  set: {
    ...relaxed,
    name: 'set',
    summary: 'adds values, blindly or after a read with its context',
    shares: { blind: 5, update: 5 },
    keys: 5
  },
  register: {
    ...relaxed,
    name: 'register',
    summary: 'reads, and writes that follow on its last write or on a read',
    shares: { read: 3, chain: 4, update: 2, blind: 1 },
    keys: 8
  },
  counter: {
    ...relaxed,
    name: 'counter',
    summary: 'reads, adds an element of its own to all it has read, writes that with the context',
    shares: { update: 1 },
    keys: 3,
    accumulates: true,
    operationsPerKeySet: 40
  },
  recreate: {
    ...relaxed,
    name: 'recreate',
    summary: 'deletes what it has read, or without having looked, and writes the key again',
    shares: { update: 3, remove: 4, blind: 2, read: 1, 'blind-remove': 1 },
    keys: 12
  },
  session: {
    ...relaxed,
    name: 'session',
    summary: 'reads and writes with primaries alone: reads must show what was acknowledged before they began',
    shares: { read: 6, update: 2, chain: 1, blind: 1 },
    keys: 6,
    isStrict: true
  }
})

export const workloadNames = Object.keys(workloads) as readonly WorkloadName[]

/** @param chance 0 ≤ chance < 1 */
export function chosenAction({ shares }: Workload, chance: number): Action {
  const entries = Object.entries(shares) as [Action, number][]
  let left = chance * entries.reduce((sum, [, share]) => sum + share, 0)
  for (const [action, share] of entries) {
    left -= share
    if (left < 0) return action
  }
  return entries[0]![0]
}

/** Every third key of `recreate` is also deleted blindly; the others are not, so that the order of all their writes is known. */
export function mayBeBlindlyDeleted(index: number): boolean {
  return index % 3 === 2
}

export function keyOfWorkload(name: WorkloadName, index: number): Key {
  return keyOfText(name, `k${index}`)
}
