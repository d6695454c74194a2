import type { Ref } from '../../bus/bus.ts'

/**
 * Repair work of a host, one item at a time: `handoff/HOST` delivers the hints kept for a host, `exchange/HOST` compares trees with one,
 * `replicate/DC` gives another datacenter what it lacks, `bridge/HOST` compares trees with a host of another datacenter,
 * `scrub/THREAD` verifies records on the disk, `clear/HOST`, about the host itself, forgets what it owns no more. `scale/CLUSTER` is one for the whole
 * cluster: the host with the lowest uid of those that are up does it, and looks after the number of hosts. An item is leased to one worker actor; a lease that is not renewed lapses, and the
 * work keeper gives the item to another worker with a higher fence.
 */
export type WorkKind = 'handoff' | 'exchange' | 'scrub' | 'clear' | 'scale' | 'replicate' | 'bridge'

/** What has been done so far, in plain figures; which ones is the kind's own affair (`keys`, `bytes`, `repaired`, …). */
export type WorkFigures = Readonly<Record<string, number>>

/**
 * What a worker actor is started with. It says `renew` in its `start` and every `workRenewMs` (`work-lease.ts`), and stops where the
 * answer is `lapsed`. After a crash it is started again with the same arguments, and goes on under the same lease.
 */
export interface WorkArguments {
  /** Names the item: `KIND/SUBJECT`. */
  readonly job: string
  /** The host or thread that the work is about; 8 hex digits of the uid where that host is no member any more. */
  readonly subject: string
  /** Rises with each lease of the item: who holds a lower one has lost it. */
  readonly fence: number
  /** No run has ended in order yet since its host came back, or this one was started. */
  readonly afterReturn?: boolean
}

/** A lease holds so long after the last `renew`. */
export const workLeaseMs = 5_000
/** A worker says `renew` at least this often. */
export const workRenewMs = 1_000

/** The work keeper of a host: `HOST.system.work-keeper`. */
export type WorkMessage =
  /** From a worker, every `workRenewMs`. Answered by `lapsed` where the fence is old. */
  | {
      readonly kind: 'renew'
      readonly job: string
      readonly fence: number
      readonly figures: WorkFigures
      readonly replyTo: Ref<WorkReply>
    }
  /** From a worker that is through, just before it exits. `again`: there is more to do soon (with hints: some are left). */
  | {
      readonly kind: 'done'
      readonly job: string
      readonly fence: number
      readonly figures: WorkFigures
      readonly again: boolean
      /** It was about a part, as after a return; the whole is to be done soon. */
      readonly isPart?: boolean
    }
  /**
   * From a vnode of this host: it keeps hints for the hosts of these uids. Their handoff runs soon, and again until a run ends
   * without `again`. A uid that no member has gets an item of its own, `handoff/UIDHEX` (8 hex digits).
   */
  | { readonly kind: 'hints-pending'; readonly targets: readonly number[] }
  /** Do all items of these kinds now; those that run are begun once more at their end. Answered by `work`. */
  | { readonly kind: 'run'; readonly kinds: readonly WorkKind[]; readonly replyTo: Ref<WorkReply> }
  /** Answered by `work`. */
  | { readonly kind: 'describe-work'; readonly replyTo: Ref<WorkReply> }

export type WorkReply =
  /** Another holds the lease: stop, and change nothing more. */
  { readonly kind: 'lapsed' } | { readonly kind: 'work'; readonly host: string; readonly items: readonly WorkItem[] }

export interface WorkItem {
  readonly job: string
  readonly kind: WorkKind
  readonly subject: string
  readonly state: 'waiting' | 'running'
  /** Whether it could run now: the host that it is about is reachable; of `clear`: all are, and nobody joins or leaves. */
  readonly ready: boolean
  readonly fence: number
  /** Times a lease lapsed or its worker crashed since the host started. */
  readonly lost: number
  /** Runs about the whole that ended in order since the host started; one that was asked for by `run` is through when this has risen. */
  readonly runs: number
  /** Of the run under way, else of the last one. */
  readonly figures: WorkFigures
  /** Sums over all runs since the host started. */
  readonly totals: WorkFigures
}
