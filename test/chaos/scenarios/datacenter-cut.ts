import { DatacenterLoad } from '../datacenter-load.ts'
import { bothEqualMsMax, checkEachQuorum, checkNothingOwed, debtsOf, linksBetween } from '../datacenters.ts'
import { checkHealed, type Stage } from '../scenario.ts'
import { pause } from '../shell.ts'

const calmMs = 10_000
const graceMs = 2_000
const afterMs = 5_000

/**
 * The link between two datacenters is cut, for as long as `--minutes` says, under writes to both. Each serves all the time; what needs both is
 * refused and says which is missing. A minute after the link is back all replicas of both are equal, and nothing is lost.
 */
export async function datacenterCut(stage: Stage): Promise<void> {
  const { cluster, report, options } = stage
  const [one, other] = cluster.datacenters as [string, string]
  const load = await DatacenterLoad.start(stage, 'clients')
  await pause(calmMs)
  load.phase('before', false)
  const links = linksBetween(cluster)
  await cluster.network?.cut(links)
  report.say(`${one} and ${other} cannot reach each other any more`)
  const untilMs = performance.now() + options.minutes * 60_000
  await Promise.all([checkEachQuorum(stage, one, other, false), checkEachQuorum(stage, other, one, false), pause(graceMs)])
  load.phase('first seconds of the cut', false)
  await pause(Math.max(graceMs, untilMs - performance.now()))
  await Promise.all([checkEachQuorum(stage, one, other, true), checkEachQuorum(stage, other, one, true)])
  load.phase('cut', true)
  report.figure('owed when it heals', await debtsOf(cluster))
  await cluster.network?.mend(links)
  const healedMs = performance.now()
  report.say(`the link is back`)
  const settledMs = await cluster.settled()
  await pause(afterMs)
  load.phase('after the cut', true)
  await load.stop()
  report.figure('found together', { after_ms: Math.round(settledMs) })
  await Promise.all([checkNothingOwed(stage, healedMs), checkHealed(stage, { sinceMs: healedMs, limitMs: bothEqualMsMax })])
}
