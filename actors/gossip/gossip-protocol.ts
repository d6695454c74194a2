import type { Ref, ThreadAddress } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import type { Brief } from '../../model/member-list.ts'
import type { HostState, Member } from '../../model/membership.ts'
import type { Promised } from '../../model/ring-change.ts'
import type { HintsListed } from '../coordinator/coordinator-protocol.ts'
import type { BucketProperties, BucketTable } from '../ring/bucket-table.ts'

/** What a cluster is born with and keeps for ever. */
export interface ClusterShape {
  /** Random, so that two clusters of one name are not taken for each other. */
  readonly id: string
  readonly partitions: number
  /** Default N. */
  readonly replicas: number
}

/** A member as this host sees it. `state` is what is said of it, by itself or by who suspects it. */
export interface SeenMember extends Member {
  /** What this host goes by: as `state`, but `down` for a self whose name another one has taken. */
  readonly seenState: HostState
  readonly isBack: boolean
  /** Whether this host's own probes reach it; false where only others vouch for it. */
  readonly isDirect: boolean
  /** Another identity has come to take its name and place; it will be removed when that one has its data. */
  readonly isReplaced: boolean
  /** An operator has declared it dead, and it will be removed when others have its data. */
  readonly isRemoving: boolean
}

/** What survives a restart of the host. */
export interface ClusterState {
  readonly cluster: ClusterShape
  readonly members: readonly Member[]
  readonly table: BucketTable
  /** By whose ring this host has promised to write. */
  readonly promised?: Promised | undefined
}

/** That a member was alive when its heartbeat counter stood so. */
export interface Beat {
  readonly uid: number
  readonly incarnation: number
  readonly heartbeat: number
}

/** What each message between agents of one cluster brings along. */
export interface Gist extends Beat {
  /** Id of the cluster. The uid, incarnation and heartbeat beside it are the sender's. */
  readonly cluster: string
  /** The sender's name. */
  readonly from: string
  /** Digest of the sender's view: where it is another, the two have something to tell each other. */
  readonly view: number
  /** The same of its bucket table. */
  readonly table: number
  readonly news: readonly Brief[]
  /** Whom the sender has heard of by itself, a moment ago. */
  readonly beats: readonly Beat[]
}

/** One row of a view, by its digest. */
export interface RowDigest {
  readonly uid: number
  readonly digest: number
}

/** Between gossip agents, `HOST.system.gossip-agent`. */
export type SwimMessage =
  /** Are you alive, and the one that is meant? Answered by `gossip-ack`. */
  | { readonly kind: 'gossip-probe'; readonly gist: Gist; readonly target: number; readonly replyTo: Ref<SwimMessage> }
  /** Probe that one for me: answered by `gossip-ack` where it lives, by `gossip-nack` where it gives no answer. */
  | {
      readonly kind: 'gossip-relay'
      readonly gist: Gist
      readonly target: number
      readonly name: string
      readonly replyTo: Ref<SwimMessage>
    }
  | { readonly kind: 'gossip-ack'; readonly gist: Gist; readonly target: number }
  | { readonly kind: 'gossip-nack'; readonly gist: Gist; readonly target: number }
  | { readonly kind: 'gossip-news'; readonly gist: Gist }
  /** All rows of the sender by digest. Answered by `gossip-rows`. */
  | { readonly kind: 'gossip-sync'; readonly gist: Gist; readonly digests: readonly RowDigest[] }
  /** Rows in full; `wants`: uids whose rows the sender wants; `more`: how many it could not put in. */
  | {
      readonly kind: 'gossip-rows'
      readonly gist: Gist
      readonly members: readonly Member[]
      readonly wants: readonly number[]
      readonly more: number
    }
  /** Bucket properties: all, or those that were changed. `wantsReply`: answer with yours. */
  | { readonly kind: 'gossip-table'; readonly gist: Gist; readonly table: BucketTable; readonly wantsReply: boolean }
  /**
   * To everybody, from one that belongs to no cluster yet. `founded`: but has begun one of its own, which it would give up.
   * `formerly`: the uid that its data directory had before it lost its data, so that self is no more; 0 for none.
   */
  | { readonly kind: 'gossip-hello'; readonly member: Member; readonly founded: boolean; readonly formerly: number }
  /** Come in. `ticket` and `seat`: the incarnation and seat to take. `table`: see `gossip-table`. */
  | {
      readonly kind: 'gossip-welcome'
      readonly cluster: ClusterShape
      readonly from: string
      readonly uid: number
      readonly ticket: number
      readonly seat: number | undefined
      /** Of the self whose place it takes. */
      readonly weight?: number | undefined
      readonly place?: string | undefined
      /** It is to wait until a plan with its join is committed. */
      readonly waits?: boolean | undefined
      readonly table: BucketTable
    }
  /** You cannot come in, since another one lives under your name: `holder`, its uid; or for another reason: 0. */
  | { readonly kind: 'gossip-unwelcome'; readonly uid: number; readonly holder: number; readonly why: string }

/** The gossip agent of a host: `HOST.system.gossip-agent`. */
export type GossipMessage =
  | SwimMessage
  /** Set properties of a bucket, and spread them at once. Answered by `bucket-set` or `refused`. */
  | {
      readonly kind: 'set-bucket'
      readonly bucket: string
      readonly properties: Partial<BucketProperties>
      readonly replyTo: Ref<BucketReply>
    }
  /** Give up your place on the ring, hand over what you keep, and end. Answered by `change-told` or `refused`. */
  | { readonly kind: 'leave'; readonly order: ChangeOrder; readonly replyTo: Ref<ChangeReply> }
  /** Have a dead host removed; passed on to the host that sees it through already. Answered as `leave`. */
  | {
      readonly kind: 'remove'
      readonly name: string
      readonly order: ChangeOrder
      readonly isPassedOn?: true
      readonly replyTo: Ref<ChangeReply>
    }
  /** Have a datacenter removed all of whose hosts are down for good. Answered by `datacenter-removed` or `refused`. */
  | { readonly kind: 'remove-datacenter'; readonly dc: string; readonly replyTo: Ref<DatacenterReply> }
  /** An operator's word on staged changes; passed on to the host that keeps them, or can. Answered by `plan-told` or `refused`. */
  | { readonly kind: 'plan'; readonly order: PlanOrder; readonly isPassedOn?: true; readonly replyTo: Ref<PlanReply> }
  /** What this host's threads keep for others, while it is drained. */
  | HintsListed
  /** From the transfer agent: all that this host will own on the future ring has arrived. `epoch`: see `arrivalOf`. */
  | { readonly kind: 'arrived'; readonly epoch: string }
  /** From a coordinator of this host: nothing is under way any more that its thread began by another ring than that of `epoch`. */
  | { readonly kind: 'settled'; readonly thread: ThreadAddress; readonly epoch: string }
  /** To itself. */
  | { readonly kind: 'round' }
  | { readonly kind: 'spread' }
  | { readonly kind: 'publish' }
  | { readonly kind: 'probe-late'; readonly sequence: number }
  | { readonly kind: 'probe-over'; readonly sequence: number }
  | { readonly kind: 'suspicion-over'; readonly uid: number; readonly incarnation: number }

/** Begin it; give it up, which can be done until the ring has moved; or only tell how it stands. */
export type ChangeOrder = 'begin' | 'give-up' | 'tell'

/** How the change of a host's place on the ring stands. */
export type ChangeReply =
  | {
      readonly kind: 'change-told'
      readonly host: string
      /** What it is now: `joining`, `up`, `leaving`, `drained`, `left`, `removed`; `removing` while others fetch what a dead host had. */
      readonly stands: string
      /** What it waits for, in sentences; empty where nothing is under way. */
      readonly waitsFor: readonly string[]
    }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly epoch: string }

export type DatacenterReply =
  | { readonly kind: 'datacenter-removed'; readonly dc: string; readonly hosts: readonly string[] }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly epoch: string }

/** A change to stage, hosts by name. */
export type WantedChange =
  | { readonly kind: 'join'; readonly host: string }
  | { readonly kind: 'leave'; readonly host: string }
  | { readonly kind: 'weight'; readonly host: string; readonly weight: number }
  /** `host`, which waits or joins, takes the place of `replaced`. */
  | { readonly kind: 'replace'; readonly host: string; readonly replaced: string }

export type PlanOrder =
  | { readonly what: 'tell' | 'commit' | 'pause' | 'resume' | 'abort' }
  | { readonly what: 'stage'; readonly change: WantedChange }
  /** From the autoscaler, to its own host: a plan of this one change, committed, where there is no other plan. */
  | { readonly what: 'submit'; readonly change: WantedChange }
  /** 0: as fast as hosts can. */
  | { readonly what: 'throttle'; readonly bytesPerSecond: number }

export type PlanReply =
  | {
      readonly kind: 'plan-told'
      readonly cluster: ClusterShape
      /** Replicas that some bucket asks for. */
      readonly hostsNeeded: number
      /** As the host that answers sees them: all that a plan, its progress and the rings before and after follow from. */
      readonly members: readonly Member[]
      /** What the change that has its turn waits for, in sentences. */
      readonly waitsFor: readonly string[]
    }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly epoch: string }

export type BucketReply =
  | { readonly kind: 'bucket-set' }
  | { readonly kind: 'refused'; readonly fault: Fault; readonly epoch: string }
