import { DatacenterLoad } from '../datacenter-load.ts'
import { bothEqualMsMax, checkEachQuorum, checkNothingOwed } from '../datacenters.ts'
import { storeKnown, watchKnown } from '../known-keys.ts'
import { checkHealed, type Stage } from '../scenario.ts'
import { pause } from '../shell.ts'
import { contentsOf } from '../stores.ts'
import { registers, workloadKey } from '../workload.ts'

const calmMs = 5_000
const graceMs = 2_000
const awayMs = 15_000
const afterMs = 5_000
/** From the start of the last host of a datacenter that was replaced until all see all as up: it is founded, then joined host by host. */
const foundedMsMax = 300_000
const quorum = 2

/**
 * All hosts of a datacenter lose their power at one moment under writes to both, and come back with their disks: nothing is lost. Then, when it
 * owes nothing, it is replaced by an empty one of the same name: its data come from the other. The other serves all the time.
 * In turn the last datacenter and the first, which began the cluster.
 */
export async function datacenterLost(stage: Stage): Promise<void> {
  const { cluster, report, options } = stage
  await storeKnown(stage)
  for (let round = 1; round <= options.rounds && report.violations.length === 0; round++) {
    const lost = cluster.datacenters.at(round % 2 === 1 ? -1 : 0)!
    const other = cluster.datacenters.find(dc => dc !== lost)!
    await powerFails(stage, round, lost, other)
    if (report.violations.length === 0) await isReplaced(stage, round, lost, other)
  }
}

async function powerFails(stage: Stage, round: number, lost: string, other: string): Promise<void> {
  const { cluster, report } = stage
  const hosts = cluster.hostsOf(lost)
  const load = await DatacenterLoad.start(stage, `power ${round}`)
  await pause(calmMs)
  load.phase(`round ${round}: before`, false)
  report.say(`round ${round}: the power of all hosts of ${lost} fails`)
  await cluster.loseHosts(hosts)
  await checkDisks(stage, lost)
  await pause(awayMs)
  await checkEachQuorum(stage, other, lost, true)
  load.phase(`round ${round}: without power in ${lost}`, true)
  for (const host of hosts) host.up()
  const settledMs = await cluster.settled()
  const healedMs = performance.now()
  report.say(`round ${round}: ${lost} is up again, with its disks, after ${(settledMs / 1000).toFixed(1)} s`)
  await pause(graceMs)
  load.phase(`round ${round}: ${lost} comes back`, true)
  await pause(afterMs)
  await load.stop([lost])
  await Promise.all([checkNothingOwed(stage, healedMs), checkHealed(stage, { sinceMs: healedMs, limitMs: bothEqualMsMax })])
}

/** I1, of a datacenter whose hosts are down: what its own clients were told, on its own disks. */
async function checkDisks({ cluster, directory, ledger, report }: Stage, dc: string): Promise<void> {
  const registered = [...registers].flatMap(([key, { acknowledged }]) =>
    key.startsWith(`${dc}-`) ? [{ key, acknowledged }] : []
  )
  const disks: ReadonlyMap<string, readonly string[]>[] = []
  for (const host of cluster.hostsOf(dc)) {
    const { values, damage } = await contentsOf(host, directory)
    disks.push(values)
    report.violate(...damage.map(each => `I1: ${each}`))
  }
  const isOwn = (line: string): boolean => line.startsWith(`I1: ${dc}-set-`)
  const lacking = ledger.underReplicated(disks, quorum).filter(isOwn)
  report.violate(...lacking)
  for (const { key, acknowledged } of registered) {
    const values = disks.map(disk => Math.max(0, ...(disk.get(workloadKey('register', key)) ?? []).map(Number)))
    if (values.filter(value => value >= acknowledged).length < quorum)
      report.violate(`I1: ${acknowledged} of register ${key} was acknowledged as flushed, and disks have ${values.join(', ')}`)
  }
  report.figure(`disks of ${dc}`, { registers: registered.length, lacking: lacking.length })
}

/** What the lost datacenter owed would be lost with its disks; it has had no clients since it owed nothing. */
async function isReplaced(stage: Stage, round: number, lost: string, other: string): Promise<void> {
  const { cluster, report } = stage
  const hosts = cluster.hostsOf(lost)
  const load = await DatacenterLoad.start(stage, `replaced ${round}`, [other])
  await pause(calmMs)
  report.say(`round ${round}: all of ${lost} is lost, disks and all`)
  load.phase(`round ${round}: before the loss`, true)
  await cluster.loseHosts(hosts)
  await pause(awayMs)
  load.phase(`round ${round}: ${lost} is lost`, true)
  cluster.replaceByEmpty(hosts)
  const startMs = performance.now()
  for (const host of hosts) host.up()
  const watch = watchKnown(stage, hosts)
  await cluster.settled(cluster.hosts, foundedMsMax)
  const healedMs = performance.now()
  report.figure(`round ${round}: ${lost} is founded anew`, { all_up_after_ms: Math.round(healedMs - startMs) })
  load.phase(`round ${round}: ${lost} is founded anew`, true)
  await pause(afterMs)
  load.phase(`round ${round}: ${lost} is back`, true)
  await load.stop()
  report.figure(`round ${round}: reads of ${lost} meanwhile`, await watch.stop())
  await Promise.all([checkNothingOwed(stage, healedMs), checkHealed(stage, { sinceMs: healedMs, limitMs: bothEqualMsMax })])
}
