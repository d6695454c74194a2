import { ringOf } from '../../model/ring.ts'
import type { Member } from '../../model/membership.ts'
import { cpuNs } from '../question.ts'
import { CountedCluster, type CountedOptions } from './counted-cluster.ts'
import type { Counts } from './message-counter.ts'

/** What was counted in a simulated cluster. Rates are those of one host. */
export interface CountedRow {
  readonly hosts: number
  readonly partitions: number
  /** Bus messages of one operation whose client knows the ring; of one that asks anybody. */
  readonly put: number
  readonly get: number
  readonly putOfAnyone: number
  readonly getOfAnyone: number
  /** Bytes between hosts and client of one operation, as the bus encodes them; values of 100 bytes. */
  readonly putBytes: number
  readonly getBytes: number
  /** While nobody asks anything, a second. */
  readonly gossipMessages: number
  readonly gossipBytes: number
  readonly repairMessages: number
  readonly withinMessages: number
  /** Other hosts that share a partition with a host, on average. */
  readonly peers: number
  /** The fullest host's partitions as a multiple of the mean. */
  readonly unevenness: number
}

export interface CountedTerms extends CountedOptions {
  readonly operations: number
  /** Of virtual time, idle. */
  readonly seconds: number
}

export function countedRow(terms: CountedTerms): CountedRow {
  const { hosts, partitions, operations, seconds } = terms
  const cluster = new CountedCluster(terms)
  const idle = cluster.idle(seconds)
  const put = cluster.count('put', operations, 'owner')
  const get = cluster.count('get', operations, 'owner')
  const putOfAnyone = cluster.count('put', operations, 'anyone')
  const getOfAnyone = cluster.count('get', operations, 'anyone')
  const rate = (number: number): number => number / hosts / idle.seconds
  const { gossip, repair, ring } = idle.topics
  const each = (counts: Counts): number => counts.topics.requests.messages / operations
  const { owners } = cluster.view
  return {
    hosts,
    partitions,
    put: each(put),
    get: each(get),
    putOfAnyone: each(putOfAnyone),
    getOfAnyone: each(getOfAnyone),
    putBytes: put.topics.requests.bytesBetween / operations,
    getBytes: get.topics.requests.bytesBetween / operations,
    gossipMessages: rate(gossip.between),
    gossipBytes: rate(gossip.bytesBetween),
    repairMessages: rate(repair.between),
    withinMessages: rate(repair.messages - repair.between + ring.messages - ring.between),
    ...ringFigures(owners, hosts)
  }
}

/** @param owners of each partition, by index */
export function ringFigures(owners: readonly (readonly number[])[], hosts: number): { peers: number; unevenness: number } {
  const loads = new Array<number>(hosts).fill(0)
  const peers = Array.from({ length: hosts }, () => new Set<number>())
  for (const own of owners) {
    for (const host of own) {
      loads[host]!++
      for (const other of own) if (other !== host) peers[host]!.add(other)
    }
  }
  const total = loads.reduce((sum, load) => sum + load, 0)
  return {
    peers: peers.reduce((sum, set) => sum + set.size, 0) / hosts,
    unevenness: (Math.max(...loads) * hosts) / total
  }
}

export interface RingRow {
  readonly hosts: number
  readonly partitions: number
  /** CPU to work it out, once. */
  readonly cpuMs: number
  readonly peers: number
  readonly unevenness: number
  /** Hosts that hold nothing. */
  readonly without: number
}

/** The ring of so many equal hosts, each in its seat. */
export function ringRow(hosts: number, partitions: number, replicas: number): RingRow {
  const members = Array.from({ length: hosts }, (_, seat) => memberOf(seat))
  const before = cpuNs()
  const ring = ringOf(members, { partitions, replicas })
  const cpuMs = (cpuNs() - before) / 1e6
  const indexOf = new Map(members.map(({ name }, index) => [name, index] as const))
  const owners = ring.owners.map(names => names.map(name => indexOf.get(name)!))
  return { hosts, partitions, cpuMs, ...ringFigures(owners, hosts), without: hosts - new Set(owners.flat()).size }
}

function memberOf(seat: number): Member {
  return {
    name: `h${seat + 1}`,
    uid: 1_000 + seat,
    incarnation: 1,
    state: 'up',
    standing: 'up',
    dc: 'dc1',
    zone: 'z1',
    weight: 1,
    heartbeat: 0,
    threads: 1,
    http: '',
    nats: '',
    route: '',
    version: '0',
    pid: 1,
    seen: '',
    arrived: '',
    seat
  }
}
