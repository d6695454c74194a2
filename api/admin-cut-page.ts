import { propertiesOf } from '../actors/ring/bucket-table.ts'
import { preferenceOf } from '../actors/ring/ring-index.ts'
import type { RingKeeperReply } from '../actors/ring/ring-keeper-protocol.ts'
import type { HostView } from '../actors/ring/ring-view.ts'
import type { KeptFloor } from '../actors/floor/floor-codec.ts'
import { ClassLookup, keyClassesOf } from '../actors/vnode/key-classes.ts'
import { type LookedUpFloor, vectorIn, withLookup } from '../actors/vnode/kept-floors.ts'
import { fault } from '../model/fault.ts'
import { type FloorAnswer, withoutPurged } from '../model/floor.ts'
import { bucketOf, type Key, systemKeysEnd } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { emptySiblings, merge, resolveLastWriteWins } from '../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../model/siblings-codec.ts'
import { answered, askVnode, hostNamed, isReadable } from './admin-backup.ts'
import { errorOf } from './client/errors.ts'
import type { StoreCore } from './client/store-core.ts'

export interface CutPageQuery {
  readonly partition: number
  /** Of the ring by which the partition was opened. */
  readonly epoch: string
  /** The last key of the page before. */
  readonly after: Key | undefined
  /** Owners to read: one where all are equal, else all. */
  readonly from: readonly string[]
  /** Keepers of hints of the partition, and for whom. */
  readonly hints: readonly (readonly [host: string, target: number])[]
  /** Only this bucket's keys. */
  readonly bucket: string | undefined
  /** Only keys below these nodes. */
  readonly below: readonly number[] | undefined
}

export interface CutPage {
  /** In key order. */
  readonly pairs: readonly { readonly key: Key; readonly siblings: Uint8Array }[]
  readonly next: Key | undefined
  /** Hosts whose record of some key of this page is damaged. */
  readonly corrupt: readonly string[]
  /** Keys whose record is too large to travel. */
  readonly oversized: readonly Key[]
}

interface Source {
  /** Index in the order of preference; −1: hints. */
  readonly place: number
  readonly records: ReadonlyMap<Key, Uint8Array>
  readonly next: Key | undefined
  readonly floors: readonly LookedUpFloor[]
}

const sourceMs = 10_000
const pairsMax = 512
/** Of records, before base64: what one NATS message takes beside the first record. */
const pageBytesMax = 384 * 1024

/**
 * One page of a partition in key order: what the hints that wait for it and the owners know together. Hints are read before the
 * owners, so that one that is delivered meanwhile is seen here or there.
 * @throws {StoreError} unavailable where a source does not answer, or the ring has changed: the partition is to be opened anew
 */
export async function cutPage(core: StoreCore, described: RingKeeperReply, query: CutPageQuery): Promise<CutPage> {
  const { view } = described
  const { partition, bucket } = query
  if (view.epoch !== query.epoch) throw errorOf(fault('unavailable', 'the ring has changed: open the partition anew'))
  const after = query.after ?? (bucket === undefined ? systemKeysEnd : (`${bucket}\0` as Key))
  const owners = preferenceOf(view.owners, partition, view.hosts.length)
  const hints = await Promise.all(
    query.hints.map(([keeper, target]) => hintsPage(core, hostNamed(view, keeper), partition, target, after))
  )
  const corrupt: string[] = []
  const pages = await Promise.all(
    query.from.map(async name => {
      const host = hostNamed(view, name)
      const page = await ownerPage(core, host, partition, after, query.below)
      if ((page.corrupt ?? 0) > 0) corrupt.push(name)
      return sourceOf(owners.indexOf(view.hosts.indexOf(host)), page.pairs, page.next, page.floors ?? [])
    })
  )
  const sources = [...hints, ...pages]
  const end = leastOf(sources.map(source => source.next))
  const keys = keysUpTo(sources, end)
  const merger = new PageMerger(described, sources)
  const pairs: { key: Key; siblings: Uint8Array }[] = []
  const oversized: Key[] = []
  let bytes = 0
  for (const [index, key] of keys.entries()) {
    if (bucket !== undefined && !key.startsWith(`${bucket}\0`)) return { pairs, next: undefined, corrupt, oversized }
    const siblings = merger.recordOf(key)
    if (siblings === undefined) continue
    if (siblings.length > limits.backupRecordBytesMax) {
      oversized.push(key)
      continue
    }
    bytes += key.length + siblings.length
    if (bytes > pageBytesMax && pairs.length > 0) return { pairs, next: keys[index - 1], corrupt, oversized }
    pairs.push({ key, siblings })
  }
  return { pairs, next: end, corrupt, oversized }
}

async function hintsPage(core: StoreCore, host: HostView, partition: number, target: number, after: Key): Promise<Source> {
  const from = after === systemKeysEnd ? undefined : after
  const reply = await answered(askVnode(core, host, partition, { kind: 'hints-page', target, after: from, pairsMax }, sourceMs))
  if (reply?.kind !== 'hints') throw errorOf(silent(host, partition))
  return sourceOf(-1, reply.pairs, reply.next, [])
}

async function ownerPage(core: StoreCore, host: HostView, partition: number, after: Key, below: readonly number[] | undefined) {
  if (!isReadable(host)) throw errorOf(silent(host, partition))
  const message = { kind: 'scan', after, pairsMax, keysOnly: false, below } as const
  const reply = await answered(askVnode(core, host, partition, message, sourceMs))
  if (reply?.kind !== 'page') throw errorOf(silent(host, partition))
  return reply
}

function silent({ name }: HostView, partition: number) {
  return fault('unavailable', `${name} does not answer for partition ${partition}`)
}

function sourceOf(
  place: number,
  pairs: readonly { readonly key: Key; readonly siblings: Uint8Array }[],
  next: Key | undefined,
  floors: readonly KeptFloor[]
): Source {
  return { place, records: new Map(pairs.map(({ key, siblings }) => [key, siblings])), next, floors: floors.map(withLookup) }
}

/** What all sources have read up to. */
function leastOf(ends: readonly (Key | undefined)[]): Key | undefined {
  let least: Key | undefined
  for (const end of ends) if (end !== undefined && (least === undefined || end < least)) least = end
  return least
}

function keysUpTo(sources: readonly Source[], end: Key | undefined): Key[] {
  const keys = new Set<Key>()
  for (const { records } of sources) for (const key of records.keys()) if (end === undefined || key <= end) keys.add(key)
  return [...keys].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}

/** What all sources together know of a key. */
class PageMerger {
  readonly #described: RingKeeperReply
  readonly #sources: readonly Source[]
  readonly #classes: ClassLookup

  constructor(described: RingKeeperReply, sources: readonly Source[]) {
    this.#described = described
    this.#sources = sources
    this.#classes = new ClassLookup(keyClassesOf(described.table, described.view.replicas))
  }

  /** undefined: nothing, or what there is was deleted and purged. */
  recordOf(key: Key): Uint8Array | undefined {
    const n = this.#classes.of(key)
    // What a host keeps of keys that it owns no more may have been purged since.
    const sources = this.#sources.filter(({ place }) => place < n)
    const [only, ...others] = sources
    if (only !== undefined && others.length === 0) return only.records.get(key)
    const answers = sources.map(({ records, floors }): FloorAnswer => {
      const bytes = records.get(key)
      return { siblings: bytes === undefined ? emptySiblings : decodeSiblings(bytes), floor: vectorIn(floors, key) }
    })
    let merged = emptySiblings
    for (const { siblings } of answers) merged = merge(merged, siblings)
    merged = withoutPurged(merged, answers)
    const { table, defaults } = this.#described
    if (propertiesOf(table, bucketOf(key), defaults).resolver === 'last-write-wins') merged = resolveLastWriteWins(merged)
    return merged.versions.length === 0 ? undefined : encodeSiblings(merged)
  }
}
