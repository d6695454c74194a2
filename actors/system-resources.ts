import type { Member } from '../model/membership.ts'
import type { BucketProperties } from './bucket-table.ts'
import type { ClusterShape, ClusterState } from './gossip-protocol.ts'

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
  readonly defaults: BucketProperties
  readonly clusterFile: ClusterFile
  readonly gossip: GossipSettings
}

export interface ClusterFile {
  load(): ClusterState | undefined
  /** Durable some time after; a later state replaces an earlier one. */
  save(state: ClusterState): void
}

export interface GossipSettings {
  readonly roundMs: number
  /** Hosts told in a round. */
  readonly fanOut: number
  /** A heartbeat that has not moved for so long makes a host suspect, then down. */
  readonly suspectMs: number
  readonly downMs: number
  /** For so long after it came back, reads ask a host besides. */
  readonly backMs: number
}
