import type { Key } from '../../model/key.ts'
import type { BackupDirectory } from './backup-directory.ts'
import type { PartCut } from './manifest.ts'
import { DamagedSegment, type SegmentEntry } from './segment-format.ts'
import { entriesOf } from './segment-reader.ts'

export interface PartRecord {
  readonly key: Key
  readonly record: Uint8Array
}

/**
 * All records of one partition of a cut, ascending by key: of each key what the last segment says that knows it.
 * @throws {DamagedSegment} naming the file
 */
export async function* recordsOfPart(
  directory: BackupDirectory,
  { partition, segments }: Pick<PartCut, 'partition' | 'segments'>,
  partitions: number
): AsyncGenerator<PartRecord> {
  const readers = segments.map(({ hash }) => {
    const path = directory.segmentPath(hash)
    return named(path, entriesOf(path, { partition, partitions }))
  })
  try {
    const heads = await Promise.all(readers.map(next))
    for (;;) {
      let key: Key | undefined
      for (const head of heads) if (head !== undefined && (key === undefined || head.key < key)) key = head.key
      if (key === undefined) return
      let newest: SegmentEntry | undefined
      for (const [index, head] of heads.entries()) {
        if (head?.key !== key) continue
        newest = head
        heads[index] = await next(readers[index]!)
      }
      if (newest?.record !== undefined) yield { key, record: newest.record }
    }
  } finally {
    await Promise.all(readers.map(reader => reader.return(undefined)))
  }
}

async function next(reader: AsyncGenerator<SegmentEntry>): Promise<SegmentEntry | undefined> {
  const { value, done } = await reader.next()
  return done === true ? undefined : value
}

/** What is wrong, with the name of the file. */
async function* named(path: string, entries: AsyncGenerator<SegmentEntry>): AsyncGenerator<SegmentEntry> {
  try {
    yield* entries
  } catch (error) {
    if (error instanceof DamagedSegment) throw new DamagedSegment(`${path}: ${error.message}`)
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new DamagedSegment(`${path} is missing`)
    throw error
  }
}
