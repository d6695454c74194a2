/** What a host has done since it started, and what it has: two of these say how busy it was in between. Plain values. */
export interface LoadSample {
  /** Host's own monotonic clock. */
  readonly atMs: number
  /** Requests coordinated, and replicas that clients asked by themselves. */
  readonly requests: number
  /** Messages that full mailboxes refused, and requests that were refused for overload. */
  readonly refused: number
  /** Upper bounds of the buckets below, in seconds; one bucket more than bounds. */
  readonly bounds: readonly number[]
  /** Requests by how long they took. */
  readonly took: readonly number[]
  readonly cpuSeconds: number
  readonly cores: number
  readonly diskBytes: number
  readonly diskUsedBytes: number
}

/** How busy a host is. */
export interface HostLoad {
  readonly requestsPerSecond: number
  readonly refusedPerSecond: number
  /** Share of its cores, 0 to 1 and a little more. */
  readonly cpu: number
  /** 0 where nobody asked. */
  readonly p99Ms: number
  readonly disk: number
}

/** @returns undefined where the two do not follow each other: the host was started again in between, or no time has passed */
export function loadBetween(before: LoadSample, after: LoadSample): HostLoad | undefined {
  const seconds = (after.atMs - before.atMs) / 1_000
  const hasGoneOn =
    seconds > 0 && after.requests >= before.requests && after.refused >= before.refused && after.cpuSeconds >= before.cpuSeconds
  if (!hasGoneOn || after.took.length < before.took.length) return undefined
  const took = after.took.map((count, at) => Math.max(0, count - (before.took[at] ?? 0)))
  return {
    requestsPerSecond: (after.requests - before.requests) / seconds,
    refusedPerSecond: (after.refused - before.refused) / seconds,
    cpu: after.cores > 0 ? (after.cpuSeconds - before.cpuSeconds) / seconds / after.cores : 0,
    p99Ms: 1_000 * quantile(after.bounds, took, 0.99),
    disk: after.diskBytes > 0 ? after.diskUsedBytes / after.diskBytes : 0
  }
}

/** The upper bound of the bucket in which it lies: of the last one, which has none, twice the one before. */
export function quantile(bounds: readonly number[], counts: readonly number[], share: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return 0
  let below = 0
  for (const [at, count] of counts.entries()) {
    below += count
    if (below >= total * share) return bounds[at] ?? 2 * (bounds.at(-1) ?? 0)
  }
  return 2 * (bounds.at(-1) ?? 0)
}
