/** How leases of this keeper go. */
export interface LeaseTerms {
  /** A lease holds so long after its grant and after each renewal. */
  readonly leaseMs: number
  /** A holder may come back from so many crashes under one lease; one more, and it has lost it. */
  readonly crashesMax: number
  /** Rest of an item after its n-th loss in a row: base × 2^(n−1), at most max, at random between half of it and all. */
  readonly backoff: { readonly baseMs: number; readonly maxMs: number }
  readonly runningMax: number
}

/** A piece of work that one at a time may hold. Changed in place by the functions below. */
export interface Leasable {
  /** Whether it makes sense to begin it now. */
  isReady: boolean
  /** When it is to begin; while it runs: when it began. */
  dueMs: number
  /** So long it gives way to others that are due: work of less weight waits longer, but never for ever. */
  readonly yieldMs: number
  /** Of the last lease; 0: there was none. It rises with each lease, so that an old holder is known by it. */
  fence: number
  /** End of the lease; undefined: nobody holds it. */
  untilMs: number | undefined
  /** Incarnation of the holder, as it said itself; 0: it has not said anything. */
  holder: number
  /** Of the holder, under this lease. */
  crashes: number
  /** Leases lost one after the other. */
  misses: number
  /** It was asked for while it ran: begin anew at its end. */
  isWantedAgain: boolean
}

export type Renewal = 'held' | 'restarted' | 'exhausted' | 'lapsed'

export function leasable(yieldMs: number, dueMs: number, isReady: boolean): Leasable {
  return {
    isReady,
    dueMs,
    yieldMs,
    fence: 0,
    untilMs: undefined,
    holder: 0,
    crashes: 0,
    misses: 0,
    isWantedAgain: false
  }
}

export function isRunning(item: Leasable): boolean {
  return item.untilMs !== undefined
}

/** @returns the item to begin now: of those that are due the one that has waited longest, what it yields counted in */
export function nextToRun<T extends Leasable>(items: Iterable<T>, nowMs: number, { runningMax }: LeaseTerms): T | undefined {
  let running = 0
  let best: T | undefined
  for (const item of items) {
    if (isRunning(item)) {
      running++
      if (running >= runningMax) return undefined
    } else if (item.isReady && item.dueMs <= nowMs) {
      if (best === undefined || item.dueMs + item.yieldMs < best.dueMs + best.yieldMs) best = item
    }
  }
  return best
}

/** @param fence higher than any before */
export function grant(item: Leasable, fence: number, nowMs: number, terms: LeaseTerms): void {
  if (!(fence > item.fence)) throw new RangeError(`a fence rises with each lease: ${fence} does not follow ${item.fence}`)
  item.fence = fence
  item.untilMs = nowMs + terms.leaseMs
  item.dueMs = nowMs
  item.holder = 0
  item.crashes = 0
  item.isWantedAgain = false
}

/**
 * The holder says that it lives.
 * @param holder its incarnation: another one under the same fence has been started again after a crash
 */
export function renew(item: Leasable, fence: number, holder: number, nowMs: number, terms: LeaseTerms): Renewal {
  if (!isRunning(item) || fence !== item.fence || holder < item.holder) return 'lapsed'
  const isAnother = item.holder !== 0 && holder !== item.holder
  item.holder = holder
  if (isAnother) {
    item.crashes++
    if (item.crashes > terms.crashesMax) return 'exhausted'
  }
  item.untilMs = nowMs + terms.leaseMs
  return isAnother ? 'restarted' : 'held'
}

/** The holder is through. @returns false where it had lost the lease before */
export function finish(item: Leasable, fence: number, nowMs: number, restMs: number): boolean {
  if (!isRunning(item) || fence !== item.fence) return false
  item.untilMs = undefined
  item.misses = 0
  item.dueMs = item.isWantedAgain ? nowMs : nowMs + restMs
  item.isWantedAgain = false
  return true
}

/** Nobody holds it any more. @param chance 0 ≤ x < 1 */
export function lose(item: Leasable, nowMs: number, chance: number, { backoff }: LeaseTerms): void {
  item.untilMs = undefined
  item.misses++
  item.isWantedAgain = false
  const most = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(item.misses - 1, 30))
  item.dueMs = nowMs + most * (0.5 + chance / 2)
}

/** It made no sense to go on: begin again when it does. That is nobody's failure. */
export function revoke(item: Leasable, nowMs: number): void {
  item.untilMs = undefined
  item.isWantedAgain = false
  item.dueMs = nowMs
}

/** Begin it at `atMs` at the latest. What rests after a loss goes on resting. */
export function hasten(item: Leasable, atMs: number): void {
  if (isRunning(item)) item.isWantedAgain = true
  else if (item.misses === 0) item.dueMs = Math.min(item.dueMs, atMs)
}

/** Begin it at `atMs`, whatever was before: losses of the past say nothing any more. */
export function schedule(item: Leasable, atMs: number): void {
  item.misses = 0
  if (isRunning(item)) item.isWantedAgain = true
  else item.dueMs = atMs
}

export function hasLapsed(item: Leasable, nowMs: number): boolean {
  return item.untilMs !== undefined && item.untilMs <= nowMs
}

/** @returns when there will be something to do, as far as time alone decides; Infinity: never */
export function nextLookMs(items: Iterable<Leasable>, { runningMax }: LeaseTerms): number {
  let running = 0
  let lapse = Number.POSITIVE_INFINITY
  let due = Number.POSITIVE_INFINITY
  for (const item of items) {
    if (item.untilMs !== undefined) {
      running++
      lapse = Math.min(lapse, item.untilMs)
    } else if (item.isReady) due = Math.min(due, item.dueMs)
  }
  return running >= runningMax ? lapse : Math.min(lapse, due)
}
