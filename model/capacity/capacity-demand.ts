import { capacityConstants as known } from './capacity-constants.ts'
import type { CapacityPlan } from './capacity-plan.ts'
import { type TablePages, tablePages } from './table-pages.ts'

/** What the fullest host of a cluster of some size needs. */
export interface Demand {
  /** Chosen at the cluster's birth: large enough for even shares at this size. */
  readonly partitions: number
  /** Share of all keys of which it holds a replica, at most. */
  readonly share: number
  /** Keys of which it holds a replica. */
  readonly pairs: number
  readonly disk: { readonly table: number; readonly waiting: number; readonly log: number }
  readonly memory: {
    readonly heaps: number
    readonly code: number
    readonly hotCache: number
    readonly memoryTable: number
    readonly trees: number
    readonly routes: number
    readonly pages: number
  }
  /** µs of CPU of a put and a get, of all hosts that take part. */
  readonly putUs: number
  readonly getUs: number
  /** Cores that are used up. */
  readonly cpu: number
  /** Bytes a second, one way. */
  readonly network: number
}

const partitionsBorn = 256
const partitionsMost = 65_536
const valueBytesMeasured = 100
/** The measurements that service times come from: three hosts, N=3, R=2. */
const measured = { peers: 2, replicas: 3, reads: 2 }

/** @param hosts at least N */
export function demandOf(plan: CapacityPlan, hosts: number): Demand {
  const { n, hostCpu } = plan
  const partitions = partitionsFor(hosts, n)
  const share = Math.min(1, (known.loadFactor.value * n) / hosts + 1 / partitions)
  const growth = (1 + plan.growthPerYear) ** plan.years
  const [reads, writes] = [plan.readsPerSecond * growth, plan.writesPerSecond * growth]
  const pairs = plan.keys * growth * share
  const threads = Math.max(1, Math.floor(hostCpu) - 1)
  const recordBytes = plan.valueBytes + known.recordBytes.value + plan.rewritten * (n - 1) * known.vectorEntryBytes.value
  const keyBytes = plan.keyBytes + known.keyBytes.value
  const entryBytes = keyBytes + recordBytes + known.logEntryBytes.value
  const cachedBytes = recordBytes + known.hotEntryBytes.value
  // What is moved to the table at once, or nearly: segments of all threads, and no fewer pairs because they are larger.
  const batchPairs = writes * share * known.segmentSeconds.value
  const segmentBytes = Math.min(known.segmentBytes.value, (batchPairs * entryBytes) / threads)
  const pages = tablePages(pairs, keyBytes, recordBytes, plan.keyOrder, partitions * share, batchPairs)
  const [putUs, getUs] = [putTime(plan, hosts), getTime(plan, hosts)]
  // While some are away, the others have their part of the requests; the fullest one has more than the mean.
  const requestShare = Math.min(1, known.loadFactor.value / Math.max(1, hosts - plan.failures))
  return {
    partitions,
    share,
    pairs,
    disk: diskOf(pages, segmentBytes * threads),
    memory: {
      heaps: known.heapBytes.value + threads * known.youngHeapBytes.value,
      code: known.codeBytes.value,
      hotCache: Math.max(
        Math.min(threads * known.hotCacheBytesMin.value, pairs * cachedBytes),
        plan.hotShare * pairs * cachedBytes
      ),
      memoryTable: Math.min(
        threads * known.memoryTableBytesMax.value,
        2 * batchPairs * (entryBytes + known.memoryEntryBytes.value)
      ),
      trees: pairs * known.treeBytes.value,
      routes: (hosts - 1) * known.routeBytes.value,
      pages: pages.waiting * known.pageBytes.value
    },
    putUs,
    getUs,
    cpu: ((writes * putUs + reads * getUs) * requestShare + (hosts - 1) * known.routeSecondUs.value) / 1e6,
    network: (writes * putBytes(plan, hosts) + reads * getBytes(plan, hosts)) * requestShare + known.gossipBytes.value
  }
}

/** The smallest number at which each host holds enough of them: chosen at a cluster's birth, for its final size. */
export function partitionsFor(hosts: number, n: number): number {
  let partitions = partitionsBorn
  while ((partitions * n) / hosts < known.shareWanted.value && partitions < partitionsMost) partitions *= 2
  return partitions
}

export function totalOf(parts: Readonly<Record<string, number>>): number {
  return Object.values(parts).reduce((sum, one) => sum + one, 0)
}

function diskOf({ used, waiting }: TablePages, segmentBytes: number): Demand['disk'] {
  const page = known.pageBytes.value
  return { table: used * page, waiting: waiting * page, log: known.segmentsOnDisk.value * segmentBytes }
}

const putMessages = (n: number): number => 2 + 2 * (n - 1)
const getMessages = (n: number, r: number): number => 2 + 2 * (r - 1) + 2 * known.askAllShare.value * (n - r)

function putTime({ n, valueBytes }: CapacityPlan, hosts: number): number {
  const then = putMessages(measured.replicas)
  const messages = putMessages(n)
  const value = Math.max(0, valueBytes - valueBytesMeasured) * n * known.putByteUs.value
  return timeOf(known.putUs.value, known.putMessagesPerBatch.value, then, messages, hosts) + value
}

function getTime({ n, r, valueBytes }: CapacityPlan, hosts: number): number {
  const then = getMessages(measured.replicas, measured.reads)
  const messages = getMessages(n, r)
  const value = Math.max(0, valueBytes - valueBytesMeasured) * r * known.getByteUs.value
  return timeOf(known.getUs.value, known.getMessagesPerBatch.value, then, messages, hosts) + value
}

/** What does not depend on NATS messages grows with the bus messages; the others are counted anew. */
function timeOf(us: number, perBatch: number, messagesThen: number, messages: number, hosts: number): number {
  const batchesThen = messagesThen / perBatch
  const rest = Math.max(0, us - batchesThen * known.batchUs.value)
  const routed = Math.max(0, 1 - known.nearHosts.value / Math.max(1, hosts - 1))
  const batches = batchesOf(perBatch, messages, hosts)
  return (rest * messages) / messagesThen + batches * (known.batchUs.value + routed * known.routedUs.value)
}

/** What a thread sends in one turn hits this many hosts; the more there are, the fewer messages share a NATS message. */
function batchesOf(perBatch: number, messages: number, hosts: number): number {
  const turn = perBatch * measured.peers
  const hit = (peers: number): number => (peers <= 1 ? 1 : peers * (1 - (1 - 1 / peers) ** turn))
  return (messages * hit(Math.max(measured.peers, hosts - 1))) / turn
}

function putBytes({ n, valueBytes }: CapacityPlan, hosts: number): number {
  const messages = putMessages(n)
  const head = known.putBytes.value - measured.replicas * valueBytesMeasured
  const batches = batchesOf(known.putMessagesPerBatch.value, messages, hosts)
  return (head * messages) / putMessages(measured.replicas) + n * valueBytes + batches * known.natsBytes.value
}

function getBytes({ n, r, valueBytes }: CapacityPlan, hosts: number): number {
  const messages = getMessages(n, r)
  const head = known.getBytes.value - valueBytesMeasured
  const batches = batchesOf(known.getMessagesPerBatch.value, messages, hosts)
  return (head * messages) / getMessages(measured.replicas, measured.reads) + valueBytes + batches * known.natsBytes.value
}
