import type { Ref } from '../bus/bus.ts'
import type { Fault } from '../model/fault.ts'
import type { HostState, Member } from '../model/membership.ts'
import type { BucketProperties, BucketTable } from './bucket-table.ts'

/** What a cluster is born with and keeps for ever. */
export interface ClusterShape {
  /** Random, so that two clusters of one name are not taken for each other. */
  readonly id: string
  readonly partitions: number
  /** Default N. */
  readonly replicas: number
}

/** A member as this host sees it: `state` is what the member says of itself, `seenState` what its silence says. */
export interface SeenMember extends Member {
  readonly seenState: HostState
  readonly isBack: boolean
}

/** What survives a restart of the host. */
export interface ClusterState {
  readonly cluster: ClusterShape
  readonly members: readonly Member[]
  readonly table: BucketTable
}

/** The gossip agent of a host: `HOST.system.gossip-agent`. */
export type GossipMessage =
  /** All that the sender knows. `wantsReply`: answer with what you know. */
  | {
      readonly kind: 'gossip'
      readonly from: string
      /** undefined: the sender is new and belongs to no cluster yet. */
      readonly cluster: ClusterShape | undefined
      readonly members: readonly Member[]
      readonly table: BucketTable
      readonly wantsReply: boolean
    }
  /** Set properties of a bucket, and spread them at once. Answered by `bucket-set` or `refused`. */
  | {
      readonly kind: 'set-bucket'
      readonly bucket: string
      readonly properties: Partial<BucketProperties>
      readonly replyTo: Ref<BucketReply>
    }
  /** From the transfer agent: all that this host will own on the future ring of that epoch has arrived. */
  | { readonly kind: 'arrived'; readonly epoch: string }
  /** To itself. */
  | { readonly kind: 'round' }

export type BucketReply =
  | { readonly kind: 'bucket-set' }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly epoch: string }
