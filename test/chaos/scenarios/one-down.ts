import { checkHealed, type Stage, startLoad } from '../scenario.ts'
import { pause } from '../shell.ts'

const calmMs = 10_000
const graceMs = 2_000
const downMs = 15_000
const down = 2

/** One host of five dies and stays away: 2 s later no client meets an error at a quorum any more. It returns: replicas are equal within 30 s. */
export async function oneDown(stage: Stage): Promise<void> {
  const { cluster, report } = stage
  const load = await startLoad(stage)
  await pause(calmMs)
  report.figure('before', load.phase().figures())
  const host = cluster.host(down)
  report.say(`${host.name} is killed`)
  await host.down('SIGKILL')
  await pause(graceMs)
  report.figure('first 2 s', load.phase().figures())
  await pause(downMs)
  const after = load.phase()
  report.figure('from then on', after.figures())
  if (after.failed > 0)
    report.violate(
      `F3: ${after.failed} operations at a quorum failed later than 2 s after one of ${cluster.hosts.length} hosts was killed`
    )
  host.up()
  report.say(`${host.name} is started again`)
  await cluster.settled()
  await load.stop()
  report.figure('during its return', load.free.figures())
  report.violate(...load.violations)
  await checkHealed(stage)
}
