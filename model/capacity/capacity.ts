import { limits } from '../limits.ts'
import { capacityConstants as known } from './capacity-constants.ts'
import { type Demand, demandOf, totalOf } from './capacity-demand.ts'
import { type CapacityPlan, checkedCapacityPlan } from './capacity-plan.ts'

export const capacityResources = ['cpu', 'memory', 'disk', 'network'] as const
export type CapacityResource = (typeof capacityResources)[number]

/** What a resource is used for what there is of it. */
export interface ResourceUse {
  /** Cores, or bytes, or bytes a second. */
  readonly needed: number
  /** What a host has, times the share of it that may be in use. */
  readonly allowed: number
}

export interface CapacityEstimate {
  readonly plan: CapacityPlan
  readonly hosts: number
  /** Of which there was too little with a host less; `replicas`: N hosts are enough for all of them. */
  readonly decidedBy: CapacityResource | 'replicas'
  /** Of the fullest host. */
  readonly host: Demand
  readonly use: Readonly<Record<CapacityResource, ResourceUse>>
}

/**
 * The smallest cluster whose fullest host has enough of everything, while as many hosts are away as may be. Never fewer hosts than N,
 * nor so few that none is left.
 * @returns undefined for more than the hosts that a cluster may have
 * @throws {RangeError} see `checkedCapacityPlan`
 */
export function estimateCapacity(plan: CapacityPlan): CapacityEstimate | undefined {
  checkedCapacityPlan(plan)
  let decidedBy: CapacityEstimate['decidedBy'] = 'replicas'
  for (let hosts = Math.max(plan.n, plan.failures + 1); hosts <= limits.hostsMax; hosts++) {
    const host = demandOf(plan, hosts)
    const use = usedOf(plan, host)
    const short = mostUsed(use)
    if (use[short].needed <= use[short].allowed) return { plan, hosts, decidedBy, host, use }
    decidedBy = short
  }
  return undefined
}

/** What a cluster of so many hosts needs, whether it is enough or not. @throws {RangeError} see `checkedCapacityPlan` */
export function capacityOf(plan: CapacityPlan, hosts: number): CapacityEstimate {
  checkedCapacityPlan(plan)
  if (!Number.isInteger(hosts) || hosts < plan.n || hosts > limits.hostsMax)
    throw new RangeError(`hosts is ${hosts}: allowed is a whole number from n = ${plan.n} to ${limits.hostsMax}`)
  const host = demandOf(plan, hosts)
  const use = usedOf(plan, host)
  return { plan, hosts, decidedBy: mostUsed(use), host, use }
}

function usedOf(plan: CapacityPlan, host: Demand): Record<CapacityResource, ResourceUse> {
  return {
    cpu: { needed: host.cpu, allowed: plan.hostCpu * plan.cpuUse },
    memory: { needed: totalOf(host.memory), allowed: plan.hostMemory * plan.memoryUse },
    disk: { needed: totalOf(host.disk), allowed: plan.hostDisk * plan.diskUse },
    network: { needed: host.network, allowed: plan.hostNetwork * plan.networkUse }
  }
}

function mostUsed(use: Readonly<Record<CapacityResource, ResourceUse>>): CapacityResource {
  const share = (resource: CapacityResource): number => use[resource].needed / use[resource].allowed
  return capacityResources.reduce((most, one) => (share(one) > share(most) ? one : most))
}

/** The formulae, with their constants put in: what the command shows and the document has. */
export const capacityFormulae: readonly (readonly [name: string, formula: string])[] = Object.freeze([
  ['growth', '(1 + growth per year) ^ years, of keys and rates'],
  ['share', `min(1, ${known.loadFactor.value} × n ÷ hosts + 1 ÷ partitions), of the keys on the fullest host`],
  ['pairs', 'keys × growth × share'],
  [
    'record',
    `value + ${known.recordBytes.value} B + rewritten × (n − 1) × ${known.vectorEntryBytes.value} B; key + ${known.keyBytes.value} B; in the table ${known.nodeBytes.value} B more`
  ],
  ['k', `⌊(${known.pageBytes.value} − ${known.pageHeaderBytes.value}) ÷ (key + record)⌋ pairs to a full leaf`],
  [
    'leaf',
    `ascending keys ${known.ascendingFill.value} k; any order ${known.splitFill.value} (k + 1)(H(k + 1) − H((k + 1) ÷ 2)); records above half a page lie in pages of their own`
  ],
  [
    'disk',
    `pages × ${known.pageBytes.value} B + ${known.copiesOfTouched.value} × pages that a batch touches + ${known.segmentsOnDisk.value} segments of each data thread`
  ],
  ['segment', `min(${known.segmentBytes.value / 2 ** 20} MiB, ${known.segmentSeconds.value} s of writes)`],
  [
    'memory',
    `${(known.heapBytes.value + known.codeBytes.value) / 1e6} MB + ${known.youngHeapBytes.value / 2 ** 20} MiB a data thread + hot cache + memory table + ${known.treeBytes.value} B a pair + ${known.routeBytes.value / 1e6} MB a route + pages of a batch`
  ],
  [
    'hot cache',
    `(record + ${known.hotEntryBytes.value} B) × hot share × pairs, or ${known.hotCacheBytesMin.value / 2 ** 20} MiB a data thread where that is more and all pairs need as much: the setting hotCacheBytes, for each data thread`
  ],
  [
    'memory table',
    `2 × ${known.segmentSeconds.value} s of writes × (key + record + ${known.memoryEntryBytes.value} B), at most ${known.memoryTableBytesMax.value / 2 ** 20} MiB a data thread`
  ],
  [
    'CPU of a put',
    `${known.putUs.value} µs on 3 hosts; with more, fewer messages share a NATS message: ${known.batchUs.value} µs each; a byte of value beyond 100: ${known.putByteUs.value} µs on each replica`
  ],
  ['CPU of a get', `${known.getUs.value} µs on 3 hosts, the same; a byte ${known.getByteUs.value} µs for each of R`],
  ['bus messages', `put 2 + 2 (n − 1), get 2 + 2 (r − 1) + ${2 * known.askAllShare.value} (n − r)`],
  ['cores', `(puts a second × µs + gets a second × µs) × ${known.loadFactor.value} ÷ (hosts − failures)`],
  ['network', 'bytes of puts and gets, by the same share, one way'],
  ['hosts', 'the fewest, from n on, with which CPU, memory, disk and network are all within the share that may be used']
])
