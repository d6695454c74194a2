import type { ChaosHost } from '../chaos-host.ts'
import type { Load } from '../load.ts'
import { leaveByPlan } from '../plans.ts'
import { checkHealed, type Stage, startLoad } from '../scenario.ts'
import { pause } from '../shell.ts'
import { Tally } from '../tally.ts'

export const resizeBegins = 3
const newcomers = 2
const restMsMin = 5_000
const restMsMax = 10_000
/** Between the starts of two newcomers. */
const apartMsMax = 3_000
const killGapMsMin = 20_000
const killGapMsMax = 40_000
const deadMsMax = 5_000
const againMs = 250
/** To join, or to leave, also where hosts are killed meanwhile and the machine has much else to do. */
const moveMsMax = 300_000

interface Figures {
  rounds: number
  joins: number
  leaves: number
  kills: number
  /** In which hosts joined or left. */
  movedMs: number
}

/**
 * I2, I5, I18, D4: three hosts become five, and three again, under load: two join with empty directories, two leave by a plan, the newcomers or those that
 * were there before, and come back later as newcomers. Without kills no request fails; with them nothing is lost.
 */
export async function resize(stage: Stage): Promise<void> {
  const { cluster, report, options } = stage
  const random = stage.random.fork('resize')
  const figures: Figures = { rounds: 0, joins: 0, leaves: 0, kills: 0, movedMs: 0 }
  const tallies = { rest: new Tally(), moving: new Tally() }
  const load = await startLoad(stage, undefined, true)
  load.into(tallies.rest)
  const stop = new AbortController()
  const killing = options.kills ? killSome(stage, figures, stop.signal) : Promise.resolve()
  const moving = async (what: string, move: () => Promise<void>): Promise<void> => {
    const startMs = performance.now()
    load.into(tallies.moving)
    await move()
    load.into(tallies.rest)
    const tookMs = performance.now() - startMs
    figures.movedMs += tookMs
    const names = cluster.members.map(({ name }) => name).join(', ')
    report.say(`round ${figures.rounds + 1}: ${what} after ${(tookMs / 1000).toFixed(1)} s; members: ${names}`)
  }
  const endMs = performance.now() + options.minutes * 60_000
  try {
    do {
      await pause(restMsMin + random.below(restMsMax - restMsMin))
      await moving('two have joined', () => join(stage, figures, random.below(apartMsMax)))
      await pause(restMsMin + random.below(restMsMax - restMsMin))
      const leaving = drawnOf(cluster.members, newcomers, length => random.below(length))
      const names = leaving.map(({ name }) => name).join(' and ')
      await moving(`${names} have left`, async () => {
        await leaveByPlan(cluster, leaving, random.fork(`plan-${figures.rounds}`), moveMsMax)
        cluster.members = cluster.members.filter(host => !leaving.includes(host))
        figures.leaves += leaving.length
      })
      figures.rounds++
    } while (performance.now() < endMs)
  } finally {
    stop.abort()
    await killing
    await load.stop()
    tell(stage, load, figures, tallies)
  }
  await checkHealed(stage)
}

/** Those whose place is free come as newcomers, with empty directories. */
async function join({ cluster, random }: Stage, figures: Figures, apartMs: number): Promise<void> {
  const absent = cluster.hosts.filter(host => !cluster.members.includes(host))
  const coming = drawnOf(absent, newcomers, length => random.below(length))
  const routes = cluster.members.map(({ route }) => route)
  for (const [index, host] of coming.entries()) {
    if (index > 0) await pause(apartMs)
    // Of one that has left, its nats-server may follow a moment later.
    await host.down()
    host.comeAnew(routes)
    figures.joins++
    cluster.members = [...cluster.members, host]
  }
  await cluster.settled(cluster.members, moveMsMax)
}

/** Any member that runs, also one that joins or leaves. */
async function killSome({ cluster, random, report }: Stage, figures: Figures, stop: AbortSignal): Promise<void> {
  const chance = random.fork('kills')
  while (!stop.aborted) {
    const nextMs = performance.now() + killGapMsMin + chance.below(killGapMsMax - killGapMsMin)
    while (!stop.aborted && performance.now() < nextMs) await pause(againMs)
    const running = cluster.members.filter(({ pid }) => pid !== undefined)
    const host = running[chance.below(Math.max(1, running.length))]
    if (stop.aborted || host === undefined) continue
    const deadMs = chance.below(deadMsMax)
    host.kill(deadMs)
    figures.kills++
    report.say(`${host.name} is killed, and started again after ${(deadMs / 1000).toFixed(1)} s`)
  }
}

function drawnOf(hosts: readonly ChaosHost[], count: number, below: (length: number) => number): ChaosHost[] {
  const left = [...hosts]
  return Array.from({ length: Math.min(count, left.length) }, () => left.splice(below(left.length), 1)[0]!)
}

function tell(
  { report, options, cluster }: Stage,
  load: Load,
  figures: Figures,
  tallies: Record<'rest' | 'moving', Tally>
): void {
  const { rest, moving } = tallies
  report.violate(...load.violations)
  report.figure('at rest', rest.figures())
  report.figure('moving', moving.figures())
  const { movedMs, ...counts } = figures
  report.figure('resize', {
    ...counts,
    moved_s: Math.round(movedMs / 100) / 10,
    p99_at_rest_ms: Math.round(rest.percentile(0.99)),
    p99_moving_ms: Math.round(moving.percentile(0.99)),
    errors: rest.failed + moving.failed
  })
  for (const reason of [...rest.reasons, ...moving.reasons]) report.say(`failed: ${reason}`)
  if (options.kills) return
  if (rest.failed + moving.failed > 0)
    report.violate(
      `D4: ${rest.failed} operations failed at rest, and ${moving.failed} while hosts joined or left, with all of them healthy`
    )
  for (const { host, how } of cluster.hosts.flatMap(each => each.unaskedEnds))
    report.violate(`D4: ${host} ended by itself: ${how}`)
}
