import { preferenceOf } from '../actors/ring-index.ts'
import { isReachable, type RingView, vnodeAddressOf } from '../actors/ring-view.ts'
import type { VnodeReply } from '../actors/vnode-protocol.ts'
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
  const preference = await Promise.all([...owners, ...coming].map(index => inspect(core, view, index, partition, key, timeoutMs)))
  const digests = new Set(preference.filter(replica => replica.reached).map(replica => replica.digest))
  return { partition, preference, hints: hintsOf(preference), agree: digests.size <= 1 }
}

async function inspect(
  core: StoreCore,
  view: RingView,
  index: number,
  partition: number,
  key: Key,
  timeoutMs: number
): Promise<ReplicaExplained> {
  const host = view.hosts[index]!
  const about = { host: host.name, role: 'primary', state: host.state } as const
  if (!isReachable(host)) return { ...about, reached: false, ...unknown }
  try {
    const reply = await core.ask<VnodeReply>(
      { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 },
      { kind: 'inspect', key } as { readonly kind: 'inspect' },
      timeoutMs
    )
    return reply.kind === 'inspected' ? { ...about, reached: true, ...shownOf(reply) } : { ...about, reached: false, ...unknown }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    return { ...about, reached: false, ...unknown }
  }
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

/** As the vnodes report them; no part of a vnode's report names hints yet. */
function hintsOf(preference: readonly ReplicaExplained[]): readonly HintExplained[] {
  return preference.flatMap(replica => ('hints' in replica ? (replica.hints as readonly HintExplained[]) : []))
}
