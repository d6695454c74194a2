import { type BucketProperties, propertiesOf } from '../actors/ring/bucket-table.ts'
import { preferenceOf } from '../actors/ring/ring-index.ts'
import type { RingKeeperReply } from '../actors/ring/ring-keeper-protocol.ts'
import type { HostView, RingView } from '../actors/ring/ring-view.ts'
import { classesIn, keyClassesOf } from '../actors/vnode/key-classes.ts'
import type { VnodeReply } from '../actors/vnode/vnode-protocol.ts'
import { fault } from '../model/fault.ts'
import { admitted } from '../model/floor.ts'
import { bucketOf, type Key, partitionOf, positionOf } from '../model/key.ts'
import { quorumOf } from '../model/quorum.ts'
import { emptySiblings, isDeleted, merge, relation, type Siblings } from '../model/siblings.ts'
import { decodeSiblings, digestOf, encodeSiblings } from '../model/siblings-codec.ts'
import { uidOf } from '../model/version-vector.ts'
import { answered, askVnode, tryVnode } from './admin-backup.ts'
import { mintAnew } from './admin-restore-anew.ts'
import type { RestoredRecord, RestoreOutcome } from './restore-outcome.ts'
import { badRequest, errorOf } from './client/errors.ts'
import type { StoreCore } from './client/store-core.ts'

export interface RestoreRecord {
  readonly key: Key
  /** As the backup has it, decoded once to be sure that it can be. */
  readonly bytes: Uint8Array
  readonly siblings: Siblings
}

export interface RestoreTerms {
  /** Look only: nothing is written. */
  readonly isDry: boolean
  /** What was deleted here since is written anew, with a dot of this cluster. */
  readonly asNew: boolean
  /** The backup is of another cluster. */
  readonly isForeign: boolean
  /** [bucket, n] as whoever asks knows them: this host has to know the same. */
  readonly buckets: readonly (readonly [string, number])[]
}

const askMs = 10_000
const asksAtOnce = 4_096

/**
 * Merges records of a backup into what the owners of their keys have, as a replica's exchange would. Nothing is minted, unless `asNew`.
 * @throws {StoreError} bad_request: a record claims to be of a host of this cluster; unavailable: this host's buckets are not those of the terms
 */
export async function restoreRecords(
  core: StoreCore,
  described: RingKeeperReply,
  records: readonly RestoreRecord[],
  terms: RestoreTerms
): Promise<readonly RestoredRecord[]> {
  const { view, table, defaults } = described
  for (const [bucket, n] of terms.buckets) {
    const here = propertiesOf(table, bucket, defaults).n
    if (here === n) continue
    throw errorOf(fault('unavailable', `bucket ${bucket} has n = ${here} here, not ${n}: news of it is on its way`))
  }
  if (terms.isForeign) for (const record of records) checkForeign(view, record)
  return Promise.all(records.map(record => restoreRecord(core, described, record, terms)))
}

/** A uid is drawn by chance; two clusters that share one would give two values one dot. */
function checkForeign({ hosts }: RingView, { key, siblings: { context, versions } }: RestoreRecord): void {
  const uids = new Set(hosts.map(({ uid }) => uid))
  const ids = [context.vector, context.cloud].flatMap(dots => dots.filter((_, at) => at % 2 === 0))
  for (const id of [...ids, ...versions.map(({ vnode }) => vnode)]) {
    if (!uids.has(uidOf(id))) continue
    const host = hosts.find(({ uid }) => uid === uidOf(id))?.name
    throw badRequest(
      `key ${JSON.stringify(key.slice(0, 80))} was written by a host with the uid of ${host}, in another cluster: ${host} has to join anew, with an empty directory, before this backup can be restored`
    )
  }
}

interface Owner {
  readonly host: HostView
  readonly isPresent: boolean
  readonly isFuture: boolean
}

async function restoreRecord(
  core: StoreCore,
  described: RingKeeperReply,
  record: RestoreRecord,
  terms: RestoreTerms
): Promise<RestoredRecord> {
  const { view, table, defaults } = described
  const { key, bytes, siblings } = record
  const partition = partitionOf(positionOf(key), view.partitions)
  const properties = propertiesOf(table, bucketOf(key), defaults)
  const owners = ownersWith(view, partition, properties.n)
  const digest = digestOf(bytes)
  const looks = await Promise.all(
    owners.map(({ host }) => tryVnode(core, host, partition, { kind: 'compare', key, digest }, askMs))
  )
  if (!isQuorum(owners, index => isLook(looks[index]))) return lacking(owners, looks.filter(isLook).length, looks)
  const before = stateOf(siblings, looks)
  const outcome = outcomeOf(siblings, looks, before)
  if ((outcome === 'deleted' || outcome === 'obsolete') && terms.asNew) {
    if (terms.isDry) return wouldMint(siblings, outcome)
    return mintAnew(core, key, siblings)
  }
  if (terms.isDry || outcome === 'obsolete' || (outcome === 'known' && isDeleted(siblings))) return done(outcome)
  // With what they know already: an owner that has missed the delete of an old value must not be given that value alone.
  const siblingsNow = merge(before, siblings)
  const now = siblingsNow === siblings ? record : { key, bytes: encodeSiblings(siblingsNow), siblings: siblingsNow }
  return store(core, { partition, properties, owners, looks, compared: siblings, record: now, outcome })
}

function wouldMint(siblings: Siblings, outcome: RestoreOutcome): RestoredRecord {
  return done(isDeleted(siblings) ? outcome : 'minted')
}

interface Storing {
  readonly partition: number
  readonly properties: BucketProperties
  readonly owners: readonly Owner[]
  readonly looks: readonly (VnodeReply | undefined)[]
  /** What `same` among the looks refers to. */
  readonly compared: Siblings
  /** What they are to know. */
  readonly record: RestoreRecord
  readonly outcome: RestoreOutcome
}

async function store(core: StoreCore, storing: Storing): Promise<RestoredRecord> {
  const { partition, properties, owners, looks, compared, record, outcome } = storing
  const { key, bytes, siblings } = record
  const { resolver } = properties
  const replies = await Promise.all(
    owners.map(async ({ host }, index) => {
      const look = looks[index]
      if (look !== undefined && adds(siblings, look, compared) === false) return look
      const message = { kind: 'replicate', key, siblings: bytes, resolver, durability: 'flushed' } as const
      return tryVnode(core, host, partition, message, askMs)
    })
  )
  // An owner that has a newer floor than those that were looked at tells the others: it will not stay.
  if (replies.some(reply => reply?.kind === 'obsolete' || (reply?.kind === 'stored' && reply.purged !== undefined)))
    return done('obsolete')
  const isStored = (reply: VnodeReply | undefined): boolean =>
    reply?.kind === 'stored' || reply?.kind === 'same' || reply?.kind === 'record'
  if (isQuorum(owners, index => isStored(replies[index]))) return done(outcome)
  return lacking(owners, replies.filter(isStored).length, replies)
}

function isLook(reply: VnodeReply | undefined): boolean {
  return reply?.kind === 'same' || reply?.kind === 'record'
}

/** Whether the owner would change by it; undefined: nobody knows. */
function adds(siblings: Siblings, look: VnodeReply, compared: Siblings): boolean | undefined {
  if (look.kind !== 'same' && look.kind !== 'record') return undefined
  const theirs = look.kind === 'same' ? compared : decodedOf(look.siblings)
  return merge(theirs, siblings) !== theirs
}

/** What the owners that answered know of the key together. */
function stateOf(siblings: Siblings, looks: readonly (VnodeReply | undefined)[]): Siblings {
  let known = emptySiblings
  for (const look of looks) {
    if (look?.kind === 'same') known = merge(known, siblings)
    else if (look?.kind === 'record') known = merge(known, decodedOf(look.siblings))
  }
  return known
}

function outcomeOf(siblings: Siblings, looks: readonly (VnodeReply | undefined)[], before: Siblings): RestoreOutcome {
  for (const look of looks) {
    if (look?.kind !== 'record' || look.floor === undefined) continue
    const taken = admitted(look.floor, decodedOf(look.siblings), siblings, undefined)
    // A delete that the floor knows is no news, and nothing is missed.
    if (taken !== siblings) return isDeleted(siblings) ? 'known' : 'obsolete'
  }
  if (before === emptySiblings) return 'new'
  const how = relation(siblings, before)
  if (how === 'equal') return 'known'
  if (how !== 'before') return 'merged'
  return isDeleted(before) && !isDeleted(siblings) ? 'deleted' : 'known'
}

function decodedOf(bytes: Uint8Array): Siblings {
  return bytes.length === 0 ? emptySiblings : decodeSiblings(bytes)
}

function done(outcome: RestoreOutcome): RestoredRecord {
  return { outcome, why: '', mayRetry: false }
}

function lacking(owners: readonly Owner[], count: number, replies: readonly (VnodeReply | undefined)[]): RestoredRecord {
  const silent = owners.filter((_, index) => {
    const reply = replies[index]
    return reply === undefined || reply.kind === 'failed'
  })
  const failure = replies.find(reply => reply?.kind === 'failed')
  const reason = failure?.kind === 'failed' ? `: ${failure.fault.detail}` : ''
  const names = silent.map(({ host }) => host.name).join(', ')
  return { outcome: 'failed', why: `${count} of ${owners.length} owners took it, not ${names}${reason}`, mayRetry: true }
}

/** Of those that own it now, and of those that will once a host has joined or left. */
function isQuorum(owners: readonly Owner[], has: (index: number) => boolean): boolean {
  for (const side of ['isPresent', 'isFuture'] as const) {
    const indices = owners.flatMap((owner, index) => (owner[side] ? [index] : []))
    if (indices.length > 0 && indices.filter(has).length < quorumOf(indices.length)) return false
  }
  return true
}

function ownersWith({ owners, future, hosts }: RingView, partition: number, n: number): Owner[] {
  const present = preferenceOf(owners, partition, n)
  const coming = future.length === 0 ? [] : preferenceOf(future, partition, n)
  return [...new Set([...present, ...coming])].flatMap(index => {
    const host = hosts[index]
    return host === undefined ? [] : [{ host, isPresent: present.includes(index), isFuture: coming.includes(index) }]
  })
}

/**
 * Says to the owners of some partitions that records of a backup are going to come: no floor is raised from here on.
 * @throws {StoreError} unavailable: of some partition less than a quorum of the owners took note of it
 */
export async function openRestore(
  core: StoreCore,
  { view, table }: RingKeeperReply,
  id: string,
  partitions: readonly number[]
): Promise<void> {
  const n = Math.max(...classesIn(keyClassesOf(table, view.replicas)))
  await Promise.all(
    partitions.map(async partition => {
      const owners = ownersWith(view, partition, n)
      const replies = await Promise.all(
        owners.map(({ host }) => tryVnode(core, host, partition, { kind: 'open-restore', id }, askMs))
      )
      if (isQuorum(owners, index => replies[index]?.kind === 'stored')) return
      const { why } = lacking(owners, replies.filter(reply => reply?.kind === 'stored').length, replies)
      throw errorOf(fault('unavailable', `the restore is not open in partition ${partition}: ${why}`))
    })
  )
}

/** The end of it, at every host: one that owns a partition no more may have been told of it. @returns hosts that were not told */
export async function closeRestore(
  core: StoreCore,
  { hosts }: RingView,
  id: string,
  partitions: readonly number[]
): Promise<readonly string[]> {
  const unreached = new Set<string>()
  const close = async (partition: number, host: HostView): Promise<void> => {
    if (unreached.has(host.name)) return
    const reply = await answered(askVnode(core, host, partition, { kind: 'close-restore', id }, askMs))
    if (reply?.kind !== 'stored') unreached.add(host.name)
  }
  const atOnce = Math.max(1, Math.floor(asksAtOnce / Math.max(1, hosts.length)))
  for (let from = 0; from < partitions.length; from += atOnce) {
    const some = partitions.slice(from, from + atOnce)
    await Promise.all(some.flatMap(partition => hosts.map(host => close(partition, host))))
  }
  return [...unreached].sort()
}
