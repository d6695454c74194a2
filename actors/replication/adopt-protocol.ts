import type { Ref } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { Durability } from '../../storage/store.ts'

/** Between datacenters: a coordinator of another one is given a record for the owners of its own. */
export type AdoptMessage =
  /** Answered by `adopted` once a quorum of the owners there has flushed it; by `not-adopted`, and then it may come again. */
  | { readonly kind: 'adopt'; readonly key: Key; readonly siblings: Uint8Array; readonly replyTo: Ref<AdoptReply> }
  /** What does this thread owe other datacenters? Answered by `owed-listed`. */
  | { readonly kind: 'list-owed'; readonly replyTo: Ref<OwedListed> }

export type AdoptReply =
  | { readonly kind: 'adopted'; readonly acks: readonly AdoptAck[] }
  | { readonly kind: 'not-adopted'; readonly fault: Fault }

/** A replica of the other datacenter that has it. */
export interface AdoptAck {
  readonly host: string
  readonly zone: string
  readonly dc: string
  readonly role: 'primary'
  readonly durability: Durability
}

export interface OwedListed {
  readonly kind: 'owed-listed'
  /** `tag`: of the datacenter, see `owedTagOf`. `oldestMs`: wall clock, of the thread's oldest for that datacenter. */
  readonly owed: readonly { readonly partition: number; readonly tag: number; readonly pending: number }[]
  readonly oldest: readonly { readonly tag: number; readonly sinceMs: number }[]
  /** Since the thread started: created = delivered + superseded + pending. */
  readonly figures: {
    readonly created: number
    readonly superseded: number
    readonly delivered: number
    readonly pending: number
  }
}
