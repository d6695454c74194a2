import { checkHealed, checkValues, keysOf, type Stage, startLoad } from '../scenario.ts'
import { pause } from '../shell.ts'
import { contentsOf } from '../stores.ts'

const workMsMin = 500
const workMsMax = 2_500

/**
 * I2: `kill -9` under load, again and again: one host, its nats-server, several hosts, or all of them. After each round they find together;
 * in the end every store opens, every checksum holds, and nothing that was acknowledged is lost.
 */
export async function killLoop(stage: Stage): Promise<void> {
  const { cluster, report, options } = stage
  const random = stage.random.fork('kills')
  const load = await startLoad(stage)
  let killed = 0
  for (let round = 1; round <= options.rounds; round++) {
    await pause(workMsMin + random.below(workMsMax - workMsMin))
    const count = [1, 1, 1, 2, cluster.hosts.length][random.below(5)]!
    const first = random.below(cluster.hosts.length)
    const hosts = Array.from({ length: count }, (_, index) => cluster.hosts[(first + index) % cluster.hosts.length]!)
    const isNats = count === 1 && random.next() < 0.25
    for (const host of hosts) {
      if (isNats) host.killNats()
      else host.kill()
    }
    killed += count
    const settledMs = await cluster.settled()
    const names = hosts.map(({ name }) => name).join(', ')
    report.say(`round ${round}: ${isNats ? 'the nats-server of ' : ''}${names}; all up after ${(settledMs / 1000).toFixed(1)} s`)
    if (report.violations.length > 0) break
  }
  await load.stop()
  report.violate(...load.violations)
  report.figure('free clients', load.free.figures())
  report.figure('kills', { rounds: options.rounds, killed })
  await checkHealed(stage)
  // Once more, and now their disks are read without them.
  for (const host of cluster.hosts) host.kill(60_000)
  await checkStores(stage)
  for (const host of cluster.hosts) host.up()
  await cluster.settled()
  await checkValues(stage)
}

/** Every store opens, every record's checksum holds. */
async function checkStores(stage: Stage): Promise<void> {
  const { cluster, directory, report } = stage
  let [records, hints] = [0, 0]
  for (const host of cluster.hosts) {
    await host.down('SIGKILL')
    const contents = await contentsOf(host, directory)
    report.violate(...contents.damage.map(damage => `I2: ${damage}`))
    records += contents.records
    hints += contents.hints
  }
  report.figure('stores', { hosts: cluster.hosts.length, keys: keysOf(stage).length, records, hints })
}
