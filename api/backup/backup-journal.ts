import { type FileHandle, open, readFile, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailure } from '../cli/terminal.ts'
import type { BackupDirectory } from './backup-directory.ts'
import { isPart, type PartCut } from './manifest.ts'

/** What a cut is; one that is gone on with has to be the same. */
export interface JournalHead {
  readonly id: string
  readonly began: string
  readonly cluster_id: string
  readonly partitions: number
  readonly bucket: string | null
  readonly parent: string | null
  /** `classesHash`: by which classes of keys the roots are. */
  readonly classes: number
}

/** What a backup has done so far, a line for each partition, so that an interrupted one can be gone on with. */
export class BackupJournal {
  readonly head: JournalHead
  /** By partition. */
  readonly parts: Map<number, PartCut>
  readonly #path: string
  #file: FileHandle | undefined

  private constructor(head: JournalHead, parts: Map<number, PartCut>, path: string, file: FileHandle) {
    this.head = head
    this.parts = parts
    this.#path = path
    this.#file = file
  }

  static async begin(directory: BackupDirectory, head: JournalHead): Promise<BackupJournal> {
    const path = join(directory.unfinished, `${head.id}.ndjson`)
    const file = await open(path, 'wx')
    await file.appendFile(`${JSON.stringify(head)}\n`)
    await file.sync()
    return new BackupJournal(head, new Map(), path, file)
  }

  /** The latest that was interrupted. @throws {CommandFailure} there is none, or it cannot be gone on with */
  static async goOn(directory: BackupDirectory): Promise<BackupJournal> {
    const path = (await directory.journals()).at(-1)
    if (path === undefined) throw new CommandFailure(`${directory.path} holds no interrupted backup: run it without --resume`)
    const [first, ...lines] = (await readFile(path, 'utf8')).split('\n')
    const head = parsed(first ?? '') as JournalHead | undefined
    if (typeof head?.id !== 'string' || typeof head.cluster_id !== 'string')
      throw new CommandFailure(`${path} is damaged: delete it, and run the backup without --resume`)
    const parts = new Map<number, PartCut>()
    for (const line of lines) {
      const part = parsed(line)
      // The last line may have been cut short.
      if (isPart(part) && (await directory.has(part.segments))) parts.set(part.partition, part)
    }
    const file = await open(path, 'a')
    // Whatever was cut short ends here.
    await file.appendFile('\n')
    return new BackupJournal(head, parts, path, file)
  }

  async add(part: PartCut): Promise<void> {
    this.parts.set(part.partition, part)
    await this.#file!.appendFile(`${JSON.stringify(part)}\n`)
    await this.#file!.datasync()
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  /** The manifest is written: nobody will go on with it. */
  async remove(): Promise<void> {
    await this.close()
    await unlink(this.#path)
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
