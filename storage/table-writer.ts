import { mkdirSync, readdirSync } from 'node:fs'
import { open, rename, rm, statfs, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Key } from '../model/key.ts'
import { Fences } from './fence.ts'
import { bySegment, logExtension, segmentNameOf, spareExtension, type SegmentName } from './log-segment.ts'
import { placeLength, placeStart, readSegment, type SegmentContent } from './segment-reader.ts'
import { storageFault } from './storage-fault.ts'
import { checkTable } from './table-check.ts'
import type { RecoveryReport, TableWriterReply, TableWriterRequest } from './table-writer-protocol.ts'
import { logDirectory, openTableForWriting, tableDirectory, tablePrefix, type Table, type TableSync } from './table.ts'
import { Turn } from './turn.ts'

export interface TableWriterOptions {
  /** The host's data directory. */
  readonly directory: string
  /** Pause before a failed attempt is made again. */
  readonly retryMs?: number
  /** Default 'commit'. The stores of the host are to be opened with the same. */
  readonly sync?: TableSync
  /** Bytes handed to LMDB before the next wait for its commit: bounds what one transaction holds in memory. Default 32 MB. */
  readonly commitBytesMax?: number
}

export interface TableWriterFigures {
  readonly segments: number
  readonly pairs: number
  readonly failures: number
  /** Requests that wait. */
  readonly queued: number
}

const retryMsDefault = 1_000
const commitBytesMaxDefault = 32 * 1024 * 1024

/** Less free space than this, and a failure is taken for one of a full disk. */
const fullBelowBytes = 8 * 1024 * 1024

type Reply = (reply: TableWriterReply) => void

/**
 * The only writer of a host's table: moves sealed log segments into LMDB, one after another, each in the order of its keys.
 * It lives in a thread that is never terminated while it works, since a writer that is leaves LMDB locked for ever.
 */
export class TableWriter {
  readonly #directory: string
  readonly #retryMs: number
  readonly #sync: TableSync
  readonly #commitBytesMax: number
  readonly #table: Table
  readonly #fences: Fences
  #tail: Promise<unknown> = Promise.resolve()
  #closed = false
  #wakeRetry: (() => void) | undefined
  #queued = 0
  #segments = 0
  #pairs = 0
  #failures = 0

  constructor(options: TableWriterOptions) {
    this.#directory = options.directory
    this.#retryMs = options.retryMs ?? retryMsDefault
    this.#sync = options.sync ?? 'commit'
    this.#commitBytesMax = options.commitBytesMax ?? commitBytesMaxDefault
    mkdirSync(tableDirectory(options.directory), { recursive: true })
    mkdirSync(logDirectory(options.directory), { recursive: true })
    expectCommitFailures()
    this.#table = openTableForWriting(options.directory, this.#sync)
    this.#fences = new Fences(this.#table)
  }

  /** What a thread asks; `reply` may be called several times, in later turns. */
  handle(request: TableWriterRequest, reply: Reply): void {
    void this.#inOrder(() =>
      this.#untilDone(request.id, reply, async () => {
        if (request.kind === 'seal') reply({ kind: 'applied', id: request.id, spare: await this.#seal(request) })
        else reply({ kind: 'recovered', id: request.id, report: await this.#recover(request.thread) })
      })
    )
  }

  /** Move everything that earlier runs of the host have left to the table: before the first store is opened. */
  recover(): Promise<RecoveryReport> {
    return this.#inOrder(() => this.#recover(undefined))
  }

  figures(): TableWriterFigures {
    return { segments: this.#segments, pairs: this.#pairs, failures: this.#failures, queued: this.#queued }
  }

  /** Finish the segment in hand, leave the others to the next start, let go. */
  async close(): Promise<void> {
    this.#closed = true
    this.#wakeRetry?.()
    await this.#tail
    await this.#table.close()
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    this.#queued++
    const done = this.#tail.then(work)
    this.#tail = done.then(
      () => this.#queued--,
      () => this.#queued--
    )
    return done
  }

  /** Try until it is done or the writer is closed; each failure is told. */
  async #untilDone(id: number, reply: Reply, work: () => Promise<void>): Promise<void> {
    while (!this.#closed) {
      try {
        return await work()
      } catch (error) {
        this.#failures++
        reply({
          kind: 'stalled',
          id,
          fault: storageFault(await this.#explained(error), 'moving the commit log to the table', false)
        })
        await this.#pause()
      }
    }
  }

  /** On a full disk LMDB says 'Input/output error'. */
  async #explained(error: unknown): Promise<unknown> {
    const { bavail, bsize } = await statfs(this.#directory)
    if (bavail * bsize > fullBelowBytes) return error
    const text = error instanceof Error ? error.message : String(error)
    return Object.assign(new Error(`${bavail * bsize} bytes are free; ${text}`, { cause: error }), { code: 'ENOSPC' })
  }

  /** @returns the file that may be written over, if one was asked for */
  async #seal(request: TableWriterRequest & { readonly kind: 'seal' }): Promise<string | undefined> {
    const name = segmentNameOf(basename(request.path))
    if (name === undefined) throw new TypeError(`${request.path} is no log segment's name`)
    const content = await readSegment(request.path, name, request.bytes)
    // The data thread has these records in memory still: as long as it is not told otherwise, nothing is lost.
    if (content.damage.length > 0) throw new Error(content.damage.join('; '))
    await this.#apply(content)
    const spare = request.recycle ? request.path.slice(0, -logExtension.length) + spareExtension : undefined
    await this.#remove(request.path, spare)
    return spare
  }

  /** @param thread undefined: of all threads */
  async #recover(thread: number | undefined): Promise<RecoveryReport> {
    const total = { segments: 0, batches: 0, entries: 0, tornTails: 0, damage: [] as string[] }
    const names = new Map<string, SegmentName>()
    for (const file of readdirSync(logDirectory(this.#directory))) {
      const name = segmentNameOf(file)
      if (name === undefined || (thread !== undefined && name.thread !== thread)) continue
      if (file.endsWith(spareExtension)) await rm(join(logDirectory(this.#directory), file), { force: true })
      else names.set(file, name)
    }
    const inOrder = [...names].sort((a, b) => bySegment(a[1], b[1]))
    for (const [at, [file, name]] of inOrder.entries()) {
      const path = join(logDirectory(this.#directory), file)
      const content = await readSegment(path, name, undefined)
      const next = inOrder[at + 1]?.[1]
      const isLast = next === undefined || next.generation !== name.generation || next.thread !== name.thread
      const damage = [...content.damage]
      if (!isLast && !content.complete) damage.push(`${path}: its end is missing, though segments follow it`)
      await this.#apply(content)
      // What could not be read is kept aside for a person to look at.
      await this.#remove(path, damage.length > 0 ? `${path}.damaged` : undefined)
      total.segments++
      total.batches += content.batches
      total.entries += content.entries
      if (content.tornTail) total.tornTails++
      total.damage.push(...damage)
    }
    return total
  }

  async #apply(content: SegmentContent): Promise<void> {
    const turn = new Turn()
    const commits = new Set<Promise<unknown>>()
    let bytes = 0
    for (const partition of [...content.partitions.keys()].sort((a, b) => a - b)) {
      const prefix = tablePrefix(partition)
      const pairs = content.partitions.get(partition)!
      for (const commit of this.#fences.raise(partition)) this.#await(commit, commits)
      for (const key of [...pairs.keys()].sort()) {
        this.#await(this.#write(prefix, key, content.bytes, pairs.get(key)!), commits)
        bytes += placeLength(pairs.get(key)!)
        this.#pairs++
        if (bytes > this.#commitBytesMax) {
          bytes = 0
          await this.#committed(commits)
        } else if ((this.#pairs & 0x3f) === 0 && turn.isOver) {
          await turn.next()
        }
      }
    }
    await this.#committed(commits)
    await this.#flushed()
    this.#segments++
  }

  #write(prefix: string, key: Key, bytes: Buffer, place: number): Promise<unknown> {
    const length = placeLength(place)
    if (length === 0) return this.#table.remove(prefix + key)
    const start = placeStart(place)
    return this.#table.put(prefix + key, bytes.subarray(start, start + length))
  }

  #await(commit: Promise<unknown>, commits: Set<Promise<unknown>>): void {
    if (commits.has(commit)) return
    commits.add(commit)
    commit.catch(foreseen)
  }

  /** Wait for the commits, all of them, and only then fail. */
  async #committed(commits: Set<Promise<unknown>>): Promise<void> {
    const outcomes = await Promise.allSettled(commits)
    commits.clear()
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') continue
      // lmdb-js rejects the put without the reason, and a second promise, which nobody has seen yet, with it.
      this.#fences.forget()
      const reason: unknown = outcome.reason
      const cause = isCommitFailure(reason) ? await causeOf(reason.commitError) : reason
      throw cause instanceof Error ? cause : new Error(String(cause))
    }
  }

  /** All that was committed is on the disk. */
  async #flushed(): Promise<void> {
    if (this.#sync === 'overlapping') await this.#table.flushed
    if (this.#sync !== 'data') return
    const file = await open(join(tableDirectory(this.#directory), 'data.mdb'), 'r+')
    try {
      await file.datasync()
    } finally {
      await file.close()
    }
  }

  /** The removal is on the disk before the next segment is begun: an older segment never outlives a newer one. */
  async #remove(path: string, keptAs: string | undefined): Promise<void> {
    if (keptAs === undefined) await unlink(path)
    else await rename(path, keptAs)
    const directory = await open(dirname(path), 'r')
    try {
      await directory.sync()
    } finally {
      await directory.close()
    }
  }

  #pause(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(resolve, this.#retryMs)
      this.#wakeRetry = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Commits are awaited later; a rejection until then is not an unhandled one, nor is the promise that lmdb-js rejects with it. */
function foreseen(error: unknown): void {
  if (isCommitFailure(error)) Promise.resolve(error.commitError).catch(foreseen)
}

function isCommitFailure(error: unknown): error is Error & { readonly commitError: unknown } {
  return error instanceof Error && 'commitError' in error
}

let expecting = false

/**
 * When a commit fails, lmdb-js rejects a promise of its own too, which nobody is given: without this, a full disk ends the process.
 * Every other unhandled rejection stays what it was.
 */
function expectCommitFailures(): void {
  if (expecting) return
  expecting = true
  const onUnhandled = (reason: unknown): void => {
    if (isCommitFailure(reason)) return foreseen(reason)
    if (process.listenerCount('unhandledRejection') === 1) throw reason
  }
  process.on('unhandledRejection', onUnhandled)
}

/** Wait for lmdb's second rejection, so that it is never unhandled; not for ever, since it may not come. */
async function causeOf(commitError: unknown): Promise<unknown> {
  const unknownCause = new Error('LMDB did not commit, for a reason it did not tell')
  return await Promise.race([
    Promise.resolve(commitError).then(
      () => unknownCause,
      (error: unknown) => error
    ),
    new Promise(resolve => setTimeout(resolve, 1_000, unknownCause).unref())
  ])
}

export interface StartedTableWriter {
  readonly writer: TableWriter
  readonly report: RecoveryReport
}

/** Open the table, recover what was left over. To be run on the main thread before any data thread opens its store. */
export async function startTableWriter(options: TableWriterOptions): Promise<StartedTableWriter> {
  await checkTable(options.directory)
  const writer = new TableWriter(options)
  return { writer, report: await writer.recover() }
}
