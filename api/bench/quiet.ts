import { loadClock } from './load.ts'
import { readStat } from './process-cpu.ts'
import type { Target } from './target.ts'

const windowMs = 100
/** Of one core, for all processes together: three replicas of five systems tick a little even when nobody asks anything. */
const shareMax = 0.25
const waitMsMax = 3_000

/**
 * Wait until the systems have done what the last round left them to do: logs to move, revisions to compact, trees to hash.
 * On a machine that never comes to rest it gives up after three seconds.
 */
export async function quiet(targets: readonly Pick<Target, 'processes'>[], stopped: () => boolean): Promise<void> {
  const processes = (await Promise.all(targets.map(target => target.processes()))).flat()
  if (processes.length === 0) return
  const endMs = loadClock.now() + waitMsMax
  let fromMs = loadClock.now()
  let from = total(processes)
  while (loadClock.now() < endMs && !stopped()) {
    await new Promise(resolve => setTimeout(resolve, windowMs))
    const toMs = loadClock.now()
    const to = total(processes)
    if ((to - from) / 1000 <= (toMs - fromMs) * shareMax) return
    fromMs = toMs
    from = to
  }
}

/** Microseconds of CPU so far. */
function total(processes: readonly { readonly pid: number }[]): number {
  let sum = 0
  for (const { pid } of processes) sum += readStat(pid)?.cpuMicroseconds ?? 0
  return sum
}
