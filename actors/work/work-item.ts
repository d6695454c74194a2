import { isRunning, type Leasable, leasable, type LeaseTerms } from '../../model/lease.ts'
import { limits } from '../../model/limits.ts'
import { type WorkFigures, type WorkItem, type WorkKind, workLeaseMs } from './work-protocol.ts'
import type { WorkWanted } from './work-wanted.ts'

/** A piece of work as its keeper has it. */
export interface KeptItem extends Leasable {
  readonly job: string
  readonly kind: WorkKind
  readonly subject: string
  incarnation: number
  lost: number
  runs: number
  figures: WorkFigures
  totals: WorkFigures
  /** Hints for it may lie here: look for them often. */
  mayHold: boolean
  /** No run has ended in order yet since its host came back, or this one was started. */
  afterReturn: boolean
}

/** When work of a kind is done; each time is drawn from ¾ to 5/4 of it, so that hosts and items do not march in step. */
interface Rhythm {
  /** So long a due item gives way to kinds that yield less. */
  readonly yieldMs: number
  readonly periodMs: number
  /** After a run that left something to do. */
  readonly againMs: number
  /** After the item came to be. */
  readonly firstMs: number
  /** After its host came back, or the ring moved. */
  readonly backMs: number
}

export const rhythms: Readonly<Record<WorkKind, Rhythm>> = {
  handoff: { yieldMs: 0, periodMs: 60_000, againMs: 1_000, firstMs: 1_000, backMs: 200 },
  exchange: { yieldMs: 30_000, periodMs: 20_000, againMs: 2_000, firstMs: 10_000, backMs: 4_000 },
  scrub: { yieldMs: 600_000, periodMs: 86_400_000, againMs: 5_000, firstMs: 86_400_000, backMs: 86_400_000 },
  // It does not end by itself: a run is for as long as its host leads.
  scale: { yieldMs: 0, periodMs: 1_000, againMs: 1_000, firstMs: 1_000, backMs: 1_000 },
  replicate: { yieldMs: 0, periodMs: 8_000, againMs: 1_000, firstMs: 4_000, backMs: 300 },
  bridge: { yieldMs: 60_000, periodMs: 60_000, againMs: 5_000, firstMs: 15_000, backMs: 5_000 },
  clear: { yieldMs: 60_000, periodMs: 600_000, againMs: 15_000, firstMs: 60_000, backMs: 10_000 }
}
/** A handoff looks again after this while hints may lie here. */
const hintsMs = 10_000
/** After a part: by then the others are through with theirs, as a rule, and little is left to compare. */
const partMs = 6_000

export const terms: LeaseTerms = {
  leaseMs: workLeaseMs,
  crashesMax: 3,
  backoff: { baseMs: 1_000, maxMs: 60_000 },
  runningMax: limits.workersMax
}

/** How long after a run the next one begins, more or less. @param again it left something to do @param isPart it was about a part */
export function restMsOf(item: KeptItem, again: boolean, isPart: boolean): number {
  const { periodMs, againMs } = rhythms[item.kind]
  if (isPart && !again) return partMs
  return again ? againMs : item.kind === 'handoff' && item.mayHold ? hintsMs : periodMs
}

/** @param chance 0 ≤ x < 1 */
export function drawn(ms: number, chance: number): number {
  return ms * (0.75 + chance / 2)
}

export function itemOf({ job, kind, subject, isReady, incarnation }: WorkWanted, nowMs: number, chance: number): KeptItem {
  const { yieldMs, firstMs } = rhythms[kind]
  return {
    ...leasable(yieldMs, nowMs + firstMs * chance, isReady),
    job,
    kind,
    subject,
    incarnation,
    lost: 0,
    runs: 0,
    figures: {},
    totals: {},
    // What this host kept before it was started, it does not know yet.
    mayHold: true,
    afterReturn: true
  }
}

/** What was done in the run that has ended counts, however it ended. */
export function settle(item: KeptItem): void {
  const totals: Record<string, number> = { ...item.totals }
  for (const [name, figure] of Object.entries(item.figures)) totals[name] = (totals[name] ?? 0) + figure
  item.totals = totals
}

export function shown(item: KeptItem): WorkItem {
  const { job, kind, subject, isReady, fence, lost, runs, figures, totals } = item
  return {
    job,
    kind,
    subject,
    state: isRunning(item) ? 'running' : 'waiting',
    ready: isReady,
    fence,
    lost,
    runs,
    figures,
    totals
  }
}
