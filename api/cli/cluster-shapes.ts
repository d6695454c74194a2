import type { ActorDescription } from '../../runtime/actor.ts'
import type { ChangeShown, ClusterShown, DatacenterRemoved, HostShown, RingShown } from '../admin.ts'
import type { Explanation } from '../admin-explain.ts'
import type { PlanBrief, PlanShown } from '../admin-plan.ts'
import type { ProfileShown } from '../admin-profile.ts'
import type { OwedKeysPage, ReplicationShown } from '../admin-replication.ts'
import type { WorkShown } from '../admin-work.ts'
import type { Cluster } from './cluster.ts'
import { CommandFailure, painted, type TextSink } from './terminal.ts'

export type {
  ActorDescription,
  ChangeShown,
  DatacenterRemoved,
  ClusterShown,
  Explanation,
  HostShown,
  PlanBrief,
  PlanShown,
  ProfileShown,
  RingShown,
  WorkShown
}

export async function describeCluster(cluster: Cluster, timeoutMs: number): Promise<ClusterShown> {
  return shaped(await cluster.admin('cluster', {}, timeoutMs), 'hosts', 'cluster')
}

export async function describeRing(cluster: Cluster, timeoutMs: number): Promise<RingShown> {
  return shaped(await cluster.admin('ring', {}, timeoutMs), 'owners', 'ring')
}

export async function describeActors(
  cluster: Cluster,
  host: string | undefined,
  timeoutMs: number
): Promise<{ host: string; tree: ActorDescription }> {
  return shaped(await cluster.admin('actors', host === undefined ? {} : { host }, timeoutMs), 'tree', 'actors')
}

export async function describeWork(cluster: Cluster, timeoutMs: number): Promise<WorkShown> {
  return shaped(await cluster.admin('work', {}, timeoutMs), 'hosts', 'work')
}

export async function describeReplication(cluster: Cluster, timeoutMs: number): Promise<ReplicationShown> {
  return shaped(await cluster.admin('replication', {}, timeoutMs), 'pairs', 'replication')
}

export async function listOwed(
  cluster: Cluster,
  query: { readonly to: string; readonly cursor: string; readonly limit: number },
  timeoutMs: number
): Promise<OwedKeysPage> {
  return shaped(
    await cluster.admin('replication-keys', { ...query, limit: `${query.limit}` }, timeoutMs),
    'keys',
    'replication-keys'
  )
}

/** @returns how things stand at the beginning */
export async function beginRepair(cluster: Cluster, timeoutMs: number): Promise<WorkShown> {
  return shaped(await cluster.admin('repair', {}, timeoutMs), 'hosts', 'repair')
}

/** A reply of another version may lack what the tables are made of; better a sentence than a stack. */
export function shaped<T>(reply: unknown, member: string, request: string): T {
  if (typeof reply === 'object' && reply !== null && member in reply) return reply as T
  throw new CommandFailure(`the cluster's answer to ${request} has no "${member}": is it another version?`)
}

/** A host's state in its colour. */
export function paintedState(sink: TextSink, text: string, state: string): string {
  if (state === 'up') return painted(sink, 'green', text)
  return painted(sink, state === 'down' || state === 'removed' ? 'red' : 'yellow', text)
}

/** How many of N the partition with the fewest reachable owners has, and how many partitions have fewer than a quorum. */
export interface Margin {
  readonly fewest: number
  readonly belowQuorum: number
}

export function marginOf({ owners, replicas }: RingShown, hosts: readonly HostShown[]): Margin {
  const reachable = new Set(hosts.filter(host => host.state === 'up' || host.state === 'leaving').map(host => host.name))
  let fewest = replicas
  let belowQuorum = 0
  for (const preference of owners) {
    const there = preference.filter(name => reachable.has(name)).length
    fewest = Math.min(fewest, there)
    if (there < Math.floor(preference.length / 2) + 1) belowQuorum += 1
  }
  return { fewest, belowQuorum }
}
