import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { BadManifest, decodeManifest, encodeManifest, type Manifest } from './manifest.ts'
import type { WrittenSegment } from './segment-format.ts'

const manifestName = /^(\d{8}T\d{6}Z-[0-9a-f]{4})\.json$/

/**
 * What a backup is kept in; any directory, a mounted object store as well:
 *
 *     cuts/ID.json            one manifest for each cut that is whole, written last
 *     segments/ab/HASH.seg    records, by the hash of the file: cuts share what has not changed
 *     unfinished/ID.ndjson    what a backup has done that was interrupted
 */
export class BackupDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get segments(): string {
    return join(this.path, 'segments')
  }

  get unfinished(): string {
    return join(this.path, 'unfinished')
  }

  segmentPath(hash: string): string {
    return join(this.segments, hash.slice(0, 2), `${hash}.seg`)
  }

  cutPath(id: string): string {
    return join(this.path, 'cuts', `${id}.json`)
  }

  /** Make what is missing of it. */
  async prepare(): Promise<void> {
    for (const name of ['cuts', 'segments', 'unfinished'])
      await mkdir(join(this.path, name), { recursive: true }).catch(error => {
        if ((error as NodeJS.ErrnoException).code !== 'ENOTDIR') throw error
        throw new BadManifest(`${this.path} is a file, or lies below one: name a directory, which is made where it is missing`)
      })
  }

  /** Ids of all cuts, the oldest first. @throws {BadManifest} there is no backup */
  async cuts(): Promise<readonly string[]> {
    const names = await namesIn(join(this.path, 'cuts'))
    if (names === undefined) throw new BadManifest(`${this.path} holds no backup: carillon backup makes one`)
    return names.flatMap(name => manifestName.exec(name)?.[1] ?? []).sort()
  }

  /** @param id undefined: the latest @throws {BadManifest} there is none, or it is damaged */
  async manifest(id: string | undefined): Promise<Manifest> {
    const cuts = await this.cuts()
    const wanted = id ?? cuts.at(-1)
    if (wanted === undefined) throw new BadManifest(`${this.path} holds no cut that is whole: carillon backup makes one`)
    if (!cuts.includes(wanted)) {
      const there = cuts.length === 0 ? 'there is none' : `there are ${cuts.slice(-10).join(', ')}`
      throw new BadManifest(`there is no cut ${JSON.stringify(wanted.slice(0, 64))} in ${this.path}: ${there}`)
    }
    const manifest = decodeManifest(await readFile(this.cutPath(wanted), 'utf8'), this.cutPath(wanted))
    if (manifest.id !== wanted) throw new BadManifest(`${this.cutPath(wanted)} is the manifest of cut ${manifest.id}`)
    return manifest
  }

  async writeManifest(manifest: Manifest): Promise<void> {
    await writeWhole(this.cutPath(manifest.id), encodeManifest(manifest))
  }

  /** Paths of what interrupted backups have left, the latest last. */
  async journals(): Promise<readonly string[]> {
    const names = (await namesIn(this.unfinished)) ?? []
    return names
      .filter(name => /^\d{8}T\d{6}Z-[0-9a-f]{4}\.ndjson$/.test(name))
      .sort()
      .map(name => join(this.unfinished, name))
  }

  /** Whether all of them are there, and as long as they were. */
  async has(segments: readonly WrittenSegment[]): Promise<boolean> {
    const sizes = await Promise.all(
      segments.map(({ hash }) =>
        stat(this.segmentPath(hash)).then(
          ({ size }) => size,
          () => -1
        )
      )
    )
    return segments.every(({ bytes }, index) => sizes[index] === bytes)
  }

  /** Hashes of all segments there are. */
  async segmentHashes(): Promise<readonly string[]> {
    const folders = (await namesIn(this.segments)) ?? []
    const names = await Promise.all(
      folders.filter(name => /^[0-9a-f]{2}$/.test(name)).map(folder => namesIn(join(this.segments, folder)))
    )
    return names.flatMap(each => each ?? []).flatMap(name => /^([0-9a-f]{64})\.seg$/.exec(name)?.[1] ?? [])
  }
}

/** Sorts by time. @param wallMs when the cut began */
export function cutIdOf(wallMs: number): string {
  const time = new Date(wallMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  return `${time}-${randomUUID().slice(0, 4)}`
}

/** After a crash it is there whole, or not at all. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
  const file = await open(temporary, 'wx')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await rename(temporary, path)
  } catch (error) {
    await unlink(temporary)
    throw error
  }
  await syncDirectory(dirname(path))
}

/** Make new names in it survive power loss, where its file system can. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } catch (error) {
    // Mounted object stores have nothing to flush.
    if (!['EINVAL', 'ENOTSUP', 'ENOSYS', 'EPERM', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    await directory.close()
  }
}

async function namesIn(path: string): Promise<string[] | undefined> {
  try {
    return await readdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
