import type { Member } from '../model/membership.ts'
import type { BucketProperties } from './ring/bucket-table.ts'
import type { ScaleSettings } from './scale/autoscaler-protocol.ts'
import type { ClusterShape, ClusterState } from './gossip/gossip-protocol.ts'

/** What the system thread lends to its actors. */
export interface SystemResources {
  /** Name of the cluster. */
  readonly clusterName: string
  /** This host as it introduces itself; the gossip agent sets state, incarnation and heartbeat. */
  readonly self: Member
  /** The shape to give to a cluster that this host begins. */
  readonly birthShape: Omit<ClusterShape, 'id'>
  /** Whether it was told of hosts to join: then it waits for them rather than begin a cluster of its own. */
  readonly joins: boolean
  /** Whether newcomers shall wait until a plan with their join is committed; for this host itself, when it comes, as well. Default false. */
  readonly asksFirst?: boolean
  /** Whether it was told of no host of its own datacenter: then it begins the ring of that one where the cluster has it without. */
  readonly foundsDatacenter?: boolean
  readonly defaults: BucketProperties
  readonly clusterFile: ClusterFile
  /** Told once this host has left the cluster, and the others know, or was removed: its process can end. */
  readonly left?: () => void
  readonly gossip: GossipSettings
  /** Default `exchangeDefaults`. */
  readonly exchange?: ExchangeSettings
  /** Default `scrubDefaults`. */
  readonly scrub?: ScrubSettings
  /** Default `floorDefaults`. */
  readonly floors?: FloorSettings
  /** undefined: nobody scales this cluster. */
  readonly autoscale?: ScaleSettings | undefined
}

export interface ScrubSettings {
  /** Of records read to be verified. */
  readonly bytesPerSecond: number
}

export const scrubDefaults: ScrubSettings = Object.freeze({ bytesPerSecond: 8 * 1024 * 1024 })

/** How soon deleted keys are forgotten. */
export interface FloorSettings {
  /** From one look for tombstones to the next. */
  readonly roundMs: number
  /** Longest pause for a partition whose tombstones cannot go yet. */
  readonly pauseMsMax: number
}

export const floorDefaults: FloorSettings = Object.freeze({ roundMs: 15_000, pauseMsMax: 300_000 })

/** How fast replicas are compared and mended, bytes of one exchange in a second. */
export interface ExchangeSettings {
  readonly bytesPerSecondMax: number
  readonly bytesPerSecondMin: number
  /** An answer that takes longer than this halves the pace: then requests wait, too. */
  readonly slowMs: number
}

export const exchangeDefaults: ExchangeSettings = Object.freeze({
  bytesPerSecondMax: 16 * 1024 * 1024,
  bytesPerSecondMin: 128 * 1024,
  slowMs: 250
})

export interface ClusterFile {
  load(): ClusterState | undefined
  /** Durable some time after; a later state replaces an earlier one. */
  save(state: ClusterState): void
}

export interface GossipSettings {
  /** In each period one member is probed; its length is stretched where this host is slow itself. */
  readonly periodMs: number
  /** So long a direct probe is waited for, before others are asked to probe. Less than half a period. */
  readonly probeTimeoutMs: number
  /** For so long after it came back, reads ask a host besides. */
  readonly backMs: number
}

/** As hosts have them. */
export const gossipDefaults: GossipSettings = Object.freeze({ periodMs: 500, probeTimeoutMs: 200, backMs: 600_000 })
