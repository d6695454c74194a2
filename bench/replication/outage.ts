import { passed } from '../targets/waiting.ts'
import type { ReplicatedSystem } from './system.ts'

const writers = 8
const pauseMs = 5
const beforeMs = 3_000

export interface Outage {
  readonly killed: string
  readonly writes: number
  readonly failed: number
  /** Between two writes that were acknowledged, whoever wrote them, after the kill. */
  readonly gapMs: number
  /** The same while all was well. */
  readonly usualGapMs: number
}

/** Clients write, each one after the other; after three seconds a replica is killed, and stays away. */
export async function outageOf(system: ReplicatedSystem, afterMs: number): Promise<Outage> {
  const acknowledged: number[] = []
  let failed = 0
  const over = new AbortController()
  const value = Buffer.alloc(100, 7)
  const writer = async (number: number): Promise<void> => {
    for (let index = 0; !over.signal.aborted; index++) {
      try {
        await system.put(`outage-${number}-${index % 100}`, value)
        acknowledged.push(performance.now())
      } catch {
        failed++
      }
      await passed(pauseMs)
    }
  }
  const all = Promise.all(Array.from({ length: writers }, (_, number) => writer(number)))
  await passed(beforeMs)
  const killedMs = performance.now()
  const killed = await system.kill()
  await passed(afterMs)
  over.abort()
  const endMs = performance.now()
  await all
  const before = acknowledged.filter(ms => ms < killedMs)
  return {
    killed,
    writes: acknowledged.length,
    failed,
    gapMs: widest([killedMs, ...acknowledged.filter(ms => ms >= killedMs && ms <= endMs), endMs]),
    usualGapMs: widest(before.slice(Math.floor(before.length / 2)))
  }
}

function widest(times: readonly number[]): number {
  let gap = 0
  for (let at = 1; at < times.length; at++) gap = Math.max(gap, times[at]! - times[at - 1]!)
  return gap
}
