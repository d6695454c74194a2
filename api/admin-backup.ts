import type { CoordinatorMessage, HintsListed } from '../actors/coordinator/coordinator-protocol.ts'
import { type BucketProperties, propertiesOf } from '../actors/ring/bucket-table.ts'
import { preferenceOf } from '../actors/ring/ring-index.ts'
import type { RingKeeperReply } from '../actors/ring/ring-keeper-protocol.ts'
import { type HostView, isReachable, type RingView, vnodeAddressOf } from '../actors/ring/ring-view.ts'
import { classesHash, classesIn, keyClassesOf } from '../actors/vnode/key-classes.ts'
import type { VnodeMessage, VnodeReply } from '../actors/vnode/vnode-protocol.ts'
import { addressOf, threadAddressOf } from '../bus/bus.ts'
import { fault } from '../model/fault.ts'
import { quorumOf } from '../model/quorum.ts'
import { badRequest, errorOf, StoreError } from './client/errors.ts'
import type { StoreCore, WithoutReplyTo } from './client/store-core.ts'

/** What a backup has to know before it reads anything. */
export interface CutBegun {
  readonly cluster: string
  readonly cluster_id: string
  readonly partitions: number
  readonly replicas: number
  readonly hosts: readonly { readonly name: string; readonly uid: number }[]
  /** Of buckets that were given any. */
  readonly buckets: Readonly<Record<string, Partial<BucketProperties>>>
  /** So many hosts may stay unread, and every write that its bucket's w acknowledged is in the cut all the same. */
  readonly unread_max: number
  /** Hosts that did not say which hints they keep. */
  readonly silent: readonly string[]
  /** Who keeps hints, for whom (a uid), of which partitions. To be read before the owners are. */
  readonly hints: readonly (readonly [host: string, target: number, partitions: readonly number[]])[]
}

/** The root of one class of a partition. */
export interface TreeShown {
  /** The class. */
  readonly n: number
  readonly depth: number
  readonly keys: number
  /** 16 hex digits. */
  readonly root: string
}

/** How the owners of one partition stand to each other. */
export interface PartitionOpened {
  readonly epoch: string
  /** In the order of preference; those of the largest n. */
  readonly owners: readonly string[]
  /** Of these, the ones that did not answer. */
  readonly unread: readonly string[]
  /** Equal at all owners that answered, so that one of them has all; null: not so, read them all. */
  readonly trees: readonly TreeShown[] | null
}

const rootsMs = 15_000
/** A vnode that was given it before does not wait for the others. */
const listMs = 5_000

/** Describes the cluster, and finds the hints that are on their way. */
export async function beginCut(core: StoreCore, described: RingKeeperReply): Promise<CutBegun> {
  const { view, table, cluster } = described
  const kept = await Promise.all(view.hosts.map(host => hintsOf(core, host)))
  const hints: [string, number, number[]][] = []
  for (const [index, listed] of kept.entries()) {
    const targets = new Map<number, number[]>()
    for (const { partition, target, pending } of listed ?? []) {
      if (pending === 0) continue
      const partitions = targets.get(target)
      if (partitions === undefined) targets.set(target, [partition])
      else partitions.push(partition)
    }
    for (const [target, partitions] of targets) hints.push([view.hosts[index]!.name, target, partitions])
  }
  return {
    cluster: view.cluster,
    cluster_id: cluster.id,
    partitions: view.partitions,
    replicas: view.replicas,
    hosts: view.hosts.map(({ name, uid }) => ({ name, uid })),
    buckets: Object.fromEntries(Object.entries(table).map(([bucket, { properties }]) => [bucket, properties])),
    unread_max: leastW(described) - 1,
    silent: view.hosts.filter((_, index) => kept[index] === undefined).map(({ name }) => name),
    hints
  }
}

/** Of any bucket, as long as a request does not ask for less. */
function leastW({ view, table, defaults }: RingKeeperReply): number {
  const all = [defaults, ...Object.keys(table).map(bucket => propertiesOf(table, bucket, defaults))]
  const hosts = Math.max(1, view.hosts.length)
  return Math.min(...all.map(({ n, w }) => (w === 0 ? quorumOf(Math.min(n, hosts)) : Math.min(w, hosts))))
}

async function hintsOf(core: StoreCore, host: HostView): Promise<HintsListed['hints'] | undefined> {
  const message: WithoutReplyTo<Extract<CoordinatorMessage, { kind: 'list-hints' }>> = { kind: 'list-hints' }
  const threads = Array.from({ length: host.threads }, (_, thread) => threadAddressOf(host.name, `data-${thread}`))
  const lists = await Promise.all(
    threads.map(thread => {
      const to = { address: addressOf(thread, 'coordinator'), correlation: 0, incarnation: 0 }
      return answered(core.ask<HintsListed>(to, message, listMs))
    })
  )
  return lists.every(list => list?.kind === 'hints-listed') ? lists.flatMap(list => list?.hints ?? []) : undefined
}

/**
 * Compares the owners of a partition by the roots of their trees.
 * @throws {StoreError} unavailable while a host joins or leaves: hints may move from one host to another unseen
 */
export async function openPartition(
  core: StoreCore,
  { view, table }: RingKeeperReply,
  partition: number
): Promise<PartitionOpened> {
  checkQuiet(view)
  const classes = keyClassesOf(table, view.replicas)
  const hash = classesHash(classes)
  const owners = ownersOf(view, partition, Math.max(...classesIn(classes)))
  const message: WithoutReplyTo<Extract<VnodeMessage, { kind: 'roots' }>> = { kind: 'roots', classes }
  const replies = await Promise.all(owners.map(host => tryVnode(core, host, partition, message, rootsMs)))
  const names = owners.map(({ name }) => name)
  const unread = names.filter((_, index) => replies[index]?.kind !== 'roots')
  const trees: TreeShown[] = []
  let areEqual = true
  for (const n of classesIn(classes)) {
    const shown = replies.slice(0, n).flatMap(reply => {
      if (reply?.kind !== 'roots') return []
      const tree = reply.trees.find(each => each.n === n)
      const isSound = reply.classes === hash && reply.corrupt === 0 && tree !== undefined
      return [isSound ? { n, depth: tree.depth, keys: tree.keys, root: rootText(tree) } : undefined]
    })
    const [first] = shown
    if (first === undefined || shown.some(tree => tree?.root !== first.root)) areEqual = false
    else trees.push(first)
  }
  return { epoch: view.epoch, owners: names, unread, trees: areEqual ? trees : null }
}

/** The children of inner nodes of one owner's tree, as `encodeChildren` lays them. @throws {StoreError} */
export async function childrenOf(
  core: StoreCore,
  view: RingView,
  query: { readonly partition: number; readonly n: number; readonly host: string; readonly nodes: readonly number[] }
): Promise<Uint8Array> {
  const { partition, n, nodes } = query
  const reply = await askVnode(core, hostNamed(view, query.host), partition, { kind: 'nodes', n, nodes }, listMs)
  if (reply.kind === 'nodes') return reply.children
  throw errorOf(reply.kind === 'failed' ? reply.fault : fault('internal', `a vnode answered ${reply.kind} to nodes`))
}

export function rootText({ high, low }: { readonly high: number; readonly low: number }): string {
  return `${(high >>> 0).toString(16).padStart(8, '0')}${(low >>> 0).toString(16).padStart(8, '0')}`
}

/** Members whose place on the ring moves, or is about to. */
function checkQuiet({ hosts, future, moving }: RingView): void {
  const changing = hosts.filter(({ standing, isReplaced, uid }) => (standing !== 'up' && !isReplaced) || uid === moving)
  if (changing.length === 0 && future.length === 0 && moving === 0) return
  const names = changing.map(({ name, standing }) => `${name} is ${standing}`).join(', ')
  throw errorOf(fault('unavailable', `the ring is changing (${names || 'a host comes or goes'}): wait until that is over`))
}

export function ownersOf({ owners, hosts }: RingView, partition: number, n: number): HostView[] {
  return preferenceOf(owners, partition, n).flatMap(index => hosts[index] ?? [])
}

/** One that lost its disk, or is declared dead, has nothing to say. */
export function isReadable(host: HostView): boolean {
  return isReachable(host) && !host.isReplaced && !host.isRemoving
}

/** @throws {StoreError} bad_request */
export function hostNamed({ hosts }: RingView, name: string): HostView {
  const host = hosts.find(each => each.name === name)
  if (host === undefined) throw badRequest(`there is no host ${JSON.stringify(name.slice(0, 64))}`)
  return host
}

/** @throws {StoreError} it did not answer, or refused */
export function askVnode(
  core: StoreCore,
  host: HostView,
  partition: number,
  message: WithoutReplyTo<VnodeMessage>,
  timeoutMs: number
): Promise<VnodeReply> {
  return core.ask<VnodeReply>({ address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 }, message, timeoutMs)
}

/** undefined: it is away, did not answer, or refused to be asked. */
export async function tryVnode(
  core: StoreCore,
  host: HostView,
  partition: number,
  message: WithoutReplyTo<VnodeMessage>,
  timeoutMs: number
): Promise<VnodeReply | undefined> {
  return isReadable(host) ? answered(askVnode(core, host, partition, message, timeoutMs)) : undefined
}

/** undefined: it did not answer. */
export async function answered<R>(asked: Promise<R>): Promise<R | undefined> {
  try {
    return await asked
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return undefined
  }
}
