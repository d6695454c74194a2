import type { KeyClasses } from '../../actors/vnode/key-classes.ts'
import type { Key } from '../../model/key.ts'
import { isDeleted } from '../../model/siblings.ts'
import { decodeSiblings, digestOf } from '../../model/siblings-codec.ts'
import type { BackupDirectory } from './backup-directory.ts'
import type { PartCut } from './manifest.ts'
import type { PartRecord } from './part-records.ts'
import { RecordTrees } from './record-trees.ts'
import type { SegmentHeader, WrittenSegment } from './segment-format.ts'
import { SegmentWriter } from './segment-writer.ts'

export type PartFigures = Pick<PartCut, 'records' | 'tombstones' | 'bytes' | 'trees' | 'segments'>

/** What a partition of the parent cut holds. */
export interface PartBase {
  readonly segments: readonly WrittenSegment[]
  /** Ascending by key. */
  readonly records: AsyncGenerator<PartRecord>
  /** Whether a key was asked for: of the others the parent is right. */
  readonly isAsked: (key: Key) => boolean
  /** All is written once more: there are too many segments on top of each other. */
  readonly isFolded: boolean
}

/** Takes the records of one partition, ascending by key, and writes what of them the parent does not have. */
export class PartWriter {
  readonly #writer: SegmentWriter
  readonly #trees: RecordTrees
  readonly #base: PartBase | undefined
  #held: PartRecord | undefined
  #isStarted = false
  #records = 0
  #tombstones = 0
  #bytes = 0

  constructor(
    directory: BackupDirectory,
    place: Omit<SegmentHeader, 'isDelta'>,
    classes: KeyClasses,
    base: PartBase | undefined
  ) {
    const isDelta = base !== undefined && !base.isFolded
    this.#writer = new SegmentWriter(directory, { ...place, isDelta })
    this.#trees = new RecordTrees(classes)
    this.#base = base
  }

  async add({ key, record }: PartRecord): Promise<void> {
    await this.#passBefore(key)
    const held = this.#held?.key === key ? this.#held : undefined
    this.#count(key, record)
    if (held !== undefined) {
      this.#held = await this.#nextHeld()
      if (this.#base?.isFolded === false && digestOf(held.record) === digestOf(record)) return
    }
    await this.#writer.add({ key, record })
  }

  /** No more come. */
  async finish(): Promise<PartFigures> {
    await this.#passBefore(undefined)
    const before = this.#base?.isFolded === false ? this.#base.segments : []
    const figures = { records: this.#records, tombstones: this.#tombstones, bytes: this.#bytes, trees: this.#trees.roots }
    if (this.#writer.entries === 0 && (before.length > 0 || this.#records === 0)) {
      await this.#writer.abandon()
      return { ...figures, segments: before }
    }
    return { ...figures, segments: [...before, await this.#writer.finish()] }
  }

  async abandon(): Promise<void> {
    await this.#base?.records.return(undefined)
    await this.#writer.abandon()
  }

  /** What the parent has and did not come: it is gone, where it was asked for. @param key undefined: to the end */
  async #passBefore(key: Key | undefined): Promise<void> {
    if (!this.#isStarted) {
      this.#isStarted = true
      this.#held = await this.#nextHeld()
    }
    for (let held = this.#held; held !== undefined; held = this.#held) {
      const { key: passed, record } = held
      if (key !== undefined && passed >= key) return
      const isGone = this.#base!.isAsked(passed)
      if (!isGone) this.#count(passed, record)
      if (isGone && !this.#base!.isFolded) await this.#writer.add({ key: passed, record: undefined })
      if (!isGone && this.#base!.isFolded) await this.#writer.add({ key: passed, record })
      this.#held = await this.#nextHeld()
    }
  }

  async #nextHeld(): Promise<PartRecord | undefined> {
    if (this.#base === undefined) return undefined
    const { value, done } = await this.#base.records.next()
    return done === true ? undefined : value
  }

  #count(key: Key, record: Uint8Array): void {
    this.#trees.add(key, record)
    this.#records++
    this.#bytes += key.length + record.length
    if (isDeleted(decodeSiblings(record))) this.#tombstones++
  }
}
