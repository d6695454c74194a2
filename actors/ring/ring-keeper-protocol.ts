import type { Ref } from '../../bus/bus.ts'
import type { ClusterShape, SeenMember } from '../gossip/gossip-protocol.ts'
import type { BucketProperties, BucketTable } from './bucket-table.ts'
import type { RingView, TransferPace } from './ring-view.ts'

/** A subscription is forgotten after twice this time. */
export const ringLeaseMs = 2_000

/** The ring keeper of a host: `HOST.system.ring-keeper`. */
export type RingKeeperMessage =
  /** From the gossip agent, whenever its view changed. */
  | {
      readonly kind: 'members'
      readonly members: readonly SeenMember[]
      readonly cluster: ClusterShape
      /** Uid of the host whose place on the ring changes now; 0: none. */
      readonly moving: number
      /** Where this host gives up its place: the epoch of the view in which it answers no more reads; '' else. */
      readonly closing: string
      /** See `RingView.pace`. */
      readonly pace?: TransferPace | undefined
    }
  | { readonly kind: 'buckets'; readonly table: BucketTable }
  /** What do you know? Answered by `cluster`. */
  | { readonly kind: 'describe-cluster'; readonly replyTo: Ref<RingKeeperReply> }
  /**
   * An actor that wants the ring and the buckets, now and whenever they change: answered by `ring` and `buckets`, again and again.
   * To be said again every `ringLeaseMs`, for either end may have been restarted; `have` is the revision known already, '' at first.
   */
  | { readonly kind: 'subscribe'; readonly have: string; readonly replyTo: Ref<RingNews> }

export type RingNews =
  | { readonly kind: 'ring'; readonly view: RingView }
  | { readonly kind: 'buckets'; readonly table: BucketTable }

export type RingKeeperReply = {
  readonly kind: 'cluster'
  readonly cluster: ClusterShape
  readonly view: RingView
  readonly table: BucketTable
  readonly defaults: BucketProperties
}
