import { explain, isWhole, waitForEquality } from '../replicas.ts'
import { type Stage, withStore } from '../scenario.ts'
import { eachOf } from '../shell.ts'
import { wipe } from '../stores.ts'
import { codeOf } from '../workload.ts'

const bucket = 'wiped'
const wipedHost = 2
const inFlight = 256
const sampleSize = 2_000
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
          await target.put(key, `the value of ${key}`)
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
  const { unequal } = await waitForEquality(cluster.host(1), sample, wholeMsMax)
  report.figure('whole again', { sample: sample.length, lacking: unequal.size, seconds: secondsSince(startMs) })
  if (unequal.size > 0)
    report.violate(`F5: ${unequal.size} of ${sample.length} keys are not whole ${secondsSince(startMs)} s after a disk was lost`)
  let lacking = 0
  await eachOf(names, 16, async name => {
    if (!isWhole(await explain(cluster.host(1), name))) lacking++
  })
  report.figure('all keys', { keys: names.length, lacking })
  if (lacking > 0) report.violate(`F5: ${lacking} of ${names.length} keys are not whole although the sample is`)
}

function secondsSince(ms: number): number {
  return Math.round((performance.now() - ms) / 100) / 10
}
