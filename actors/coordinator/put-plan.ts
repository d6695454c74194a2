import type { Ref } from '../../bus/bus.ts'
import type { CausalContext } from '../../model/causal-context.ts'
import type { Key } from '../../model/key.ts'
import type { Durability } from '../../storage/store.ts'
import type { Elsewhere } from '../replication/elsewhere.ts'
import type { ReplicaSet } from '../ring/ring-index.ts'
import type { Resolver } from '../vnode/vnode-protocol.ts'
import type { PutReply } from './coordinator-protocol.ts'
import type { DirectPut } from './direct-put.ts'

/** What a put is to do, as its request and the ring have it. */
export interface PutPlan {
  readonly id: number
  readonly key: Key
  /** As it is stored, as is the content type: see model/value-coding. */
  readonly value: Uint8Array
  readonly contentType: string
  readonly tombstone: boolean
  readonly context: CausalContext | undefined
  readonly create: boolean
  readonly expiresMs: number
  readonly set: ReplicaSet
  readonly needed: number
  /** Of the owners to be, while hosts join. */
  readonly futureNeeded: number
  readonly primariesNeeded: number
  readonly durableNeeded: number
  readonly durability: Durability
  readonly resolver: Resolver
  /** R of reads that follow: for what the reply promises. */
  readonly readsNeeded: number
  /** Whether fallbacks count towards W. */
  readonly isSloppy: boolean
  readonly wantsReceipt: boolean
  /** Where the client counts by itself. */
  readonly direct: DirectPut | undefined
  /** Where there are other datacenters. */
  readonly elsewhere: Elsewhere | undefined
  readonly deadlineMs: number
  readonly startedMs: number
  readonly replyTo: Ref<PutReply>
}
