import type { BucketTable } from '../actors/ring/bucket-table.ts'
import { isReachable, type RingView, vnodeAddressOf } from '../actors/ring/ring-view.ts'
import { keyClassesOf } from '../actors/vnode/key-classes.ts'
import type { VnodeReply } from '../actors/vnode/vnode-protocol.ts'
import { StoreError } from './client/errors.ts'
import type { StoreCore } from './client/store-core.ts'

/** What one replica of a partition holds. */
export interface PartitionSize {
  readonly records: number
  readonly bytes: number
  /** Every record was counted; else their bytes follow from a sample, or, where nobody answered, from the other partitions. */
  readonly isExact: boolean
}

/** Records of a partition whose bytes are looked at; the others are taken to be like these. */
const sampleMax = 256
const asksAtOnce = 16

/**
 * Ask an owner of each partition what it holds: how many records by its Merkle tree, how many bytes by a sample of them.
 * @param partitions those of interest
 */
export async function sizesOf(
  core: StoreCore,
  view: RingView,
  table: BucketTable,
  partitions: ReadonlySet<number>,
  timeoutMs: number
): Promise<ReadonlyMap<number, PartitionSize>> {
  const sizes = new Map<number, PartitionSize>()
  const left = [...partitions]
  const unknown: number[] = []
  const work = async (): Promise<void> => {
    for (let partition = left.pop(); partition !== undefined; partition = left.pop()) {
      const size = await sizeOf(core, view, table, partition, timeoutMs)
      if (size === undefined) unknown.push(partition)
      else sizes.set(partition, size)
    }
  }
  await Promise.all(Array.from({ length: asksAtOnce }, work))
  const known = [...sizes.values()]
  const mean = (of: (size: PartitionSize) => number) =>
    known.length === 0 ? 0 : Math.round(known.reduce((sum, size) => sum + of(size), 0) / known.length)
  const otherwise = { records: mean(size => size.records), bytes: mean(size => size.bytes), isExact: false }
  for (const partition of unknown) sizes.set(partition, otherwise)
  return sizes
}

async function sizeOf(
  core: StoreCore,
  view: RingView,
  table: BucketTable,
  partition: number,
  timeoutMs: number
): Promise<PartitionSize | undefined> {
  const owner = (view.owners[partition] ?? []).flatMap(index => view.hosts[index] ?? []).find(isReachable)
  if (owner === undefined) return undefined
  const to = { address: vnodeAddressOf(owner, partition), correlation: 0, incarnation: 0 }
  const ask = async (message: { readonly kind: string }): Promise<VnodeReply | undefined> => {
    try {
      return await core.ask<VnodeReply>(to, message, timeoutMs)
    } catch (error) {
      if (error instanceof StoreError) return undefined
      throw error
    }
  }
  const page = await ask({ kind: 'scan', after: undefined, pairsMax: sampleMax, keysOnly: false } as never)
  if (page?.kind !== 'page') return undefined
  const bytes = page.pairs.reduce((sum, { key, siblings }) => sum + key.length + siblings.length, 0)
  const records = page.pairs.length
  if (page.next === undefined) return { records, bytes, isExact: true }
  const roots = await ask({ kind: 'roots', classes: keyClassesOf(table, view.replicas) } as never)
  // A tree that is not built yet says nothing: there are more than in the sample, and nobody knows how many.
  if (roots?.kind !== 'roots') return undefined
  const counted = roots.trees.reduce((sum, { keys }) => sum + keys, 0)
  return { records: counted, bytes: Math.round((bytes / Math.max(1, records)) * counted), isExact: false }
}
