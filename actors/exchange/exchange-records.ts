import { bucketOf } from '../../model/key.ts'
import { treeHashOf } from '../../model/merkle-tree.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import { encodeWords } from '../../model/tree-codec.ts'
import { type BucketTable, propertiesOf } from '../ring/bucket-table.ts'
import type { NodesAsk, ObsoleteKey, RecordsOf } from './exchange-protocol.ts'
import type { HostView } from '../ring/ring-view.ts'
import type { SystemResources } from '../system-resources.ts'
import type { VnodeAsk, VnodeReplies } from '../vnode/vnode-desk.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

/** As they travel. */
export function recordsOf(reply: VnodeReply | undefined): RecordsOf[] {
  if (reply?.kind !== 'fetched' || reply.pairs.length === 0) return []
  const { partition, n, floor, pairs } = reply
  return [{ partition, n, floor, pairs: pairs.map(({ key, siblings }) => [key, siblings] as const) }]
}

/** One `replicate` for each record: it is merged with what the host has, and flushed. */
export function mergeAsks(
  host: HostView,
  records: readonly RecordsOf[],
  table: BucketTable,
  { defaults }: SystemResources
): readonly VnodeAsk[] {
  return records.flatMap(({ partition, floor, pairs }) =>
    pairs.map(([key, siblings]): VnodeAsk => {
      const { resolver } = propertiesOf(table, bucketOf(key), defaults)
      return {
        host,
        partition,
        message: replyTo => ({ kind: 'replicate', key, siblings, resolver, durability: 'flushed', floor, replyTo })
      }
    })
  )
}

/** What became of `mergeAsks`. */
export function mergedOf(
  records: readonly RecordsOf[],
  replies: VnodeReplies
): { readonly stored: number; readonly failed: number; readonly obsolete: readonly ObsoleteKey[] } {
  let stored = 0
  let failed = 0
  const obsolete: ObsoleteKey[] = []
  let at = 0
  for (const { partition, pairs } of records) {
    for (const [key] of pairs) {
      const reply = replies[at++]
      if (reply?.kind === 'stored') {
        stored++
        if (reply.purged !== undefined) obsolete.push([partition, key, reply.purged])
      } else if (reply?.kind === 'obsolete') obsolete.push([partition, key, reply.floor])
      else failed++
    }
  }
  return { stored, failed, obsolete }
}

/** One `compare` for each record: whether it is all that the host has of its key. */
export function compareAsks(host: HostView, records: readonly RecordsOf[]): readonly VnodeAsk[] {
  return records.flatMap(({ partition, pairs }) =>
    pairs.map(([key, siblings]): VnodeAsk => {
      const digest = digestOf(siblings)
      return { host, partition, message: replyTo => ({ kind: 'compare', key, digest, replyTo }) }
    })
  )
}

/** Hashes of the keys of which `compareAsks` found something else, or nothing out. */
export function richerOf(records: readonly RecordsOf[], replies: VnodeReplies): readonly NodesAsk[] {
  let at = 0
  return records.flatMap(({ partition, n, pairs }): NodesAsk[] => {
    const hashes = pairs.flatMap(([key]) => (replies[at++]?.kind === 'same' ? [] : treeHashOf(key)))
    return hashes.length === 0 ? [] : [[partition, n, encodeWords(hashes)]]
  })
}
