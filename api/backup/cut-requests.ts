import type { BucketProperties } from '../../actors/ring/bucket-table.ts'
import type { Key } from '../../model/key.ts'
import { faultStatus } from '../../model/fault.ts'
import { encodeWords } from '../../model/tree-codec.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { CutBegun, PartitionOpened } from '../admin-backup.ts'
import type { RestoredRecord, RestoreOutcome } from '../restore-outcome.ts'
import { shaped } from '../cli/cluster-shapes.ts'
import type { Cluster } from '../cli/cluster.ts'
import { CommandFailure } from '../cli/terminal.ts'
import { StoreError } from '../client/errors.ts'
import type { PartRecord } from './part-records.ts'

const requestMs = 30_000
const pauseMsMin = 100
const pauseMsMax = 3_000

export interface PageRead {
  readonly pairs: readonly PartRecord[]
  readonly next: Key | undefined
  readonly corrupt: readonly string[]
  readonly oversized: readonly Key[]
}

export interface PageWanted {
  readonly partition: number
  readonly epoch: string
  readonly after: Key | undefined
  readonly from: readonly string[]
  readonly hints: readonly (readonly [string, number])[]
  readonly bucket: string | undefined
  readonly below: readonly number[] | undefined
}

export interface RecordsGiven {
  readonly pairs: readonly PartRecord[]
  readonly isDry: boolean
  readonly asNew: boolean
  readonly isForeign: boolean
  readonly buckets: readonly (readonly [string, number])[]
}

/** The requests of administration that backup and restore are made of. All reject with a `StoreError`. */
export class CutRequests {
  readonly #cluster: Pick<Cluster, 'admin'>

  constructor(cluster: Pick<Cluster, 'admin'>) {
    this.#cluster = cluster
  }

  async begin(): Promise<CutBegun> {
    return shaped(await this.#cluster.admin('backup-begin', {}, requestMs), 'unread_max', 'backup-begin')
  }

  async open(partition: number): Promise<PartitionOpened> {
    return shaped(await this.#cluster.admin('backup-open', { partition }, requestMs), 'owners', 'backup-open')
  }

  async children(partition: number, n: number, host: string, nodes: readonly number[]): Promise<Uint8Array> {
    const request = { partition, n, host, nodes: wordsText(nodes) }
    const reply = shaped<{ children: string }>(
      await this.#cluster.admin('backup-nodes', request, requestMs),
      'children',
      'backup-nodes'
    )
    return Buffer.from(reply.children, 'base64')
  }

  async page(wanted: PageWanted): Promise<PageRead> {
    const { after, below, bucket, ...rest } = wanted
    const request = {
      ...rest,
      ...(after === undefined ? {} : { after: keyText(after) }),
      ...(below === undefined ? {} : { below: wordsText(below) }),
      ...(bucket === undefined ? {} : { bucket })
    }
    const reply = shaped<{ pairs: string[]; next: string | null; corrupt: string[]; oversized: string[] }>(
      await this.#cluster.admin('backup-page', request, requestMs),
      'pairs',
      'backup-page'
    )
    const pairs: PartRecord[] = []
    for (let at = 0; at < reply.pairs.length; at += 2)
      pairs.push({ key: keyOf(reply.pairs[at]!), record: Buffer.from(reply.pairs[at + 1]!, 'base64') })
    const { corrupt, oversized, next } = reply
    return { pairs, next: next === null ? undefined : keyOf(next), corrupt, oversized: oversized.map(keyOf) }
  }

  async bucketSet(bucket: string, properties: Partial<BucketProperties>): Promise<void> {
    await this.#cluster.admin('bucket-set', { bucket, properties }, requestMs)
  }

  async openRestore(id: string, from: number, count: number): Promise<void> {
    await this.#cluster.admin('restore-open', { id, from, count }, requestMs)
  }

  /** @returns hosts that were not told */
  async closeRestore(id: string, from: number, count: number): Promise<readonly string[]> {
    const reply = await this.#cluster.admin('restore-close', { id, from, count }, requestMs)
    return shaped<{ unreached: string[] }>(reply, 'unreached', 'restore-close').unreached
  }

  /** In the order of the pairs. */
  async restore({ pairs, isDry, asNew, isForeign, buckets }: RecordsGiven): Promise<readonly RestoredRecord[]> {
    const request = {
      pairs: pairs.flatMap(({ key, record }) => [keyText(key), Buffer.from(record).toString('base64')]),
      dry: isDry,
      as_new: asNew,
      foreign: isForeign,
      buckets
    }
    const reply = shaped<{ outcomes: (RestoreOutcome | [RestoreOutcome, string, boolean])[] }>(
      await this.#cluster.admin('restore-records', request, requestMs),
      'outcomes',
      'restore-records'
    )
    if (reply.outcomes.length !== pairs.length)
      throw new CommandFailure('the cluster answered restore-records with another number of outcomes: is it another version?')
    return reply.outcomes.map(each => {
      const [outcome, why, mayRetry] = Array.isArray(each) ? each : [each, '', false]
      return { outcome, why, mayRetry }
    })
  }
}

/** Whether it may be gone in a moment. */
export function isPassing(error: unknown): error is StoreError {
  if (!(error instanceof StoreError)) return false
  const status = faultStatus[error.code]
  return status === 429 || status === 503 || status === 504
}

/** @param attempt from 1 on */
export function pauseBetween(clock: Clock, attempt: number): Promise<void> {
  return pause(clock, Math.min(pauseMsMin * 2 ** (attempt - 1), pauseMsMax))
}

export function pause(clock: Clock, ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise(resolve => void clock.after(ms, resolve))
}

function keyText(key: Key): string {
  return Buffer.from(key, 'latin1').toString('base64')
}

function keyOf(text: string): Key {
  return Buffer.from(text, 'base64').toString('latin1') as Key
}

function wordsText(words: readonly number[]): string {
  return Buffer.from(encodeWords(words)).toString('base64')
}
