import type { Counter, Metrics } from '../../runtime/metrics.ts'
import type { DotClock, Store } from '../../storage/store.ts'

/** Hints of one partition, as its vnode keeps them. */
export interface PartitionHints {
  /** Uid of the host that is to have them → how many are on the disk. */
  readonly pending: Map<number, number>
  /** Targets for which there may be some, those that are being written among them. */
  readonly targets: Set<number>
  /** Writes and erasures under way. */
  unsettled: number
  /** Whether everything that this host minted here as a stand-in is still here: see `writeStandIn`. */
  isComplete: boolean
}

export interface HintFigures {
  readonly created: number
  readonly superseded: number
  readonly delivered: number
  readonly pending: number
}

interface HintCounters {
  readonly created: Counter
  readonly superseded: Counter
  readonly delivered: Counter
}

/**
 * What became of the hints of one data thread since it started: created = delivered + superseded + pending, always.
 * A hint that was found on the disk at the start counts as created. It outlives the vnodes, so that one that is restarted counts on.
 */
export class HintLedger {
  readonly #partitions = new Map<number, PartitionHints>()
  readonly #isFresh: boolean
  #created = 0
  #superseded = 0
  #delivered = 0
  #pending = 0
  #counters: HintCounters | undefined

  /** @param isFresh the thread's vnode id is new: it has minted nothing before the thread started */
  constructor(isFresh: boolean) {
    this.#isFresh = isFresh
  }

  /** By name: a later call with the metrics of the same thread changes nothing. */
  report(metrics: Metrics): void {
    if (this.#counters !== undefined) return
    this.#counters = {
      created: metrics.counter('hints_created_total', 'Hints kept for hosts that were away; those found at the start among them'),
      superseded: metrics.counter('hints_superseded_total', 'Hints that a later one for the same host and key took in'),
      delivered: metrics.counter('hints_delivered_total', 'Hints that arrived, and were forgotten here')
    }
    metrics.observe('hints_pending', 'Hints on the disk', () => this.#pending)
  }

  /** undefined: not opened yet. */
  partition(partition: number): PartitionHints | undefined {
    return this.#partitions.get(partition)
  }

  /** @param found what is on the disk: uid of the target → how many */
  open(partition: number, found: ReadonlyMap<number, number>): PartitionHints {
    const hints: PartitionHints = {
      pending: new Map(found),
      targets: new Set(found.keys()),
      unsettled: 0,
      isComplete: this.#isFresh
    }
    this.#partitions.set(partition, hints)
    for (const count of found.values()) {
      this.#created += count
      this.#pending += count
      this.#counters?.created.add(count)
    }
    return hints
  }

  /** A hint is on the disk. @param replaced there was one for the same target and key */
  kept(hints: PartitionHints, target: number, replaced: boolean): void {
    this.#created++
    this.#counters?.created.add()
    if (replaced) {
      this.#superseded++
      this.#counters?.superseded.add()
      return
    }
    this.#count(hints, target, 1)
  }

  /** A hint arrived where it belongs, and is erased. */
  delivered(hints: PartitionHints, target: number): void {
    this.#delivered++
    this.#counters?.delivered.add()
    this.#count(hints, target, -1)
  }

  /** A write or an erasure is through, whatever came of it; to be told after what did. */
  settled(hints: PartitionHints): void {
    hints.unsettled--
    if (hints.unsettled > 0 || hints.targets.size === hints.pending.size) return
    for (const target of hints.targets) if (!hints.pending.has(target)) hints.targets.delete(target)
  }

  /** Below zero for a while where a hint is erased sooner than it is flushed: an erasure waits for no flush. */
  #count(hints: PartitionHints, target: number, by: number): void {
    this.#pending += by
    const pending = (hints.pending.get(target) ?? 0) + by
    if (pending === 0) hints.pending.delete(target)
    else hints.pending.set(target, pending)
  }

  get figures(): HintFigures {
    return { created: this.#created, superseded: this.#superseded, delivered: this.#delivered, pending: this.#pending }
  }

  /** What waits, by partition and target. */
  *pending(): Generator<{ readonly partition: number; readonly target: number; readonly pending: number }> {
    for (const [partition, hints] of this.#partitions) {
      for (const [target, pending] of hints.pending) if (pending > 0) yield { partition, target, pending }
    }
  }

  /** Uids of the hosts for which hints wait. */
  targets(): number[] {
    const targets = new Set<number>()
    for (const { target } of this.pending()) targets.add(target)
    return [...targets]
  }
}

const byStore = new WeakMap<Store, HintLedger>()

/** The ledger of the thread whose store it is. To be made before the thread mints anything. */
export function hintLedgerOf(store: Store, dots: DotClock): HintLedger {
  let ledger = byStore.get(store)
  // The first number of an id that never minted anything is 1.
  if (ledger === undefined) byStore.set(store, (ledger = new HintLedger(dots.next() === 1)))
  return ledger
}
