import { fairShares } from '../../model/fair-share.ts'
import type { Member } from '../../model/membership.ts'
import { freeSeat } from '../../model/seat.ts'
import { versionTold } from '../../model/wire-version.ts'
import { atTurn, changesOf } from '../../model/ring-change.ts'
import { type Ring, ringOf } from '../../model/ring.ts'

export const replicas = 3
/** Hosts whose shares are at least this many replicas are what D1 and D2 speak of. */
const shareMin = 30
const partitionsMax = 8192

const version = versionTold('0.1.0')

export type Dice = (below: number) => number

/** xorshift32: the same clusters in every run. */
export function dice(seed: number): Dice {
  let state = seed
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

export interface RandomCluster {
  readonly hosts: readonly Member[]
  readonly partitions: number
}

export function newHost(name: string, uid: number, more: Partial<Member> = {}): Member {
  const nowhere = { http: '', nats: '', route: '', version, pid: 1, seen: '', arrived: '' }
  const up = { state: 'up', standing: 'up' } as const
  return { name, uid, incarnation: 1, ...up, dc: 'dc1', zone: 'z0', weight: 1, heartbeat: 0, threads: 1, ...nowhere, ...more }
}

/** 3 to 100 hosts, fewer ones as often as many, in three zones, seated as they came. */
export function randomCluster(random: Dice, isWeighted: boolean): readonly Member[] {
  const count = 3 + Math.floor(Math.exp((random(1000) / 1000) * Math.log(98.9)) - 1)
  const hosts: Member[] = []
  for (let at = 0; at < count; at++) hosts.push(comer(hosts, random, at + 1, isWeighted, `z${at % 3}`))
  return hosts
}

/** A host that comes to the others. */
export function comer(hosts: readonly Member[], random: Dice, uid: number, isWeighted: boolean, zone: string): Member {
  const host = newHost(`host-${random(1_000_000_000)}`, uid, { weight: isWeighted ? 1 + random(8) : 1, zone })
  return { ...host, seat: freeSeat(hosts, host) }
}

export function sharesOf(hosts: readonly Member[], partitions: number): ReadonlyMap<string, number> {
  return new Map(fairShares(hosts, partitions, replicas).map((share, at) => [hosts[at]!.name, share]))
}

/** The least number of partitions with which all of these clusters are what D1 and D2 speak of; undefined: there is none. */
export function partitionsFor(clusters: readonly (readonly Member[])[]): number | undefined {
  for (let partitions = 256; partitions <= partitionsMax; partitions *= 2)
    if (clusters.every(hosts => Math.min(...sharesOf(hosts, partitions).values()) >= shareMin)) return partitions
  return undefined
}

export function ringFor(hosts: readonly Member[], partitions: number): Ring {
  return ringOf(hosts, { partitions, replicas })
}

/** The rings before and after the one change that is announced in these rows. */
export function ringsOf(rows: readonly Member[], partitions: number): { readonly before: Ring; readonly after: Ring } {
  const turn = atTurn(rows, changesOf(rows)[0])
  return { before: ringOf(turn, { partitions, replicas }), after: ringOf(turn, { partitions, replicas, when: 'future' }) }
}

export function loadsOf(ring: Ring): ReadonlyMap<string, number> {
  const loads = new Map<string, number>()
  for (const own of ring.owners) for (const name of own) loads.set(name, (loads.get(name) ?? 0) + 1)
  return loads
}

/** Replicas that are on a host in `after` that did not hold the partition in `before`. */
export function moved(before: Ring, after: Ring): number {
  let count = 0
  after.owners.forEach((own, partition) => {
    for (const name of own) if (!before.owners[partition]!.includes(name)) count++
  })
  return count
}

/** What must move at least, by fair shares: all that shares grow by. */
export function leastMoved(before: readonly Member[], after: readonly Member[], partitions: number): number {
  const shares = sharesOf(before, partitions)
  let sum = 0
  for (const [name, share] of sharesOf(after, partitions)) sum += Math.max(0, share - (shares.get(name) ?? 0))
  return sum
}

/** Whatever of D1 and I19 a ring breaks, in words; nothing where it is as it should be. */
export function flawsOf(ring: Ring, hosts: readonly Member[]): string[] {
  const flaws: string[] = []
  const loads = loadsOf(ring)
  const firsts = new Map<string, number>()
  for (const own of ring.owners) firsts.set(own[0]!, (firsts.get(own[0]!) ?? 0) + 1)
  for (const [name, share] of sharesOf(hosts, ring.partitions)) {
    const load = loads.get(name) ?? 0
    if (load > 1.1 * share + 1 + 1e-9) flaws.push(`${name} holds ${load} of ${share}`)
    const first = firsts.get(name) ?? 0
    if (first > Math.max((1.15 * share) / replicas, share / replicas + 1))
      flaws.push(`${name} leads ${first} of ${share / replicas}`)
  }
  const zoneOf = new Map(hosts.map(({ name, zone }) => [name, zone]))
  const zones = new Set(zoneOf.values()).size
  for (const own of ring.owners) {
    if (new Set(own).size !== Math.min(replicas, hosts.length)) flaws.push(`${own} are not ${replicas} distinct hosts`)
    if (new Set(own.map(name => zoneOf.get(name))).size !== Math.min(zones, replicas)) flaws.push(`${own} do not span the zones`)
  }
  return flaws
}

export function quantile(values: readonly number[], q: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)]!
}
