import { type StatsFs, statfsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { LoadSample } from '../../model/autoscale/load.ts'
import { durationBounds, type MetricSnapshot } from '../../runtime/metrics.ts'

/** Metrics that count as requests refused since there was too much to do. */
const refusals: readonly string[] = ['actor_messages_refused_total']
const overload = 'overloaded'

/** Of a file system; free blocks are all, available ones those that any user may take. */
export type BlockCounts = Pick<StatsFs, 'blocks' | 'bsize' | 'bfree' | 'bavail'>

/**
 * What a host has done so far, from its threads' metrics, this process's CPU and the disk of its data. The nats-server beside it is not
 * in its CPU: its share is a fifth or so.
 * @param atMs monotonic
 */
export function loadSampleOf(threads: readonly (readonly MetricSnapshot[])[], data: string, atMs: number): LoadSample {
  let requests = 0
  let refused = 0
  const took = new Array<number>(durationBounds.length + 1).fill(0)
  for (const { name, series } of threads.flat()) {
    for (const { labels, value, buckets } of series) {
      if (name === 'request_seconds') {
        for (const [at, count] of (buckets ?? []).entries()) {
          took[at] = (took[at] ?? 0) + count
          requests += count
        }
      } else if (name === 'peeks_total') requests += value
      else if (refusals.includes(name) || (name === 'requests_refused_total' && labels['code'] === overload)) refused += value
    }
  }
  const { user, system } = process.cpuUsage()
  const disk = diskOf(data)
  return {
    atMs,
    requests,
    refused,
    bounds: durationBounds,
    took,
    cpuSeconds: (user + system) / 1e6,
    cores: availableParallelism(),
    diskBytes: disk.bytes,
    diskUsedBytes: disk.used
  }
}

/** As `df` counts: what is kept for the system's own user is neither used nor there for a host. */
export function diskUseOf({ blocks, bsize, bfree, bavail }: BlockCounts): { bytes: number; used: number } {
  const used = (blocks - bfree) * bsize
  return { bytes: used + bavail * bsize, used }
}

/** Where the disk does not say, it is no reason for anything. */
function diskOf(data: string): { bytes: number; used: number } {
  try {
    return diskUseOf(statfsSync(data))
  } catch {
    return { bytes: 0, used: 0 }
  }
}
