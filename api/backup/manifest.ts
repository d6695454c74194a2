import { createHash } from 'node:crypto'
import type { BucketProperties } from '../../actors/ring/bucket-table.ts'
import { bucketFault } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { CommandFailure } from '../cli/terminal.ts'
import type { WrittenSegment } from './segment-format.ts'

/** One partition of a cut. */
export interface PartCut {
  readonly partition: number
  readonly records: number
  /** Of these, such as hold nothing but a delete. */
  readonly tombstones: number
  /** Of keys and records. */
  readonly bytes: number
  /** The Merkle tree's roots over all its records, one for each class of keys that there is. */
  readonly trees: readonly CutTree[]
  /** Oldest first: what a later one says of a key counts. */
  readonly segments: readonly WrittenSegment[]
  /** The roots were those on which the owners agreed. false: there were writes meanwhile, or owners that differed. */
  readonly isProven: boolean
  /** It is as the parent has it. */
  readonly isUnchanged: boolean
  /** Hosts that were not read, or not all of whose records could be. */
  readonly unread: readonly string[]
  /** Among them may be the only ones with a copy of a write; or records were left out that are too large to travel. */
  readonly isPartial: boolean
}

export interface CutTree {
  readonly n: number
  readonly keys: number
  /** 16 hex digits. */
  readonly root: string
}

/** A cut: what a cluster held. */
export interface Manifest {
  readonly version: 1
  readonly id: string
  /** The cut to which it adds; null: none. */
  readonly parent: string | null
  readonly cluster: string
  readonly cluster_id: string
  readonly partitions: number
  readonly replicas: number
  readonly hosts: readonly { readonly name: string; readonly uid: number }[]
  /** All properties that were set, by bucket. */
  readonly buckets: Readonly<Record<string, Partial<BucketProperties>>>
  /** Only this bucket was read; null: all. */
  readonly bucket: string | null
  /** ISO 8601. What was acknowledged before is in it. */
  readonly began: string
  readonly ended: string
  /** Hosts were left out that may have had the only copy of a write. */
  readonly isPartial: boolean
  readonly parts: readonly PartCut[]
}

/** A manifest is missing, damaged, or no manifest. */
export class BadManifest extends CommandFailure {
  constructor(what: string) {
    super(what)
    this.name = 'BadManifest'
  }
}

export function encodeManifest(cut: Manifest): string {
  const text = JSON.stringify(cut)
  return `{"format":"carillon-backup","sha256":"${digestOfText(text)}",\n"cut":${text}}\n`
}

/** @throws {BadManifest} it says what is wrong with which file */
export function decodeManifest(text: string, path: string): Manifest {
  const bad = (why: string) => new BadManifest(`${path} ${why}`)
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch {
    throw bad('is damaged: it is no JSON')
  }
  const { format, sha256, cut } = membersOf(file)
  if (format !== 'carillon-backup') throw bad('is no manifest of a backup')
  const { version } = membersOf(cut)
  if (version !== 1) throw bad(`has version ${String(version)}, this command knows 1: use the one that wrote it`)
  if (sha256 !== digestOfText(JSON.stringify(cut))) throw bad('is damaged: its checksum does not hold')
  if (!isManifest(cut)) throw bad('is no manifest of a backup: it lacks what every manifest has')
  return cut
}

function digestOfText(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

type Members = Readonly<Record<string, unknown>>

function membersOf(value: unknown): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {}
}

/** Whoever can write a checksum may be hostile all the same: what follows from it stays within bounds, and paths within the directory. */
function isManifest(cut: unknown): cut is Manifest {
  const { id, parent, cluster, cluster_id, partitions, replicas, hosts, buckets, bucket, began, ended, isPartial, parts } =
    membersOf(cut)
  return (
    [id, cluster, cluster_id, began, ended].every(each => typeof each === 'string') &&
    /^[A-Za-z0-9_-]{1,64}$/.test(cluster_id as string) &&
    (parent === null || typeof parent === 'string') &&
    (bucket === null || (typeof bucket === 'string' && bucketFault(bucket) === undefined)) &&
    isWhole(partitions, 1, limits.partitionsMax) &&
    isWhole(replicas, 1, limits.replicasMax) &&
    typeof isPartial === 'boolean' &&
    Array.isArray(hosts) &&
    hosts.every(host => typeof membersOf(host)['name'] === 'string' && isWhole(membersOf(host)['uid'], 0, 0xffff_ffff)) &&
    Object.entries(membersOf(buckets)).every(
      ([name, properties]) => bucketFault(name) === undefined && areProperties(properties)
    ) &&
    Array.isArray(parts) &&
    parts.length === partitions &&
    parts.every((part, partition) => isPart(part) && part.partition === partition)
  )
}

function areProperties(value: unknown): boolean {
  const { n } = membersOf(value)
  return typeof value === 'object' && value !== null && (n === undefined || isWhole(n, 1, limits.replicasMax))
}

/** Also of a line of a journal. */
export function isPart(value: unknown): value is PartCut {
  const { partition, records, tombstones, bytes, trees, segments, isProven, isUnchanged, unread, isPartial } = membersOf(value)
  return (
    [partition, records, tombstones, bytes].every(each => isWhole(each, 0, Number.MAX_SAFE_INTEGER)) &&
    typeof isProven === 'boolean' &&
    typeof isUnchanged === 'boolean' &&
    typeof isPartial === 'boolean' &&
    Array.isArray(unread) &&
    unread.every(name => typeof name === 'string') &&
    Array.isArray(trees) &&
    trees.every(isTree) &&
    Array.isArray(segments) &&
    segments.every(isSegment)
  )
}

function isTree(value: unknown): boolean {
  const { n, keys, root } = membersOf(value)
  return isWhole(n, 1, limits.replicasMax) && isWhole(keys, 0, Number.MAX_SAFE_INTEGER) && isHex(root, 16)
}

function isSegment(value: unknown): boolean {
  const { hash, bytes, entries } = membersOf(value)
  return isHex(hash, 64) && isWhole(bytes, 0, Number.MAX_SAFE_INTEGER) && isWhole(entries, 0, Number.MAX_SAFE_INTEGER)
}

function isHex(value: unknown, digits: number): boolean {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value)
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
}
