import { readFileSync } from 'node:fs'
import type { BusFigures } from '../../bus/bus.ts'
import { silentLog } from '../../runtime/log.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { incarnationsFrom, ThreadGroup } from '../../runtime/thread-group.ts'
import type { ThreadConfig, ThreadSpec } from '../../runtime/worker-host.ts'
import { type Bench, cpuNs } from '../question.ts'

const module = new URL('./player-thread.js', import.meta.url)
const warmUpMs = 700
const secondsDefault = 2
/** Of a clock of /proc: 100 a second on every Linux. */
const nsPerTick = 10_000_000

/** CPU of another process so far, in ns; NaN where /proc is not there. */
function cpuNsOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * nsPerTick
  } catch {
    return Number.NaN
  }
}

/**
 * Two threads play so many balls to each other; every message crosses the bus. One row: CPU of both threads for each message that was
 * sent, crossed and was handled, beside it that of the servers.
 * @param configure of the threads `one` and `two`
 * @param servers their process ids
 */
export async function play(
  bench: Bench,
  what: string,
  balls: number,
  configure: (thread: string) => ThreadConfig,
  servers: readonly (number | undefined)[] = []
): Promise<void> {
  const thread = (name: string): ThreadSpec => ({ name, module, configure: () => configure(name) })
  const threads = new ThreadGroup(
    { name: 'players', strategy: 'one-for-one', intensity: 0, periodMs: 1_000, threads: [thread('one'), thread('two')] },
    { host: 'bench', clock: systemClock, log: silentLog, incarnationBase: incarnationsFrom(systemClock) }
  )
  await threads.start()
  const first = threads.thread('one')!
  const sent = async (): Promise<{ messages: number; batches: number }> => {
    const all = (await Promise.all(threads.threads().map(one => one.command('figures', undefined)))) as BusFigures[]
    const sum = (of: (one: BusFigures) => number): number => all.reduce((total, one) => total + of(one), 0)
    return { messages: sum(one => one.messagesOut), batches: sum(one => one.batchesOut) }
  }
  await first.command('serve', balls)
  await passed(warmUpMs)
  const serversNs = (): number => servers.reduce<number>((sum, pid) => sum + cpuNsOf(pid), 0)
  const before = await sent()
  const [used, serversUsed, since] = [cpuNs(), serversNs(), performance.now()]
  await passed(bench.option('seconds', secondsDefault) * 1_000)
  const after = await sent()
  const operations = after.messages - before.messages
  // What is played at most once may be lost: a game without balls has no figures.
  if (operations === 0) throw new Error(`${what}: no message crossed`)
  bench.row({
    what: `${what}, ${balls} under way`,
    cpu_ns: (cpuNs() - used) / operations,
    operations,
    ...(servers.length === 0 ? {} : { servers_cpu_ns: (serversNs() - serversUsed) / operations }),
    per_batch: operations / Math.max(1, after.batches - before.batches),
    per_second: (operations / (performance.now() - since)) * 1_000
  })
  await threads.stop()
}

function passed(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
