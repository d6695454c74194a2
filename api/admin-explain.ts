import { type FloorAgentReply, floorAgentName } from '../actors/floor/floor-agent-protocol.ts'
import { leaderOf } from '../actors/floor/floor-owners.ts'
import { preferenceOf } from '../actors/ring/ring-index.ts'
import { isReachable, type RingView, vnodeAddressOf } from '../actors/ring/ring-view.ts'
import type { VnodeReply } from '../actors/vnode/vnode-protocol.ts'
import { addressOf, threadAddressOf } from '../bus/bus.ts'
import { type Key, partitionOf, positionOf } from '../model/key.ts'
import { StoreError } from './client/errors.ts'
import type { StoreCore } from './client/store-core.ts'

type Inspected = Extract<VnodeReply, { kind: 'inspected' }>

export interface ReplicaExplained {
  readonly host: string
  readonly role: 'primary' | 'fallback'
  readonly state: string
  /** Whether it answered; what follows is unknown where it did not. */
  readonly reached: boolean
  readonly found: boolean
  readonly dots: readonly (readonly [string, number])[]
  readonly siblings: number
  readonly tombstone: boolean
  readonly digest: string
  readonly bytes: number
}

/** A write that some host keeps for another one that was away. */
export interface HintExplained {
  readonly target: string
  readonly keeper: string
  readonly age_ms: number
}

/** What each replica holds of one key. */
export interface Explanation {
  readonly partition: number
  readonly preference: readonly ReplicaExplained[]
  readonly hints: readonly HintExplained[]
  /** Whether all replicas that answered hold the same. */
  readonly agree: boolean
  /** Why a tombstone of the key is there still; '' where nothing but time is missing, null where there is none. */
  readonly tombstone_waits: string | null
}

const unknown = Object.freeze({ found: false, dots: Object.freeze([]), siblings: 0, tombstone: false, digest: '', bytes: 0 })

/** @param replicas n of the key's bucket */
export async function explainKey(
  core: StoreCore,
  view: RingView,
  key: Key,
  replicas: number,
  timeoutMs: number
): Promise<Explanation> {
  const partition = partitionOf(positionOf(key), view.partitions)
  const owners = preferenceOf(view.owners, partition, replicas)
  const coming =
    view.future.length === 0 ? [] : preferenceOf(view.future, partition, replicas).filter(index => !owners.includes(index))
  const places = [...owners, ...coming]
  const replies = await Promise.all(places.map(index => ask(core, view, index, partition, key, timeoutMs)))
  const preference = places.map((index, at) => explained(view, index, replies[at]))
  const isDeleted = preference.some(replica => replica.tombstone)
  const tombstone_waits = isDeleted ? await waitOf(core, view, partition, timeoutMs) : null
  const digests = new Set(preference.filter(replica => replica.reached).map(replica => replica.digest))
  const keepers = [...view.hosts.keys()].filter(index => !owners.includes(index) && !coming.includes(index))
  const others = await Promise.all(keepers.map(index => ask(core, view, index, partition, key, timeoutMs)))
  const hints = [...replies, ...others].flatMap((reply, at) => hintsOf(view, [...places, ...keepers][at]!, reply))
  return { partition, preference, hints, agree: digests.size <= 1, tombstone_waits }
}

/** What the host says that leads the purging of the partition's tombstones. */
async function waitOf(core: StoreCore, view: RingView, partition: number, timeoutMs: number): Promise<string> {
  const leader = leaderOf(view, partition)
  if (leader === undefined || !isReachable(leader))
    return `${leader?.name ?? 'the first owner'} is away, which would prove that all know of it`
  try {
    const address = addressOf(threadAddressOf(leader.name, 'system'), floorAgentName)
    const ask = { kind: 'describe-floor', partition } as { readonly kind: 'describe-floor' }
    const reply = await core.ask<FloorAgentReply>({ address, correlation: 0, incarnation: 0 }, ask, timeoutMs)
    return reply.why
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return `${leader.name} does not answer, which would prove that all know of it`
  }
}

/** @returns undefined where it is away or does not answer */
async function ask(
  core: StoreCore,
  view: RingView,
  index: number,
  partition: number,
  key: Key,
  timeoutMs: number
): Promise<Inspected | undefined> {
  const host = view.hosts[index]!
  if (!isReachable(host)) return undefined
  try {
    const reply = await core.ask<VnodeReply>(
      { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 },
      { kind: 'inspect', key } as { readonly kind: 'inspect' },
      timeoutMs
    )
    return reply.kind === 'inspected' ? reply : undefined
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return undefined
  }
}

function explained(view: RingView, index: number, reply: Inspected | undefined): ReplicaExplained {
  const host = view.hosts[index]!
  const about = { host: host.name, role: 'primary', state: host.state } as const
  return reply === undefined ? { ...about, reached: false, ...unknown } : { ...about, reached: true, ...shownOf(reply) }
}

function shownOf({
  found,
  dots,
  siblings,
  tombstone,
  digest,
  bytes
}: Inspected): Omit<ReplicaExplained, 'host' | 'role' | 'state' | 'reached'> {
  return { found, dots, siblings, tombstone, digest, bytes }
}

/** A target that is no member any more is shown by its uid, as 8 hex digits. */
function hintsOf(view: RingView, keeper: number, reply: Inspected | undefined): readonly HintExplained[] {
  // A host of an earlier release says nothing of hints.
  return (reply?.hints ?? []).map(({ target, ageMs }) => ({
    target: view.hosts.find(({ uid }) => uid === target)?.name ?? target.toString(16).padStart(8, '0'),
    keeper: view.hosts[keeper]!.name,
    age_ms: ageMs
  }))
}
