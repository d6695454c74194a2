import { createHash } from 'node:crypto'
import { MalformedBytes } from '../../model/dot-codec.ts'
import type { BackupDirectory } from './backup-directory.ts'
import { BadManifest, type Manifest, type PartCut } from './manifest.ts'
import { recordsOfPart } from './part-records.ts'
import { areRootsEqual, classesOfCut, RecordTrees } from './record-trees.ts'
import { DamagedSegment } from './segment-format.ts'
import { entriesOf } from './segment-reader.ts'

/** One thing that is not as it was written. */
export interface Damage {
  readonly cut: string
  /** null: the manifest. */
  readonly partition: number | null
  readonly file: string
  readonly what: string
}

export interface VerifyFigures {
  partitions: number
  /** Of `partitions`. */
  done: number
  segments: number
  records: number
  bytes: number
}

/** Reads cuts as a restore would, and more: every file against its name, every record against its checksum, every root against its records. */
export class VerifyRun {
  readonly damages: Damage[] = []
  readonly figures: VerifyFigures = { partitions: 0, done: 0, segments: 0, records: 0, bytes: 0 }
  readonly #directory: BackupDirectory
  readonly #onDamage: (damage: Damage) => void
  /** By hash: whether it is sound. Cuts share segments. */
  readonly #seen = new Map<string, boolean>()

  constructor(directory: BackupDirectory, onDamage: (damage: Damage) => void) {
    this.#directory = directory
    this.#onDamage = onDamage
  }

  /** Segments that no cut of those that were looked at needs. */
  async unused(): Promise<number> {
    return (await this.#directory.segmentHashes()).filter(hash => !this.#seen.has(hash)).length
  }

  async verify(ids: readonly string[], signal: AbortSignal): Promise<void> {
    const cuts: Manifest[] = []
    for (const id of ids) {
      try {
        cuts.push(await this.#directory.manifest(id))
      } catch (error) {
        if (!(error instanceof BadManifest)) throw error
        this.#found({ cut: id, partition: null, file: this.#directory.cutPath(id), what: error.message })
      }
    }
    this.figures.partitions = cuts.reduce((sum, { parts }) => sum + parts.length, 0)
    for (const cut of cuts) {
      for (const part of cut.parts) {
        if (signal.aborted) return
        await this.#verifyPart(cut, part)
        this.figures.done++
      }
    }
  }

  async #verifyPart(cut: Manifest, part: PartCut): Promise<void> {
    let isSound = true
    for (const segment of part.segments) {
      const known = this.#seen.get(segment.hash)
      const sound = known ?? (await this.#verifySegment(cut, part, segment))
      this.#seen.set(segment.hash, sound)
      if (known === false)
        this.#found({
          cut: cut.id,
          partition: part.partition,
          file: this.#directory.segmentPath(segment.hash),
          what: 'it is damaged, as said above'
        })
      isSound &&= sound
    }
    // What the records of a damaged file add up to says nothing more.
    if (isSound) await this.#verifyRoots(cut, part)
  }

  async #verifySegment(cut: Manifest, part: PartCut, { hash, bytes, entries }: PartCut['segments'][number]): Promise<boolean> {
    const file = this.#directory.segmentPath(hash)
    const before = this.damages.length
    const say = (what: string) => this.#found({ cut: cut.id, partition: part.partition, file, what })
    const digest = createHash('sha256')
    let count = 0
    try {
      const reading = { partition: part.partition, partitions: cut.partitions, hash: digest }
      const entriesRead = entriesOf(file, { ...reading, onDamage: ({ message }) => say(message) })
      for await (const { key, record } of entriesRead) {
        count++
        this.figures.bytes += key.length + (record?.length ?? 0)
      }
      if (this.damages.length === before && digest.digest('hex') !== hash) say('its bytes are not those that its name stands for')
      if (this.damages.length === before && count !== entries)
        say(`it has ${count} entries, the manifest says ${entries} (${bytes} bytes)`)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (error instanceof DamagedSegment) say(error.message)
      else if (code === 'ENOENT') say('it is missing')
      else if (code === 'EIO' || code === 'EACCES') say(`it cannot be read: ${(error as Error).message}`)
      else throw error
    }
    this.figures.segments++
    return this.damages.length === before
  }

  async #verifyRoots(cut: Manifest, part: PartCut): Promise<void> {
    const say = (what: string) =>
      this.#found({ cut: cut.id, partition: part.partition, file: this.#directory.cutPath(cut.id), what })
    const trees = new RecordTrees(classesOfCut(cut))
    let records = 0
    for await (const { key, record } of recordsOfPart(this.#directory, part, cut.partitions)) {
      records++
      try {
        trees.add(key, record)
      } catch (error) {
        if (!(error instanceof MalformedBytes)) throw error
        say(`the record of key ${JSON.stringify(key.slice(0, 80))} cannot be read: ${error.message}`)
        return
      }
    }
    this.figures.records += records
    if (records !== part.records) say(`it has ${records} records, the manifest says ${part.records}`)
    else if (!areRootsEqual(trees.roots, part.trees)) say('the Merkle root of its records is not the one in the manifest')
  }

  #found(damage: Damage): void {
    this.damages.push(damage)
    this.#onDamage(damage)
  }
}
