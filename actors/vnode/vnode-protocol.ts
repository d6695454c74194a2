import type { Ref } from '../../bus/bus.ts'
import type { CausalContext } from '../../model/causal-context.ts'
import type { Fault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { VersionVector } from '../../model/version-vector.ts'
import type { Durability } from '../../storage/store.ts'
import type { KeptFloor } from '../floor/floor-codec.ts'
import type { FloorMessage, FloorReply } from '../floor/floor-protocol.ts'
import type { OwedMessage, OwedReply } from '../replication/owed-protocol.ts'
import type { RepairMessage, RepairReply } from '../scrub/damage-protocol.ts'
import type { DirectAck } from './ack-protocol.ts'
import type { PeekMessage } from './peek-protocol.ts'
import type { RestoreMessage } from './restore-protocol.ts'
import type { TreeMessage, TreeReply } from './merkle-protocol.ts'
import type { StrayMessage, StrayReply } from './stray-protocol.ts'

/** How a bucket settles concurrent values: kept for the reader, or the newest by its writer's clock. */
export type Resolver = 'siblings' | 'last-write-wins'

export type VnodeMessage =
  | TreeMessage
  | HintMessage
  | RepairMessage
  | FloorMessage
  | IntakeMessage
  | StrayMessage
  | PeekMessage
  | RestoreMessage
  | OwedMessage
  /** Mint a dot for a new value or tombstone and store it. From the coordinator of the same thread only. Answered twice: `minted` at once, `stored` when durable. */
  | {
      readonly kind: 'write'
      readonly key: Key
      readonly value: Uint8Array
      readonly contentType: string
      readonly tombstone: boolean
      readonly context: CausalContext | undefined
      /** Refuse with key_exists where a live value is known here. */
      readonly create: boolean
      readonly modifiedMs: number
      readonly expiresMs: number
      /** This host is no owner of the key, and none is reachable: mint and keep it as a hint for the owner of this uid. */
      readonly standIn?: number | undefined
      /** The datacenters that are to have it besides, see `owedTagOf`; left out: there are none. */
      readonly owes?: readonly number[] | undefined
      readonly resolver: Resolver
      readonly durability: Durability
      readonly replyTo: Ref<VnodeReply>
    }
  /** Merge what another replica has. Answered by `stored`; by `obsolete` where all of it was purged here. */
  | {
      readonly kind: 'replicate'
      readonly key: Key
      readonly siblings: Uint8Array
      readonly resolver: Resolver
      readonly durability: Durability
      /** From an exchange: the floor that the sending vnode keeps for the key's class. */
      readonly floor?: VersionVector | undefined
      /** A client that counts by itself is to be told first, and the coordinator by `stored-list` later. */
      readonly direct?: DirectAck | undefined
      readonly replyTo: Ref<VnodeReply>
    }
  /** To itself: coordinators are to hear of what clients were told. */
  | { readonly kind: 'tell-acks' }
  /** What is here? Answered by `record`. */
  | { readonly kind: 'read'; readonly key: Key; readonly replyTo: Ref<VnodeReply> }
  /** Is it what I have? Answered by `same`, or by `record` where it is not. `digest` 0: I have nothing; −1: send it in any case. */
  | { readonly kind: 'compare'; readonly key: Key; readonly digest: number; readonly replyTo: Ref<VnodeReply> }
  /** A page of the partition in key order, for transfer and listing. */
  | {
      readonly kind: 'scan'
      readonly after: Key | undefined
      readonly pairsMax: number
      /** Keys alone, or with their siblings. */
      readonly keysOnly: boolean
      /** With their digests in place of their siblings. */
      readonly digestsOnly?: boolean | undefined
      /** What the asker has of these keys: where it is the same here, its digest says so, and its bytes stay. */
      readonly known?: readonly KnownRecord[] | undefined
      /** Only keys below these nodes of the Merkle tree, numbered as in `model/merkle-tree`; undefined: all. A page may then be empty and not the last. */
      readonly below?: readonly number[] | undefined
      readonly replyTo: Ref<VnodeReply>
    }
  /** For `explain`: what is known of the key here. */
  | { readonly kind: 'inspect'; readonly key: Key; readonly replyTo: Ref<VnodeReply> }

export type VnodeReply =
  | TreeReply
  | HintReply
  | RepairReply
  | FloorReply
  | IntakeReply
  | StrayReply
  | OwedReply
  /** `context`: what the writer had seen, and its own write. */
  | { readonly kind: 'minted'; readonly siblings: Uint8Array; readonly context: CausalContext }
  /** `purged`: a part of it was purged here, and is not stored: the floor that says so. */
  | { readonly kind: 'stored'; readonly durability: Durability; readonly purged?: VersionVector | undefined }
  | { readonly kind: 'failed'; readonly fault: Fault }
  /** Empty: no record here. `floor`: what was purged here of the key's class. */
  | { readonly kind: 'record'; readonly siblings: Uint8Array; readonly floor?: VersionVector | undefined }
  | { readonly kind: 'same' }
  | {
      readonly kind: 'page'
      /** Where `digest` is given, `siblings` are left out: the asker has them, or wanted digests. */
      readonly pairs: readonly { readonly key: Key; readonly siblings: Uint8Array; readonly digest?: number | undefined }[]
      readonly next: Key | undefined
      /** Keys of this page whose record is damaged, and not among `pairs`. */
      readonly corrupt?: number | undefined
      /** With whole records: the floors kept here when they were read. */
      readonly floors?: readonly KeptFloor[] | undefined
    }
  | {
      readonly kind: 'inspected'
      readonly found: boolean
      /** [uid.partition.epoch, counter] of each version. */
      readonly dots: readonly (readonly [string, number])[]
      readonly siblings: number
      readonly tombstone: boolean
      readonly digest: string
      readonly bytes: number
      /** What is kept here of the key for others. */
      readonly hints: readonly HintInspected[]
    }

/** What a vnode is told of the hints that it keeps for hosts that are away. `target`: the uid of such a host. */
export type HintMessage =
  /** Keep it for `target`; merged into what is kept for it already. Answered by `stored`. */
  | {
      readonly kind: 'hint'
      readonly target: number
      readonly key: Key
      readonly siblings: Uint8Array
      readonly resolver: Resolver
      readonly durability: Durability
      readonly replyTo: Ref<VnodeReply>
    }
  /** It has arrived: forget it, if it is still the one with this digest. */
  | { readonly kind: 'hint-delivered'; readonly target: number; readonly key: Key; readonly digest: number }
  /** A page of what is kept for `target`, in key order. Answered by `hints`. */
  | {
      readonly kind: 'hints-page'
      readonly target: number
      /** The last key of the page before. */
      readonly after: Key | undefined
      readonly pairsMax: number
      readonly replyTo: Ref<VnodeReply>
    }
  /** How many are kept here? Answered by `held`. */
  | { readonly kind: 'hints-held'; readonly replyTo: Ref<VnodeReply> }

export type HintReply =
  | {
      readonly kind: 'hints'
      readonly pairs: readonly { readonly key: Key; readonly siblings: Uint8Array }[]
      /** Where to go on; undefined at the end. */
      readonly next: Key | undefined
    }
  | {
      readonly kind: 'held'
      readonly partition: number
      /** On the disk, and being written or erased right now. */
      readonly pending: number
      /** The id under which this vnode mints as a stand-in: as alive as its own. Its counter is the same one. */
      readonly standIn: number
    }

/** A hint as `inspected` shows it. */
export interface HintInspected {
  readonly target: number
  readonly ageMs: number
}

/** A record that somebody has, by its `digestOf`. */
export type KnownRecord = readonly [key: Key, digest: number]

/** One record of a partition that this host takes over. */
export interface TakenPair {
  readonly key: Key
  /** Empty where `digest` says that it is what this host has. */
  readonly siblings: Uint8Array
  readonly digest?: number | undefined
  readonly resolver: Resolver
}

/** What a vnode is told while its host takes the partition over, by the transfer agent of that host. */
export type IntakeMessage =
  /** All that a present owner has of the keys behind `after`, up to `upTo`. Answered by `taken`, flushed; by `intake-lost`; by `failed`. */
  {
    readonly kind: 'take'
    /** The same from the first page of one owner to its last. */
    readonly intake: string
    /** undefined: the first page. */
    readonly after: Key | undefined
    /** undefined: to the end. */
    readonly upTo: Key | undefined
    /** In key order. */
    readonly pairs: readonly TakenPair[]
    /** That the owner kept when the page was read; with the first page: before any of its pairs was. */
    readonly floors: readonly KeptFloor[]
    readonly replyTo: Ref<VnodeReply>
  }

export type IntakeReply =
  /** `upTo`: how far it went; less than it was given where there is too much here to compare at once. undefined: to the end. */
  | { readonly kind: 'taken'; readonly upTo: Key | undefined }
  /** The vnode has crashed, lost a write or let the partition go meanwhile, or the owner has: begin with the first page. */
  | { readonly kind: 'intake-lost' }
  /** What was here when the page was asked for is not any more: the same page once more, with whole records. */
  | { readonly kind: 'intake-changed' }
