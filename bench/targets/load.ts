import { drive } from '../../api/bench/load.ts'
import type { Bench } from '../question.ts'
import { atMost, judged, short } from './judgement.ts'
import { PacedLoad, type PacedFigures } from './paced-load.ts'
import type { StoredPairs } from './pairs.ts'
import { say } from './setting.ts'

const peakInFlight = 256
const p99ToP50 = 5

/** Of puts and of gets, which run side by side. */
export interface BothFigures {
  readonly put: PacedFigures
  readonly get: PacedFigures
}

/** @returns operations a second that the cluster does at most, half of them puts */
export async function peakOf(stored: StoredPairs, seconds: number): Promise<number> {
  say('looking for the peak')
  let turn = 0
  const work = (): Promise<unknown> => (turn++ % 2 === 0 ? stored.put() : stored.get())
  const load = { inFlight: peakInFlight, rate: 0 }
  await drive(work, { ...load, seconds: seconds / 2 })
  const { operations, seconds: took } = await drive(work, { ...load, seconds })
  await stored.cluster.settle()
  return operations / took
}

/** Puts and gets, half of each, at a rate of their own, as long as `event` lasts. */
export async function during(stored: StoredPairs, perSecond: number, event: () => Promise<unknown>): Promise<BothFigures> {
  const loads = [new PacedLoad(() => stored.put(), perSecond / 2), new PacedLoad(() => stored.get(), perSecond / 2)]
  let ended: readonly PacedFigures[] = []
  try {
    await event()
  } finally {
    ended = await Promise.all(loads.map(load => load.end()))
  }
  return { put: ended[0]!, get: ended[1]! }
}

/** A row for puts and one for gets: p99 to p50. */
export function judgeTails(bench: Bench, when: string, figures: BothFigures, load: string): void {
  for (const op of ['put', 'get'] as const) {
    const { p50Ms, p99Ms, operations, failed, failures } = figures[op]
    bench.row(
      judged(`p99 of a ${op} to p50, half of peak load, ${when}`, p99Ms / p50Ms, atMost(p99ToP50, '×'), {
        p50_ms: p50Ms,
        p99_ms: p99Ms,
        load,
        operations,
        ...(failed > 0 ? { failed, failures } : {})
      })
    )
  }
}

export function loadText(peak: number): string {
  return `${short(peak / 2)}/s of ${short(peak)}/s`
}
