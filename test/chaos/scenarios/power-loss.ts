import { checkHealed, type Stage, startLoad } from '../scenario.ts'
import { pause } from '../shell.ts'
import { contentsOf } from '../stores.ts'

const workMsMin = 1_000
const workMsMax = 3_000
const writeQuorum = 2

/** I1: the power of every host fails at once under load; what was acknowledged is on the disks of W hosts, and they come back with it. */
export async function powerLoss(stage: Stage): Promise<void> {
  const { cluster, report, options, ledger, directory } = stage
  const random = stage.random.fork('power')
  const load = await startLoad(stage, ['set'])
  for (let round = 1; round <= options.rounds; round++) {
    await pause(workMsMin + random.below(workMsMax - workMsMin))
    await cluster.losePower(cluster.hosts.map((_, index) => index + 1))
    // No host runs, so no more is acknowledged than what is settled by now.
    const contents = []
    for (const host of cluster.hosts) contents.push(await contentsOf(host, directory))
    report.violate(...contents.flatMap(({ damage }) => damage).map(damage => `I1: ${damage}`))
    const lacking = ledger.underReplicated(
      contents.map(({ values }) => values),
      writeQuorum
    )
    report.violate(...lacking)
    for (const host of cluster.hosts) host.up()
    const settledMs = await cluster.settled()
    const records = contents.reduce((sum, each) => sum + each.records, 0)
    report.say(
      `round ${round}: ${ledger.acknowledgements} acknowledged, ${records} records on ${contents.length} disks, ${lacking.length} on fewer than ${writeQuorum}; all up after ${(settledMs / 1000).toFixed(1)} s`
    )
    if (report.violations.length > 0) break
  }
  await load.stop()
  report.violate(...load.violations)
  report.figure('free clients', load.free.figures())
  await checkHealed(stage)
}
