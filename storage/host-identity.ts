import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { standInEpochs, vnodeIdOf } from '../model/version-vector.ts'
import type { Epoch } from './dot-clock.ts'
import { replaceFile } from './durable-file.ts'

export interface IdentityOptions {
  /** The host's data directory; made where there is none. */
  readonly directory: string
  readonly cluster: string
  readonly name: string
  /** Uniform in 0 … 2^32 - 1; from a source that no two hosts share. */
  readonly randomUint32: () => number
  /** The directory came from a backup or a snapshot: the host becomes another, since its old self may have gone on after it. */
  readonly restored?: boolean
  /**
   * The store was found empty. Where the host was here before it has lost its data, and becomes another: under its old identity it would
   * be asked for what it does not have any more.
   */
  readonly storeIsEmpty?: boolean
}

interface ThreadEpoch {
  readonly epoch: number
  readonly counter: number
}

/** `identity.json` in the data directory. */
interface IdentityFile {
  readonly version: 1
  readonly uid: number
  readonly cluster: string
  readonly name: string
  /** How often the host was started. */
  readonly generation: number
  /** The host was stopped in order; never true while it runs. */
  readonly clean: boolean
  /** The lowest epoch that was never used. */
  readonly nextEpoch: number
  /** By thread: what may be taken up again; empty unless `clean`. */
  readonly epochs: Readonly<Record<string, ThreadEpoch>>
}

/**
 * Who the host is, and which epochs its data threads mint dots in. A dot names one value for ever, so
 * an epoch is taken up again only after a stop in order, when its last counter is known; else a new one begins,
 * written down before it is used.
 */
export class HostIdentity {
  readonly #path: string
  #file: IdentityFile
  /** Left from the last clean stop and not taken up yet. */
  readonly #resumable: Map<number, ThreadEpoch>
  readonly #current = new Map<number, number>()
  /** Whether the run before ended in order; true for a new host. */
  readonly wasClean: boolean
  readonly isNew: boolean

  /** Use `openIdentity`. */
  constructor(path: string, file: IdentityFile, resumable: Map<number, ThreadEpoch>, wasClean: boolean, isNew: boolean) {
    this.#path = path
    this.#file = file
    this.#resumable = resumable
    this.wasClean = wasClean
    this.isNew = isNew
  }

  /** 0 ≤ uid < 2^32 */
  get uid(): number {
    return this.#file.uid
  }

  get cluster(): string {
    return this.#file.cluster
  }

  get name(): string {
    return this.#file.name
  }

  /** 1 at the first start, one more at each: orders the log segments of different runs. */
  get generation(): number {
    return this.#file.generation
  }

  /**
   * The epoch for a data thread that begins; ask again for each thread that replaces one that died.
   * On return it is on the disk that the epoch is used.
   * @throws {RangeError} all 2^19 epochs of this uid are used up: the upper half of them is for stand-ins
   */
  takeEpoch(thread: number): Epoch {
    const resumed = this.#resumable.get(thread)
    if (resumed !== undefined) {
      this.#resumable.delete(thread)
      this.#current.set(thread, resumed.epoch)
      return { vnode: vnodeIdOf(this.uid, resumed.epoch), counter: resumed.counter }
    }
    const epoch = this.#file.nextEpoch
    if (epoch >= standInEpochs)
      throw new RangeError(`all ${standInEpochs} epochs of this host are used up: let it join anew with an empty directory`)
    const vnode = vnodeIdOf(this.uid, epoch)
    this.#write({ ...this.#file, nextEpoch: epoch + 1 })
    this.#current.set(thread, epoch)
    return { vnode, counter: 0 }
  }

  /** @see closeIdentity */
  close(counters: ReadonlyMap<number, number>): void {
    const epochs: Record<string, ThreadEpoch> = {}
    for (const [thread, left] of this.#resumable) epochs[thread] = left
    for (const [thread, counter] of counters) {
      const epoch = this.#current.get(thread)
      if (epoch === undefined) throw new Error(`thread ${thread} never took an epoch`)
      epochs[thread] = { epoch, counter }
    }
    this.#write({ ...this.#file, clean: true, epochs })
  }

  #write(file: IdentityFile): void {
    replaceFile(this.#path, `${JSON.stringify(file, undefined, 2)}\n`)
    this.#file = file
  }
}

/**
 * Read the host's identity, or make one, and mark it as not cleanly stopped.
 * @throws {Error} the directory belongs to another host or cluster, or its identity cannot be read
 */
export function openIdentity(options: IdentityOptions): HostIdentity {
  mkdirSync(options.directory, { recursive: true })
  const path = join(options.directory, 'identity.json')
  const before = existsSync(path) ? readIdentity(path) : undefined
  if (before !== undefined && (before.cluster !== options.cluster || before.name !== options.name)) {
    const found = `host ${before.name} of cluster ${before.cluster}`
    const wanted = `${options.name} of ${options.cluster}`
    throw new Error(`${options.directory} holds the data of ${found}, not of ${wanted}: give each host a directory of its own`)
  }
  const isAnother = before !== undefined && (options.restored === true || options.storeIsEmpty === true)
  const resumes = before?.clean === true && !isAnother
  const resumable = new Map<number, ThreadEpoch>()
  if (resumes) for (const [thread, epoch] of Object.entries(before.epochs)) resumable.set(Number(thread), epoch)
  const file: IdentityFile = {
    version: 1,
    uid: before === undefined || isAnother ? options.randomUint32() >>> 0 : before.uid,
    cluster: options.cluster,
    name: options.name,
    generation: (before?.generation ?? 0) + 1,
    clean: false,
    nextEpoch: before === undefined || isAnother ? 0 : before.nextEpoch,
    epochs: {}
  }
  replaceFile(path, `${JSON.stringify(file, undefined, 2)}\n`)
  return new HostIdentity(path, file, resumable, before?.clean ?? true, before === undefined)
}

/**
 * The host stops in order: all stores are closed, nobody mints any more.
 * @param counters by thread, of each thread that ended in order: the last counter it gave out
 */
export function closeIdentity(identity: HostIdentity, counters: ReadonlyMap<number, number>): void {
  identity.close(counters)
}

function readIdentity(path: string): IdentityFile {
  let read: Partial<IdentityFile> | null
  try {
    read = JSON.parse(readFileSync(path, 'utf8')) as Partial<IdentityFile> | null
  } catch (error) {
    throw new Error(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}; ${whatToDo}`, {
      cause: error
    })
  }
  const numbers = [read?.uid, read?.generation, read?.nextEpoch]
  const intact =
    read?.version === 1 &&
    numbers.every(number => Number.isSafeInteger(number) && number! >= 0) &&
    typeof read.cluster === 'string' &&
    typeof read.name === 'string' &&
    typeof read.clean === 'boolean' &&
    typeof read.epochs === 'object' &&
    read.epochs !== null &&
    Object.values(read.epochs).every(({ epoch, counter }) => Number.isSafeInteger(epoch) && Number.isSafeInteger(counter))
  if (!intact) throw new Error(`${path} is no identity of a known version; ${whatToDo}`)
  return read as IdentityFile
}

const whatToDo = 'restore it from a backup with restored: true, or empty the directory and let the host join anew'
