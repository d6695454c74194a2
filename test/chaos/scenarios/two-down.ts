import { QuorumUnavailable } from '../../../api/client/errors.ts'
import type { Explained } from '../replicas.ts'
import { explain } from '../replicas.ts'
import { checkHealed, type Stage, withStore } from '../scenario.ts'
import { eachOf, pause } from '../shell.ts'
import { codeOf, workloadBucket, workloadKey } from '../workload.ts'

const keys = 400
const inFlight = 8
const noticeMs = 6_000
const down = [2, 3]

interface Counts {
  asked: number
  succeeded: number
  readonly errors: Map<string, number>
}

/**
 * Two hosts of five are away. Writes go on wherever some owner or fallback lives, and their receipts say `sloppy`; those that ask for primaries
 * alone are refused where too few live, and say how many they need and had. Both return: replicas are equal within 30 s.
 */
export async function twoDown(stage: Stage): Promise<void> {
  const { cluster, report, ledger } = stage
  const names = Array.from({ length: keys }, (_, index) => `k${index}`)
  const nameOf = (key: string): string => workloadKey('set', key)
  await withStore(stage, async store => {
    const bucket = store.bucket<string>(workloadBucket.set)
    await eachOf(names, inFlight, async key => {
      ledger.begin(`${key}.calm`, nameOf(key), [])
      await bucket.put(key, `${key}.calm`)
      ledger.end(`${key}.calm`, 'acknowledged')
    })
    const awayOf = await ownersAway(stage, names.map(nameOf))
    for (const number of down) await cluster.host(number).down('SIGKILL')
    report.say(`${down.map(number => `host-${number}`).join(' and ')} were killed`)
    await pause(noticeMs)

    const write = async (kind: string, options: object, told: (key: string, outcome: unknown) => void): Promise<Counts> => {
      const counts: Counts = { asked: 0, succeeded: 0, errors: new Map() }
      await eachOf(names, inFlight, async key => {
        const id = `${key}.${kind}`
        counts.asked++
        ledger.begin(id, nameOf(key), [])
        try {
          const stored = await bucket.put(key, id, { receipt: true, ...options })
          ledger.end(id, 'acknowledged')
          counts.succeeded++
          told(key, stored)
        } catch (error) {
          const isRefused = (error as QuorumUnavailable).outcome === 'refused'
          ledger.end(id, isRefused ? 'refused' : 'indeterminate', codeOf(error))
          counts.errors.set(codeOf(error), (counts.errors.get(codeOf(error)) ?? 0) + 1)
          told(key, error)
        }
      })
      return counts
    }

    let [sloppy, fallbacks] = [0, 0]
    const loose = await write('sloppy', {}, (_, outcome) => {
      const { consistency, receipt } = outcome as { consistency?: string; receipt?: { acks: { role: string }[] } }
      if (consistency === 'sloppy') sloppy++
      if (receipt?.acks.some(({ role }) => role === 'fallback') === true) fallbacks++
    })
    report.figure('sloppy writes', { ...shown(loose), strength_sloppy: sloppy, with_fallback: fallbacks })
    if (loose.succeeded < loose.asked)
      report.violate(`F3: ${loose.asked - loose.succeeded} of ${loose.asked} sloppy writes failed with two hosts down`)

    let [silent, wrong, lacking] = [0, 0, 0]
    const strict = await write('strict', { sloppy: false, w: 2, pw: 2 }, (key, outcome) => {
      const live = 3 - (awayOf.get(nameOf(key)) ?? 0)
      if (live < 2) lacking++
      if (outcome instanceof QuorumUnavailable && (outcome.needed !== 2 || outcome.answered === undefined)) silent++
      if (outcome instanceof Error === live >= 2) wrong++
    })
    report.figure('strict writes', { ...shown(strict), with_one_owner_left: lacking, without_figures: silent })
    if (wrong > 0) report.violate(`K1: ${wrong} strict writes failed although two owners live, or succeeded with one`)
    if (silent > 0) report.violate(`K1: ${silent} refusals of strict writes do not say what they lack`)
  })
  for (const number of down) cluster.host(number).up()
  await checkHealed(stage)
}

/** How many owners of each key are among those that go down. */
async function ownersAway({ cluster }: Stage, names: readonly string[]): Promise<Map<string, number>> {
  const away = new Map<string, number>()
  await eachOf(names, inFlight, async key => {
    const explained: Explained | undefined = await explain(cluster.host(1), key)
    const owners = explained?.preference.map(({ host }) => host) ?? []
    away.set(key, down.filter(number => owners.includes(`host-${number}`)).length)
  })
  return away
}

function shown({ asked, succeeded, errors }: Counts): Readonly<Record<string, unknown>> {
  return { asked, succeeded, errors: Object.fromEntries(errors) }
}
