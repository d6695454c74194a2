import { isReachable, type RingView, vnodeAddressOf } from '../actors/ring/ring-view.ts'
import type { VnodeMessage, VnodeReply } from '../actors/vnode/vnode-protocol.ts'
import { type Fault, fault, isFault } from '../model/fault.ts'
import { bucketFault, type Key, keyBytesOf, keyOf } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { decodeSiblings } from '../model/siblings-codec.ts'
import { plainLength } from '../model/value-coding.ts'
import { badRequest, errorOf, StoreError } from './client/errors.ts'
import type { StoreCore, WithoutReplyTo } from './client/store-core.ts'

type Page = Extract<VnodeReply, { kind: 'page' }>

/** Partitions asked side by side. */
const partitionsAhead = 16
/** Pairs asked of one partition at a time; it is asked again where it has more. */
const pairsAsked = 100
/** Time for one page of one replica before the next replica is asked. */
const replicaTimeoutMs = 500
/** A page that takes longer ends where it is: the next one goes on from there. */
const pageTimeMsMax = 3_000

export interface KeysQuery {
  readonly bucket: string
  /** Bytes that the keys begin with. */
  readonly prefix: Uint8Array
  /** What the page before gave; '' for the first page. */
  readonly cursor: string
  /** 1..limits.listPageMax */
  readonly limit: number
  /** Fail rather than leave a partition out. */
  readonly strict: boolean
  /** With each key's record, for export. */
  readonly values: boolean
  /** The page ends early once its keys, records and the values in them, made plain, have this many bytes. */
  readonly bytesMax: number
}

export interface KeysPage {
  /** By partition, and in a partition in the order of their bytes. */
  readonly pairs: readonly { readonly key: Buffer; readonly siblings: Uint8Array }[]
  /** Undefined behind the last page. */
  readonly cursor: string | undefined
  /** Share of the partitions of this listing, so far, of which a replica answered: 0..1. */
  readonly coverage: number
  readonly unanswered: number
}

/**
 * One page of a bucket's keys. One replica of each partition is asked, so a key that only another one holds can be missing:
 * a listing is for people and for export, not for deciding whether a key is there.
 * @throws {StoreError} bad_request, or quorum_unavailable where `strict` and a partition has no replica that answers
 */
export async function listKeys(core: StoreCore, query: KeysQuery): Promise<KeysPage> {
  const view = core.view
  if (view === undefined) throw errorOf(fault('unavailable', 'the ring is not known yet: try again in a moment'))
  const wrong = bucketFault(query.bucket)
  if (wrong !== undefined) throw errorOf(wrong)
  const start = cursorOf(query.cursor, query, view)
  if (isFault(start)) throw errorOf(start)
  const first = keyOf(query.bucket, query.prefix)
  const pairs: { key: Buffer; siblings: Uint8Array }[] = []
  let { partition, after, unanswered } = start
  let bytes = 0
  const untilMs = performance.now() + pageTimeMsMax
  const silent = new Set<string>()
  const window = new Map<number, Promise<Page | undefined>>()
  while (partition < view.partitions) {
    for (let ahead = partition; ahead < Math.min(partition + partitionsAhead, view.partitions); ahead++) {
      if (!window.has(ahead)) {
        const asked = pageOf(core, view, ahead, ahead === partition ? (after ?? before(first)) : before(first), query, silent)
        // The page may be full before this one is looked at.
        asked.catch(() => {})
        window.set(ahead, asked)
      }
    }
    if (performance.now() > untilMs) return pageUpTo({ partition, after, unanswered })
    const page = await window.get(partition)!
    window.delete(partition)
    let isThrough = page === undefined || page.next === undefined
    if (page === undefined) {
      if (query.strict) throw errorOf(unansweredFault(partition))
      unanswered++
    } else {
      for (const pair of page.pairs) {
        if (!pair.key.startsWith(first)) {
          isThrough = true
          break
        }
        const size = pair.key.length + shownBytes(pair.siblings)
        if (pairs.length === query.limit || (bytes > 0 && bytes + size > query.bytesMax)) {
          return pageUpTo({ partition, after, unanswered })
        }
        bytes += size
        pairs.push({ key: keyBytesOf(pair.key), siblings: pair.siblings })
        after = pair.key
      }
      if (!isThrough) after = page.next
      if (after !== undefined && !after.startsWith(first) && after > first) isThrough = true
    }
    if (isThrough) {
      partition++
      after = undefined
    }
  }
  return { pairs, cursor: undefined, coverage: coverageOf(view, unanswered), unanswered }

  function pageUpTo(position: Position): KeysPage {
    const cursor = writeCursor(position, query)
    return { pairs, cursor, coverage: coverageOf(view!, position.unanswered), unanswered: position.unanswered }
  }
}

/** Of a record whose values are to be shown: a page is bounded by what comes out of it, however small it is stored. */
function shownBytes(record: Uint8Array): number {
  if (record.length === 0) return 0
  return decodeSiblings(record).versions.reduce(
    (sum, version) => sum + plainLength(version) - version.value.length,
    record.length
  )
}

/** Of the first owner that answers. @param silent hosts that did not, so that the others are asked first @returns undefined where none does */
async function pageOf(
  core: StoreCore,
  view: RingView,
  partition: number,
  after: Key,
  query: KeysQuery,
  silent: Set<string>
): Promise<Page | undefined> {
  const owners = (view.owners[partition] ?? []).map(index => view.hosts[index]!)
  const message: WithoutReplyTo<Extract<VnodeMessage, { kind: 'scan' }>> = {
    kind: 'scan',
    after,
    pairsMax: Math.min(pairsAsked, query.limit + 1),
    keysOnly: !query.values
  }
  const preferred = [...owners.filter(host => !silent.has(host.name)), ...owners.filter(host => silent.has(host.name))]
  for (const host of preferred) {
    if (!isReachable(host)) continue
    try {
      const reply = await core.ask<VnodeReply>(
        { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 },
        message,
        replicaTimeoutMs
      )
      if (reply.kind === 'page') return reply
    } catch (error) {
      if (!(error instanceof StoreError)) throw error
      silent.add(host.name)
    }
  }
  return undefined
}

interface Position {
  readonly partition: number
  readonly after: Key | undefined
  readonly unanswered: number
}

/** Keys that begin with `first` come right behind this one. */
function before(first: Key): Key {
  const last = first.charCodeAt(first.length - 1)
  const shorter = first.slice(0, -1)
  // The bucket's NUL ends every `first` without a prefix; no key is empty, so none is left out.
  if (last === 0) return (first.endsWith('\0') && first.indexOf('\0') === first.length - 1 ? first : shorter) as Key
  return `${shorter}${String.fromCharCode(last - 1)}${'\xff'.repeat(limits.keyBytesMax)}` as Key
}

/** Opaque to clients; bound to its bucket and prefix, so that it cannot be used for another listing by mistake. */
function writeCursor({ partition, after, unanswered }: Position, { bucket, prefix }: KeysQuery): string {
  const key = after === undefined ? null : Buffer.from(after, 'latin1').toString('base64')
  return Buffer.from(JSON.stringify([1, bucket, Buffer.from(prefix).toString('base64'), partition, unanswered, key])).toString(
    'base64url'
  )
}

function cursorOf(cursor: string, { bucket, prefix }: KeysQuery, view: RingView): Position | Fault {
  if (cursor === '') return { partition: 0, after: undefined, unanswered: 0 }
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
  } catch {
    return badCursor
  }
  if (!Array.isArray(fields) || fields.length !== 6 || fields[0] !== 1) return badCursor
  const [, forBucket, forPrefix, partition, unanswered, key] = fields as unknown[]
  if (forBucket !== bucket || forPrefix !== Buffer.from(prefix).toString('base64')) {
    return fault('bad_request', 'the cursor belongs to a listing of another bucket or prefix: begin again without one')
  }
  if (!isCount(partition, view.partitions) || !isCount(unanswered, view.partitions) || !(key === null || typeof key === 'string'))
    return badCursor
  const after = key === null ? undefined : (Buffer.from(key, 'base64').toString('latin1') as Key)
  if (after !== undefined && (!after.startsWith(`${bucket}\0`) || after.length > bucket.length + 1 + 2 * limits.keyBytesMax))
    return badCursor
  return { partition, after, unanswered }
}

const badCursor = fault('bad_request', 'the cursor is not one that a listing gave: begin again without one')

function isCount(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
}

function coverageOf(view: RingView, unanswered: number): number {
  return (view.partitions - unanswered) / view.partitions
}

function unansweredFault(partition: number): Fault {
  return fault(
    'quorum_unavailable',
    `no replica of partition ${partition} answered: try again, or list without strict=true and look at the coverage`,
    {
      needed: 1,
      answered: 0
    }
  )
}

/** @throws {StoreError} bad_request */
export function checkedLimit(limit: number): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= limits.listPageMax) return limit
  throw badRequest(`limit is ${limit}: allowed is a whole number from 1 to ${limits.listPageMax}`)
}
