import { waitForEquality } from '../replicas.ts'
import { type Stage, withStore } from '../scenario.ts'
import { eachOf } from '../shell.ts'
import { contentsOf, wipe } from '../stores.ts'
import { codeOf } from '../workload.ts'

const bucket = 'wiped'
const wipedHost = 2
const inFlight = 256
const replicas = 3
const sampleSize = 500
const valueOf = (name: string): string => `the value of ${name}`
const wholeMsMax = 600_000
const attemptsMax = 5

/** A host loses its disk, keeps its identity, and has all its replicas again, without an operator and without client traffic. */
export async function wiped(stage: Stage): Promise<void> {
  const { cluster, report, options } = stage
  const keys = Array.from({ length: options.rounds * 1_000 }, (_, index) => `key-${index}`)
  await withStore(stage, async store => {
    const target = store.bucket<string>(bucket)
    const startMs = performance.now()
    await eachOf(keys, inFlight, async key => {
      for (let attempt = 1; ; attempt++) {
        try {
          await target.put(key, valueOf(`${bucket}/${key}`))
          return
        } catch (error) {
          if (attempt === attemptsMax) throw new Error(`${key} cannot be stored: ${codeOf(error)}`, { cause: error })
        }
      }
    })
    report.figure('stored', { keys: keys.length, seconds: secondsSince(startMs) })
  })
  const names = keys.map(key => `${bucket}/${key}`)
  const host = cluster.host(wipedHost)
  await host.down()
  wipe(host)
  const startMs = performance.now()
  host.up()
  await cluster.settled()
  report.say(`${host.name} was wiped and started; it is up after ${secondsSince(startMs)} s`)
  const step = Math.max(1, Math.floor(names.length / sampleSize))
  const sample = names.filter((_, index) => index % step === 0)
  const { unequal } = await waitForEquality(cluster.witnesses, sample, wholeMsMax)
  report.figure('whole again', { sample: sample.length, lacking: unequal.size, seconds: secondsSince(startMs) })
  if (unequal.size > 0)
    report.violate(`F5: ${unequal.size} of ${sample.length} keys are not whole ${secondsSince(startMs)} s after a disk was lost`)
  await compareStores(stage, names)
}

/** Every key, without the hosts: as many have it as there shall be replicas, and all the same. */
async function compareStores({ cluster, directory, report }: Stage, names: readonly string[]): Promise<void> {
  await cluster.stop()
  const copies = new Map<string, number>()
  for (const host of cluster.hosts) {
    const { values, damage } = await contentsOf(host, directory)
    report.violate(...damage)
    for (const [name, [value, ...others]] of values) {
      if (others.length === 0 && value === valueOf(name)) copies.set(name, (copies.get(name) ?? 0) + 1)
      else report.violate(`F5: ${host.name} has ${[value, ...others].join(', ')} of ${name}`)
    }
  }
  const lacking = names.filter(name => (copies.get(name) ?? 0) < replicas).length
  report.figure('all keys', { keys: names.length, on_fewer_than_3_disks: lacking })
  if (lacking > 0)
    report.violate(`F5: ${lacking} of ${names.length} keys are on fewer than ${replicas} disks although the sample is whole`)
}

function secondsSince(ms: number): number {
  return Math.round((performance.now() - ms) / 100) / 10
}
