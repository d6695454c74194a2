import { limits } from '../../model/limits.ts'

/** A cluster as the model sees it: equal hosts, keys chosen alike, no host away. */
export interface ClusterPlan {
  readonly hosts: number
  /** N. */
  readonly replicas: number
  /** R. */
  readonly reads: number
  /** W. It decides what a client waits for, not what is sent: all N owners get each write. */
  readonly writes: number
  readonly partitions: number
  readonly zones: number
  readonly coresPerHost: number
  /** Bytes that a host's network takes in a second, one way. */
  readonly networkBytes: number
  readonly memoryBytes: number
  readonly valueBytes: number
  /** Share of gets among the operations. */
  readonly readShare: number
  /** Share of the CPU that may be used up: beyond it waits grow. */
  readonly utilisation: number
  /** Operations under way, for each host. */
  readonly inFlightPerHost: number
  /** TypeScript clients, for each host. */
  readonly clientsPerHost: number
  /** Chance that a get asks all owners. */
  readonly readRepairChance: number
  /** Mean time between two failures of a host, and until it is back, in hours. */
  readonly hoursBetweenFailures: number
  readonly hoursAway: number
}

/** The host that the tables are about: two cores, 4 GB, a gigabit. */
export const planDefaults: Omit<ClusterPlan, 'hosts'> = Object.freeze({
  replicas: 3,
  reads: 2,
  writes: 2,
  partitions: 256,
  zones: 1,
  coresPerHost: 2,
  networkBytes: 125_000_000,
  memoryBytes: 4e9,
  valueBytes: 100,
  readShare: 0.5,
  utilisation: 1,
  inFlightPerHost: 85,
  clientsPerHost: 1,
  readRepairChance: 1 / 16,
  hoursBetweenFailures: 720,
  hoursAway: 0.25
})

/** A share below this many partitions is uneven: docs/decisions/0002-placement.md. */
export const shareWanted = 30

/** The smallest number of partitions, of those that a cluster may have, at which each host's share is large enough. */
export function partitionsFor(hosts: number, replicas: number): number {
  let partitions = planDefaults.partitions
  while (shareOf({ hosts, replicas, partitions }) < shareWanted && partitions < limits.partitionsMax) partitions *= 2
  return partitions
}

/** Partitions that a host holds a replica of, on average. */
export function shareOf({ hosts, replicas, partitions }: Pick<ClusterPlan, 'hosts' | 'replicas' | 'partitions'>): number {
  return (partitions * Math.min(replicas, hosts)) / hosts
}

/** @throws {RangeError} what no cluster can be */
export function checkedPlan(plan: ClusterPlan): ClusterPlan {
  const wholes = {
    hosts: plan.hosts,
    replicas: plan.replicas,
    reads: plan.reads,
    writes: plan.writes,
    partitions: plan.partitions
  }
  for (const [name, value] of Object.entries(wholes))
    if (!Number.isInteger(value) || value < 1) throw new RangeError(`${name} is ${value}: a whole number above 0 is wanted`)
  if (Math.max(plan.reads, plan.writes) > plan.replicas) throw new RangeError(`R and W are at most N = ${plan.replicas}`)
  if (!(plan.coresPerHost > 0)) throw new RangeError(`a host has cores, not ${plan.coresPerHost}`)
  if (!(plan.readShare >= 0 && plan.readShare <= 1)) throw new RangeError(`readShare is ${plan.readShare}: 0 to 1 is wanted`)
  return plan
}
