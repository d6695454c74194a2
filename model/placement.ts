import { fairShares, zonesOf, type PlacementHost, type Zones } from './fair-share.ts'
import { hash32 } from './hash.ts'
import { blockRow, namedRow, seatRows, seatsMax } from './seat-rows.ts'
import { rowsOfSeat, type SeatRows } from './seat.ts'

/** No host holds more than this multiple of its fair share, and one partition. */
const loadFactorMax = 1.1

/**
 * Which hosts hold each partition: a pure function of the set of hosts, even to within `loadFactorMax`, and near to itself when a host
 * comes or goes.
 *
 * Each host gives every partition a score, from its seat or else its name; a partition goes to the hosts that score it lowest
 * (rendezvous hashing). Three things make it even without making it restless:
 * - a host's scores are a shuffled row of equal steps, not independent draws, and rows of seats complement each other (`seat-rows`), of which
 *   a heavy host has several;
 * - a score is divided by the odds that the host's fair share asks for (order sampling with fixed probability), so that heavy hosts
 *   get their share although nobody holds a partition twice;
 * - what is left is cut off by a cap: all pairs of host and partition are taken in the order of their scores, past those whose host
 *   is full. This is the stable matching of hosts and partitions, so a change spreads only to pairs of higher score.
 * @param hosts ascending by name; each weight above 0
 * @returns for each partition min(replicas, hosts) hosts by index, lowest score first
 * @see Thaler, Ravishankar: Using Name-Based Mappings to Increase Hit Rates (1998); Rosén: On Sampling with Probability Proportional
 * to Size (1997); Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with Bounded Loads (SODA 2018)
 */
export function placementOf(hosts: readonly PlacementHost[], partitions: number, replicas: number): number[][] {
  if (hosts.length === 0) return Array.from({ length: partitions }, () => [])
  const shares = fairShares(hosts, partitions, replicas)
  const placement: Placement = {
    hostCount: hosts.length,
    n: Math.min(replicas, hosts.length),
    zones: zonesOf(hosts),
    scores: scoresOf(hosts, shares, partitions, Math.min(replicas, hosts.length)),
    capacities: shares.map(share => Math.min(partitions, Math.floor(share * loadFactorMax + 1))),
    loads: new Array<number>(hosts.length).fill(0),
    owners: Array.from({ length: partitions }, () => [])
  }
  fill(placement)
  placement.owners.forEach((own, partition) => {
    while (own.length < placement.n) complete(placement, partition)
    own.sort((a, b) => scoreOf(placement, partition, a) - scoreOf(placement, partition, b) || a - b)
  })
  return placement.owners
}

interface Placement {
  readonly hostCount: number
  readonly n: number
  readonly zones: Zones
  /** By partition × hosts + host. */
  readonly scores: Float64Array
  readonly capacities: readonly number[]
  readonly loads: number[]
  readonly owners: number[][]
}

function scoresOf(hosts: readonly PlacementHost[], shares: readonly number[], partitions: number, depth: number): Float64Array {
  const count = hosts.length
  const scores = new Float64Array(partitions * count)
  const rows = rowsOf(hosts, partitions, depth)
  rows.forEach((row, host) => {
    const chance = shares[host]! / partitions
    const odds = chance < 1 ? (1 - chance) / chance : 0
    for (let partition = 0; partition < partitions; partition++) {
      const draw = row[partition]!
      scores[partition * count + host] = (draw / (1 - draw)) * odds
    }
  })
  return scores
}

function rowsOf(hosts: readonly PlacementHost[], partitions: number, depth: number): Float64Array[] {
  const ends = new Map<string, number>()
  for (const host of hosts) {
    const rows = seatedRows(host)
    if (rows !== undefined) ends.set(host.zone, Math.max(ends.get(host.zone) ?? 0, rows.first + rows.count))
  }
  const rowsIn = new Map([...ends].map(([zone, end]) => [zone, rememberedRows(partitions, depth, textSeed(zone), end)]))
  return hosts.map(host => {
    const rows = seatedRows(host)
    if (rows === undefined) return namedRow(partitions, textSeed(host.name))
    return blockRow(rowsIn.get(host.zone)!.slice(rows.first, rows.first + rows.count))
  })
}

function seatedRows({ seat }: PlacementHost): SeatRows | undefined {
  const rows = seat === undefined ? undefined : rowsOfSeat(seat)
  return rows === undefined || rows.first + rows.count > seatsMax ? undefined : rows
}

/** Rows never change, so the last few are kept: a host makes its ring anew at each change of the membership. */
const remembered = new Map<string, readonly Float64Array[]>()
const rememberedMax = 8

function rememberedRows(partitions: number, depth: number, seed: number, count: number): readonly Float64Array[] {
  const name = `${partitions} ${depth} ${seed}`
  const known = remembered.get(name)
  if (known !== undefined && known.length >= count) return known
  const rows = seatRows(partitions, depth, seed, count)
  remembered.delete(name)
  if (remembered.size >= rememberedMax) remembered.delete(remembered.keys().next().value!)
  remembered.set(name, rows)
  return rows
}

function textSeed(text: string): number {
  return hash32(new TextEncoder().encode(text), 0)
}

/** Every pair that fits, lowest score first. */
function fill(placement: Placement): void {
  const { capacities, hostCount, loads, n, owners, scores } = placement
  // Score and pair packed into one double: sorting plain numbers is ten times as fast as sorting by comparison.
  const pairs = 2 ** Math.ceil(Math.log2(scores.length + 1))
  const grades = 2 ** 53 / pairs - 1
  const order = new Float64Array(scores.length)
  for (let pair = 0; pair < order.length; pair++) {
    const score = scores[pair]!
    order[pair] = Math.floor((score / (1 + score)) * grades) * pairs + pair
  }
  order.sort()
  for (const packed of order) {
    const pair = packed % pairs
    const host = pair % hostCount
    const own = owners[(pair - host) / hostCount]!
    if (own.length === n || loads[host]! >= capacities[host]! || !keepsZonesApart(placement, own, host)) continue
    own.push(host)
    loads[host]!++
  }
}

/**
 * One more host for a partition whose free hosts are all full: the best of them, which hands one of its other partitions to a host with
 * room. Where none can, the one that is least over its share takes it.
 */
function complete(placement: Placement, partition: number): void {
  const { capacities, hostCount, loads, owners } = placement
  const own = owners[partition]!
  const candidates: number[] = []
  for (let host = 0; host < hostCount; host++) {
    if (!own.includes(host) && keepsZonesApart(placement, own, host)) candidates.push(host)
  }
  candidates.sort((a, b) => scoreOf(placement, partition, a) - scoreOf(placement, partition, b) || a - b)
  for (const host of candidates) {
    if (loads[host]! < capacities[host]! || handOver(placement, partition, host)) {
      own.push(host)
      loads[host]!++
      return
    }
  }
  const excess = (host: number) => loads[host]! - capacities[host]!
  const least = candidates.reduce((best, host) => (excess(host) < excess(best) ? host : best))
  own.push(least)
  loads[least]!++
}

/** Moves one of `host`'s partitions, not `but`, to the host with room that scores it lowest. @returns whether there was one */
function handOver(placement: Placement, but: number, host: number): boolean {
  const { capacities, hostCount, loads, owners } = placement
  let bestPartition = -1
  let bestHost = -1
  let bestScore = Infinity
  owners.forEach((own, partition) => {
    if (partition === but || !own.includes(host)) return
    const rest = own.filter(each => each !== host)
    for (let to = 0; to < hostCount; to++) {
      if (loads[to]! >= capacities[to]! || own.includes(to) || !keepsZonesApart(placement, rest, to)) continue
      const score = scoreOf(placement, partition, to)
      if (score >= bestScore) continue
      bestScore = score
      bestPartition = partition
      bestHost = to
    }
  })
  if (bestPartition < 0) return false
  const own = owners[bestPartition]!
  own[own.indexOf(host)] = bestHost
  loads[bestHost]!++
  loads[host]!--
  return true
}

/** Whether `own` and `host` leave room for every zone that must still come. */
function keepsZonesApart({ n, zones }: Placement, own: readonly number[], host: number): boolean {
  if (zones.members.length === 1) return true
  const zone = zones.of[host]!
  let distinct = 0
  for (let at = 0; at < own.length; at++) {
    const other = zones.of[own[at]!]!
    let before = 0
    while (before < at && zones.of[own[before]!] !== other) before++
    if (before === at) distinct++
  }
  for (const other of own) {
    if (zones.of[other] === zone) return n - own.length > Math.min(n, zones.members.length) - distinct
  }
  return true
}

function scoreOf({ hostCount, scores }: Placement, partition: number, host: number): number {
  return scores[partition * hostCount + host]!
}
