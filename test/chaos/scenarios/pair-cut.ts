import { checkHealed, type Stage, startLoad } from '../scenario.ts'
import { pause } from '../shell.ts'

const calmMs = 20_000
const cutMs = 30_000
const lookMs = 250
const slowdownMax = 5
const [a, b] = [1, 2]

/** Two hosts cannot reach each other, all others reach both: nobody is taken for dead, and requests stay quick (I20). */
export async function pairCut(stage: Stage): Promise<void> {
  const { cluster, report } = stage
  const load = await startLoad(stage)
  await pause(calmMs)
  const before = load.phase()
  report.figure('before', before.figures())
  const cuts = [
    { from: a, to: b, loss: 'all' },
    { from: b, to: a, loss: 'all' }
  ] as const
  await cluster.network?.cut(cuts)
  report.say(`host-${a} and host-${b} cannot reach each other any more`)
  const changes = await watchViews(stage, cutMs)
  const during = load.phase()
  report.figure('while they are cut', during.figures())
  report.figure('changes of state', Object.fromEntries(changes))
  await cluster.network?.mend(cuts)
  await load.stop()
  report.violate(...load.violations)
  const ratio = during.percentile(0.99) / before.percentile(0.99)
  report.figure('p99 of normal', Math.round(ratio * 100) / 100)
  if (ratio > slowdownMax)
    report.violate(`I20: p99 was ${ratio.toFixed(1)} × of normal while a pair was cut; the limit is ${slowdownMax}`)
  for (const [change, count] of changes)
    if (!change.includes('→ up')) report.violate(`I20: ${change}, ${count} times, while a pair was cut`)
  await checkHealed(stage)
}

/** What hosts think of hosts, as it changes. */
async function watchViews({ cluster }: Stage, forMs: number): Promise<Map<string, number>> {
  const changes = new Map<string, number>()
  const states = new Map<string, string>()
  const endMs = performance.now() + forMs
  while (performance.now() < endMs) {
    const views = await Promise.all(cluster.hosts.map(async host => ({ host, view: await cluster.viewOf(host) })))
    for (const { host, view } of views) {
      for (const { name, state } of view?.hosts ?? []) {
        const pair = `${host.name} sees ${name}`
        const before = states.get(pair) ?? 'up'
        states.set(pair, state)
        if (before === state) continue
        const change = `${pair} ${before} → ${state}`
        changes.set(change, (changes.get(change) ?? 0) + 1)
      }
    }
    await pause(lookMs)
  }
  return changes
}
