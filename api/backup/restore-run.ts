import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { Pace } from '../../model/pace.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { CutBegun } from '../admin-backup.ts'
import type { RestoredRecord, RestoreOutcome } from '../restore-outcome.ts'
import type { BackupDirectory } from './backup-directory.ts'
import { type CutRequests, isPassing, pause, pauseBetween } from './cut-requests.ts'
import type { Manifest, PartCut } from './manifest.ts'
import { type PartRecord, recordsOfPart } from './part-records.ts'

export interface RestoreOptions {
  readonly isDry: boolean
  readonly asNew: boolean
  readonly bucket: string | undefined
  readonly inFlightMax: number
  readonly bytesPerSecond: number
  /** More cuts of that cluster are going to follow: the restore stays open. */
  readonly staysOpen: boolean
}

export interface RestoreFigures extends Record<RestoreOutcome, number> {
  /** Records of the cut that were dealt with. */
  records: number
  bytes: number
  bucketsSet: number
  /** Buckets that have properties here: they stay. */
  bucketsKept: number
}

/** Told of each record that is not restored as it is. */
export interface NotRestored {
  readonly key: Key
  readonly outcome: RestoreOutcome
  readonly why: string
}

const batchBytesMax = 256 * 1024
const attemptsMax = 6
const slowMs = 1_000
const slowestShare = 64

/** One restore, with figures that can be watched while it runs. Run again, it goes on: what is there already is left alone. */
export class RestoreRun {
  readonly figures: RestoreFigures = {
    records: 0,
    bytes: 0,
    bucketsSet: 0,
    bucketsKept: 0,
    new: 0,
    merged: 0,
    known: 0,
    deleted: 0,
    obsolete: 0,
    minted: 0,
    failed: 0
  }
  /** Hosts that were not told that the restore is over. */
  unreached: readonly string[] = []
  readonly #requests: CutRequests
  readonly #directory: BackupDirectory
  readonly #clock: Clock
  readonly #options: RestoreOptions
  readonly #onRefusal: (refusal: NotRestored) => void
  readonly #pace: Pace

  constructor(
    requests: CutRequests,
    directory: BackupDirectory,
    clock: Clock,
    options: RestoreOptions,
    onRefusal: (refusal: NotRestored) => void
  ) {
    this.#requests = requests
    this.#directory = directory
    this.#clock = clock
    this.#options = options
    this.#onRefusal = onRefusal
    const bytesPerSecondMax = Math.max(1, options.bytesPerSecond / options.inFlightMax)
    this.#pace = new Pace({ bytesPerSecondMax, bytesPerSecondMin: bytesPerSecondMax / slowestShare, slowMs })
  }

  /** @throws {StoreError} the cluster does not answer, or refuses: what is restored stays, and the restore stays open */
  async run(cut: Manifest, signal: AbortSignal): Promise<void> {
    const { isDry, staysOpen } = this.#options
    const begun = await this.#retried(() => this.#requests.begin())
    const buckets = await this.#setBuckets(cut, begun)
    if (!isDry) await this.#everywhere(begun, (from, count) => this.#requests.openRestore(cut.cluster_id, from, count))
    await this.#restoreParts(cut, begun, buckets, signal)
    // Whoever interrupts it means to go on; and what failed is to be tried again.
    if (!isDry && !signal.aborted && this.figures.failed === 0 && !staysOpen) await this.#close(cut, begun)
  }

  /** It is given up, or done: floors may be raised again. */
  async close(cut: Manifest): Promise<void> {
    await this.#close(cut, await this.#retried(() => this.#requests.begin()))
  }

  async #close({ cluster_id }: Manifest, begun: CutBegun): Promise<void> {
    const unreached = new Set<string>()
    await this.#everywhere(begun, async (from, count) => {
      for (const host of await this.#requests.closeRestore(cluster_id, from, count)) unreached.add(host)
    })
    this.unreached = [...unreached].sort()
  }

  async #everywhere({ partitions }: CutBegun, ask: (from: number, count: number) => Promise<void>): Promise<void> {
    const count = Math.min(limits.restorePartitionsMax, partitions)
    for (let from = 0; from < partitions; from += count) await this.#retried(() => ask(from, Math.min(count, partitions - from)))
  }

  /** @returns the n of those that were set, for every host to know before it takes records of them */
  async #setBuckets(cut: Manifest, begun: CutBegun): Promise<readonly (readonly [string, number])[]> {
    const known: [string, number][] = []
    for (const [bucket, properties] of Object.entries(cut.buckets)) {
      if (this.#options.bucket !== undefined && bucket !== this.#options.bucket) continue
      if (Object.hasOwn(begun.buckets, bucket)) {
        this.figures.bucketsKept++
        continue
      }
      this.figures.bucketsSet++
      if (this.#options.isDry) continue
      await this.#retried(() => this.#requests.bucketSet(bucket, properties))
      if (properties.n !== undefined) known.push([bucket, properties.n])
    }
    return known
  }

  async #restoreParts(
    cut: Manifest,
    begun: CutBegun,
    buckets: readonly (readonly [string, number])[],
    signal: AbortSignal
  ): Promise<void> {
    const waiting = [...cut.parts].reverse()
    const isForeign = cut.cluster_id !== begun.cluster_id
    let failure: { readonly error: unknown } | undefined
    const work = async (): Promise<void> => {
      for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
        try {
          for await (const pairs of this.#batches(cut, part)) {
            if (signal.aborted || failure !== undefined) return
            await this.#restoreBatch(pairs, isForeign, buckets)
          }
        } catch (error) {
          failure ??= { error }
        }
      }
    }
    await Promise.all(Array.from({ length: this.#options.inFlightMax }, work))
    if (failure !== undefined) throw failure.error
  }

  async *#batches(cut: Manifest, part: PartCut): AsyncGenerator<readonly PartRecord[]> {
    const { bucket } = this.#options
    let batch: PartRecord[] = []
    let bytes = 0
    for await (const pair of recordsOfPart(this.#directory, part, cut.partitions)) {
      if (bucket !== undefined && !pair.key.startsWith(`${bucket}\0`)) continue
      const size = pair.key.length + pair.record.length
      if (batch.length > 0 && (batch.length === limits.restoreRecordsMax || bytes + size > batchBytesMax)) {
        yield batch
        batch = []
        bytes = 0
      }
      batch.push(pair)
      bytes += size
    }
    if (batch.length > 0) yield batch
  }

  async #restoreBatch(
    pairs: readonly PartRecord[],
    isForeign: boolean,
    buckets: readonly (readonly [string, number])[]
  ): Promise<void> {
    const { isDry, asNew } = this.#options
    let left = pairs
    for (let attempt = 1; left.length > 0; attempt++) {
      const startMs = this.#clock.now()
      const asked = left
      const outcomes = await this.#retried(() => this.#requests.restore({ pairs: asked, isDry, asNew, isForeign, buckets }))
      const again: PartRecord[] = []
      for (const [index, restored] of outcomes.entries()) {
        const pair = asked[index]!
        if (restored.mayRetry && attempt < attemptsMax) again.push(pair)
        else this.#count(pair, restored)
      }
      const bytes = asked.reduce((sum, { key, record }) => sum + key.length + record.length, 0)
      await pause(this.#clock, this.#pace.stepped(bytes, this.#clock.now() - startMs))
      if (again.length > 0) await pauseBetween(this.#clock, attempt)
      left = again
    }
  }

  #count({ key, record }: PartRecord, { outcome, why }: RestoredRecord): void {
    this.figures.records++
    this.figures.bytes += key.length + record.length
    this.figures[outcome]++
    if (outcome === 'failed' || outcome === 'obsolete' || outcome === 'deleted') this.#onRefusal({ key, outcome, why })
  }

  async #retried<T>(ask: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask()
      } catch (error) {
        if (!isPassing(error) || attempt === attemptsMax) throw error
        await pauseBetween(this.#clock, attempt)
      }
    }
  }
}
