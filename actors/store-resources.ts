import type { DotClock, Store } from '../storage/store.ts'
import type { BucketProperties } from './ring/bucket-table.ts'

/** What a data thread lends to its actors. */
export interface StoreResources {
  readonly store: Store
  readonly dots: DotClock
  readonly settings: StoreSettings
}

export interface StoreSettings {
  /** Where a bucket says nothing. */
  readonly defaults: BucketProperties
  /** Key and value together, in bytes. */
  readonly pairBytesMax: number
  readonly requestTimeoutMs: number
  /** A read waits so long for the replicas it asked before it asks the others. */
  readonly hedgeMs: number
  /** Share of reads that ask every replica, so that a stale one is found: 0..1. */
  readonly readRepairChance: number
  /** Tell the door of this thread of each accepted write, for change events. */
  readonly events: boolean
}
