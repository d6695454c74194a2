import { limits } from './limits.ts'

/** One change of the ring that an operator has staged. Hosts by uid: names can pass to others. */
export type StagedChange =
  /** A newcomer that waits takes its place. */
  | { readonly kind: 'join'; readonly uid: number }
  | { readonly kind: 'leave'; readonly uid: number }
  | { readonly kind: 'weight'; readonly uid: number; readonly weight: number }
  /** `uid`, which waits or joins, takes the place of `replaced`. `isDead`: that one was down then, and is not waited for if it still is. */
  | { readonly kind: 'replace'; readonly uid: number; readonly replaced: number; readonly isDead: boolean }

/**
 * What an operator, or the autoscaler, has staged. It lives in the row of the host that was asked, its keeper: so every host shows it, and it survives a restart of
 * the keeper. Whose change it is begins it once all before it are done, by what the rows say: nobody keeps count.
 */
export interface Plan {
  /** Higher than any ticket when it was begun. */
  readonly id: number
  readonly isCommitted: boolean
  /** Nothing further begins, and nothing is fetched. */
  readonly isPaused: boolean
  /** That each host may fetch in a second; 0: as fast as it can. */
  readonly bytesPerSecond: number
  /** In the order of their turns. */
  readonly changes: readonly StagedChange[]
  /** Who submitted it; left out: an operator. */
  readonly by?: 'autoscaler'
}

/** The same text for the same plan, on every host: for hashes, and on the wire. */
export function planText({ id, isCommitted, isPaused, bytesPerSecond, changes, by }: Plan): string {
  const rows = changes.map(change =>
    change.kind === 'weight'
      ? [change.kind, change.uid, change.weight]
      : change.kind === 'replace'
        ? [change.kind, change.uid, change.replaced, change.isDead]
        : [change.kind, change.uid]
  )
  return JSON.stringify([id, isCommitted, isPaused, bytesPerSecond, rows, ...(by === undefined ? [] : [by])])
}

/** What `planText` made. @returns undefined for anything else: too many changes, or of a kind that is not known */
export function planOfText(text: string): Plan | undefined {
  let said: unknown
  try {
    said = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(said)) return undefined
  const [id, isCommitted, isPaused, bytesPerSecond, rows, by] = said as unknown[]
  if (!isCount(id) || !isCount(bytesPerSecond) || typeof isCommitted !== 'boolean' || typeof isPaused !== 'boolean')
    return undefined
  if (!Array.isArray(rows) || rows.length > limits.planChangesMax) return undefined
  const changes = rows.map(changeOf)
  if (changes.some(change => change === undefined)) return undefined
  const plan = { id, isCommitted, isPaused, bytesPerSecond, changes: changes as StagedChange[] }
  return by === 'autoscaler' ? { ...plan, by } : plan
}

function changeOf(row: unknown): StagedChange | undefined {
  if (!Array.isArray(row)) return undefined
  const [kind, uid, more, isDead] = row as unknown[]
  if (!isCount(uid)) return undefined
  if (kind === 'join' || kind === 'leave') return { kind, uid }
  if (kind === 'weight' && typeof more === 'number' && isWeight(more)) return { kind, uid, weight: more }
  if (kind === 'replace' && isCount(more) && typeof isDead === 'boolean') return { kind, uid, replaced: more, isDead }
  return undefined
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Whether a host may have it. */
export function isWeight(weight: number): boolean {
  return weight >= limits.weightMin && weight <= limits.weightMax
}
