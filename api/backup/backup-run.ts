import { classesHash } from '../../actors/vnode/key-classes.ts'
import { Pace } from '../../model/pace.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { CutBegun } from '../admin-backup.ts'
import { CommandFailure } from '../cli/terminal.ts'
import { BackupJournal } from './backup-journal.ts'
import { type BackupDirectory, cutIdOf } from './backup-directory.ts'
import type { CutRequests } from './cut-requests.ts'
import type { Manifest, PartCut } from './manifest.ts'
import { backUpPart, Interrupted, type PartTerms } from './part-backup.ts'
import { classesOfCut } from './record-trees.ts'

export interface BackupOptions {
  readonly isIncremental: boolean
  readonly isResumed: boolean
  readonly isPartial: boolean
  readonly bucket: string | undefined
  /** Partitions side by side. */
  readonly inFlightMax: number
  readonly bytesPerSecond: number
  readonly patienceMs: number
}

export interface BackupFigures {
  /** Partitions that are done, of so many. */
  done: number
  partitions: number
  /** Of the partitions that are done: as the parent has them. */
  unchanged: number
  /** Read from the cluster by this run. */
  read: number
  readBytes: number
}

/** A page that takes longer delays requests beside it. */
const slowMs = 400
const slowestShare = 64

/** One cut of a cluster, with figures that can be watched while it is made. */
export class BackupRun {
  readonly figures: BackupFigures = { done: 0, partitions: 0, unchanged: 0, read: 0, readBytes: 0 }
  readonly #requests: CutRequests
  readonly #directory: BackupDirectory
  readonly #clock: Clock
  readonly #options: BackupOptions
  readonly #say: (line: string) => void

  constructor(
    requests: CutRequests,
    directory: BackupDirectory,
    clock: Clock,
    options: BackupOptions,
    say: (line: string) => void
  ) {
    this.#requests = requests
    this.#directory = directory
    this.#clock = clock
    this.#options = options
    this.#say = say
  }

  /**
   * @returns the cut, whole and on the disk
   * @throws {Interrupted} the signal came: what is done is kept
   * @throws {CommandFailure} some partition cannot be read
   */
  async run(signal: AbortSignal): Promise<Manifest> {
    const { bucket, isResumed } = this.#options
    await this.#directory.prepare()
    const beganMs = this.#clock.wallMs()
    const begun = await this.#requests.begin()
    this.figures.partitions = begun.partitions
    const journal = isResumed ? await this.#goOn(begun) : undefined
    const parent = journal === undefined ? await this.#parentFor(begun) : await this.#parentOf(journal)
    const head = {
      cluster_id: begun.cluster_id,
      partitions: begun.partitions,
      bucket: bucket ?? null,
      parent: parent?.id ?? null,
      classes: classesHash(classesOfCut(begun))
    }
    const own =
      journal ??
      (await BackupJournal.begin(this.#directory, {
        id: cutIdOf(beganMs),
        began: new Date(beganMs).toISOString(),
        ...head
      }))
    try {
      for (const part of own.parts.values()) this.#countDone(part)
      await this.#readAll(this.#terms(begun, parent, signal), own)
    } finally {
      await own.close()
    }
    if (signal.aborted) throw new Interrupted()
    const parts = Array.from({ length: begun.partitions }, (_, partition) => own.parts.get(partition)!)
    const cut: Manifest = {
      version: 1,
      id: own.head.id,
      parent: parent?.id ?? null,
      cluster: begun.cluster,
      cluster_id: begun.cluster_id,
      partitions: begun.partitions,
      replicas: begun.replicas,
      hosts: begun.hosts,
      buckets: begun.buckets,
      bucket: bucket ?? null,
      began: own.head.began,
      ended: new Date(this.#clock.wallMs()).toISOString(),
      isPartial: parts.some(part => part.isPartial),
      parts
    }
    await this.#directory.writeManifest(cut)
    await own.remove()
    return cut
  }

  async #readAll(terms: PartTerms, journal: BackupJournal): Promise<void> {
    const waiting = Array.from({ length: terms.begun.partitions }, (_, partition) => partition)
      .filter(partition => !journal.parts.has(partition))
      .reverse()
    let failure: { readonly error: unknown } | undefined
    const work = async (): Promise<void> => {
      for (let partition = waiting.pop(); partition !== undefined; partition = waiting.pop()) {
        if (terms.signal.aborted || failure !== undefined) return
        try {
          const part = await backUpPart(terms, partition)
          await journal.add(part)
          this.#countDone(part)
        } catch (error) {
          failure ??= { error }
        }
      }
    }
    await Promise.all(Array.from({ length: this.#options.inFlightMax }, work))
    if (failure !== undefined) throw failure.error
  }

  #countDone({ isUnchanged }: PartCut): void {
    this.figures.done++
    if (isUnchanged) this.figures.unchanged++
  }

  #terms(begun: CutBegun, parent: Manifest | undefined, signal: AbortSignal): PartTerms {
    const { bucket, isPartial, inFlightMax, bytesPerSecond, patienceMs } = this.#options
    const bytesPerSecondMax = Math.max(1, bytesPerSecond / inFlightMax)
    return {
      requests: this.#requests,
      directory: this.#directory,
      clock: this.#clock,
      begun,
      classes: classesOfCut(begun),
      parent,
      bucket,
      isPartial,
      pace: new Pace({ bytesPerSecondMax, bytesPerSecondMin: bytesPerSecondMax / slowestShare, slowMs }),
      patienceMs,
      signal,
      counted: (records, bytes) => {
        this.figures.read += records
        this.figures.readBytes += bytes
      }
    }
  }

  async #goOn(begun: CutBegun): Promise<BackupJournal> {
    const journal = await BackupJournal.goOn(this.#directory)
    const { head } = journal
    const wrong =
      head.cluster_id !== begun.cluster_id || head.partitions !== begun.partitions
        ? 'is of another cluster'
        : head.bucket !== (this.#options.bucket ?? null)
          ? `is of ${head.bucket === null ? 'all buckets' : `bucket ${head.bucket}`}`
          : head.classes !== classesHash(classesOfCut(begun))
            ? 'began when the n of some bucket was another'
            : undefined
    if (wrong === undefined) {
      this.#say(`cut ${head.id} goes on: ${journal.parts.size} of ${begun.partitions} partitions are done`)
      return journal
    }
    await journal.close()
    throw new CommandFailure(`the interrupted backup ${head.id} ${wrong}: run this one without --resume`)
  }

  #parentOf({ head }: BackupJournal): Promise<Manifest | undefined> {
    return head.parent === null ? Promise.resolve(undefined) : this.#directory.manifest(head.parent)
  }

  /** The latest cut of the same cluster, partitions and bucket. */
  async #parentFor(begun: CutBegun): Promise<Manifest | undefined> {
    if (!this.#options.isIncremental) return undefined
    for (const id of (await this.#directory.cuts()).toReversed()) {
      const cut = await this.#directory.manifest(id)
      const isSame = cut.cluster_id === begun.cluster_id && cut.partitions === begun.partitions
      if (isSame && cut.bucket === (this.#options.bucket ?? null)) return cut
    }
    this.#say('there is no cut of this cluster to add to: all is read')
    return undefined
  }
}
