/** What placement has to know of a host. */
export interface PlacementHost {
  readonly name: string
  /** Its capacity, in proportion to the others'. */
  readonly weight: number
  /** Hosts of one zone fail together. */
  readonly zone: string
  /** Which rows of its zone it has, kept for life, see `seat.ts`; undefined where it has none. */
  readonly seat?: number | undefined
}

/** Zones by number, and the hosts of each, both by index. */
export interface Zones {
  readonly of: readonly number[]
  readonly members: readonly (readonly number[])[]
}

export function zonesOf(hosts: readonly PlacementHost[]): Zones {
  const names = [...new Set(hosts.map(({ zone }) => zone))].sort()
  const of = hosts.map(({ zone }) => names.indexOf(zone))
  return { of, members: names.map((_, zone) => of.flatMap((own, host) => (own === zone ? [host] : []))) }
}

/**
 * How many partition replicas each host should hold: in proportion to weight, as far as it holds no partition twice and each partition
 * lies in as many zones as it can. Every level of weight is filled like water: what a full host or zone cannot take goes to the rest.
 * @returns one share a host, not rounded; together partitions × min(replicas, hosts)
 */
export function fairShares(hosts: readonly PlacementHost[], partitions: number, replicas: number): number[] {
  const n = Math.min(replicas, hosts.length)
  const { members } = zonesOf(hosts)
  const zoneCount = members.length
  const perPartitionMin = n > zoneCount ? 1 : 0
  const perPartitionMax = Math.max(1, n - zoneCount + 1)
  const taken = (zone: number, level: number) =>
    members[zone]!.reduce((sum, host) => sum + Math.min(partitions, level * hosts[host]!.weight), 0)
  const takenInBounds = (zone: number, level: number) =>
    Math.min(
      partitions * Math.min(perPartitionMax, members[zone]!.length),
      Math.max(partitions * perPartitionMin, taken(zone, level))
    )
  // At this level every host is full.
  const levelMax = partitions / Math.min(...hosts.map(({ weight }) => weight))
  const level = levelAt(levelMax, n * partitions, each => members.reduce((sum, _, zone) => sum + takenInBounds(zone, each), 0))
  const shares = new Array<number>(hosts.length).fill(0)
  members.forEach((own, zone) => {
    const zoneLevel = levelAt(levelMax, takenInBounds(zone, level), each => taken(zone, each))
    for (const host of own) shares[host] = Math.min(partitions, zoneLevel * hosts[host]!.weight)
  })
  return shares
}

/** Where the rising `amountAt` reaches `wanted`. Bisection: the same steps, and so the same bits, on every machine. */
function levelAt(levelMax: number, wanted: number, amountAt: (level: number) => number): number {
  let low = 0
  let high = levelMax
  for (let round = 0; round < 64; round++) {
    const middle = (low + high) / 2
    if (amountAt(middle) < wanted) low = middle
    else high = middle
  }
  return high
}
