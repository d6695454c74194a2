import type { Counter, Metrics } from '../../runtime/metrics.ts'
import type { Store } from '../../storage/store.ts'

export interface OwedFigures {
  readonly created: number
  readonly superseded: number
  readonly delivered: number
  readonly pending: number
}

/** Notes of one partition for one datacenter. */
interface Debt {
  pending: number
  /** By the second in which the oldest missing write of a key was minted: how many keys. */
  readonly seconds: Map<number, number>
}

/** An outage of more seconds than these is counted into the oldest of them: memory stays bounded, and the age of the oldest exact. */
const secondsMax = 4_096

/**
 * What became of the notes of one data thread since it started: created = delivered + superseded + pending, always, once each has
 * settled. One that was found on the disk at the start counts as created. It outlives the vnodes, so that one that is restarted counts on.
 */
export class OwedLedger {
  /** Partition → datacenter's tag → what it is owed. */
  readonly #partitions = new Map<number, Map<number, Debt>>()
  #created = 0
  #superseded = 0
  #delivered = 0
  #counters: { readonly created: Counter; readonly superseded: Counter; readonly delivered: Counter } | undefined

  /** By name: a later call with the metrics of the same thread changes nothing. */
  report(metrics: Metrics, now: () => number): void {
    if (this.#counters !== undefined) return
    this.#counters = {
      created: metrics.counter(
        'owed_created_total',
        'Writes noted as missing in another datacenter; those found at the start among them'
      ),
      superseded: metrics.counter(
        'owed_superseded_total',
        'Such notes that a later write of the key took in, that nothing is left of, or whose datacenter was removed'
      ),
      delivered: metrics.counter('owed_delivered_total', 'Such notes erased since the other datacenter has the write')
    }
    metrics.observe('owed_keys', 'Keys that another datacenter lacks the latest write of', () => this.figures.pending)
    metrics.observe('owed_age_seconds', 'Age of the oldest write that another datacenter lacks', () => {
      const oldestMs = this.oldestMs(undefined)
      return oldestMs === undefined ? 0 : Math.max(0, (now() - oldestMs) / 1000)
    })
  }

  isOpen(partition: number): boolean {
    return this.#partitions.has(partition)
  }

  /** @param found what is on the disk: tag and time of each note. Said again, it takes the place of what was counted before */
  open(partition: number, found: Iterable<{ readonly tag: number; readonly sinceMs: number }>): void {
    const before = this.pendingIn(partition)
    this.#superseded += before
    this.#counters?.superseded.add(before)
    this.#partitions.set(partition, new Map())
    for (const { tag, sinceMs } of found) this.kept(partition, tag, sinceMs, false)
  }

  /** A note is taken. @param replaced there was one for the same datacenter and key, whose time it keeps */
  kept(partition: number, tag: number, sinceMs: number, replaced: boolean): void {
    this.#created++
    this.#counters?.created.add()
    if (replaced) {
      this.#superseded++
      this.#counters?.superseded.add()
    } else this.#count(partition, tag, sinceMs, 1)
  }

  /** A note is erased. @param isDelivered false: there was nothing left to deliver, or nobody to deliver it to */
  settled(partition: number, tag: number, sinceMs: number, isDelivered: boolean): void {
    if (isDelivered) this.#delivered++
    else this.#superseded++
    this.#counters?.[isDelivered ? 'delivered' : 'superseded'].add()
    this.#count(partition, tag, sinceMs, -1)
  }

  #count(partition: number, tag: number, sinceMs: number, by: number): void {
    const tags = this.#partitions.get(partition)
    if (tags === undefined) return
    let debt = tags.get(tag)
    if (debt === undefined) tags.set(tag, (debt = { pending: 0, seconds: new Map() }))
    debt.pending += by
    if (debt.pending === 0) return void tags.delete(tag)
    let second = Math.floor(sinceMs / 1000)
    if (!debt.seconds.has(second) && debt.seconds.size >= secondsMax) second = Math.min(...debt.seconds.keys())
    const count = (debt.seconds.get(second) ?? 0) + by
    if (count === 0) debt.seconds.delete(second)
    else debt.seconds.set(second, count)
  }

  get figures(): OwedFigures {
    let pending = 0
    for (const partition of this.#partitions.keys()) pending += this.pendingIn(partition)
    return { created: this.#created, superseded: this.#superseded, delivered: this.#delivered, pending }
  }

  /** Wall clock, to the second. undefined: nothing is missing there. @param tag undefined: of any datacenter */
  oldestMs(tag: number | undefined): number | undefined {
    let oldest: number | undefined
    for (const tags of this.#partitions.values()) {
      for (const [each, { seconds }] of tags) {
        if (tag !== undefined && each !== tag) continue
        for (const second of seconds.keys()) if (oldest === undefined || second < oldest) oldest = second
      }
    }
    return oldest === undefined ? undefined : oldest * 1000
  }

  pendingIn(partition: number): number {
    let pending = 0
    for (const debt of this.#partitions.get(partition)?.values() ?? []) pending += debt.pending
    return pending
  }

  /** What waits, by partition and datacenter's tag. */
  *pending(): Generator<{ readonly partition: number; readonly tag: number; readonly pending: number }> {
    for (const [partition, tags] of this.#partitions) {
      for (const [tag, { pending }] of tags) yield { partition, tag, pending }
    }
  }
}

const byStore = new WeakMap<Store, OwedLedger>()

/** The ledger of the thread whose store it is. */
export function owedLedgerOf(store: Store): OwedLedger {
  let ledger = byStore.get(store)
  if (ledger === undefined) byStore.set(store, (ledger = new OwedLedger()))
  return ledger
}
