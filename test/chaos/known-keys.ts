import { connect } from '../../api/client/client.ts'
import type { ChaosHost } from './chaos-host.ts'
import { type Stage, withStore } from './scenario.ts'
import { pause } from './shell.ts'
import { codeOf } from './workload.ts'

const bucket = 'known'
const count = 20
const againMs = 250
const nameOf = (number: number): string => `k${number}`

/** Keys that nobody writes any more once they are in every datacenter; each has its name as its value. */
export async function storeKnown(stage: Stage): Promise<void> {
  await withStore(stage, async store => {
    for (let number = 0; number < count; number++)
      await store.bucket<string>(bucket).put(nameOf(number), nameOf(number), { consistency: 'each_quorum', timeoutMs: 10_000 })
  })
}

/**
 * Reads them again and again from hosts that have lost their data. They may refuse; they never say that there is nothing, or something else.
 * @returns `stop`: gives what was answered, and how often
 */
export function watchKnown(
  { report }: Stage,
  hosts: readonly ChaosHost[]
): { stop(): Promise<Readonly<Record<string, number>>> } {
  const counts: Record<string, number> = {}
  const note = (what: string): void => void (counts[what] = (counts[what] ?? 0) + 1)
  const end = new AbortController()
  const watch = async (host: ChaosHost): Promise<void> => {
    for (let number = 0; !end.signal.aborted; number = (number + 1) % count) {
      await pause(againMs)
      try {
        const value = await readAt(host, nameOf(number))
        note(value === nameOf(number) ? 'right' : 'wrong')
        if (value !== nameOf(number))
          report.violate(`D6: ${host.name}, which has lost its disk, reads ${nameOf(number)} as ${value ?? 'nothing'}`)
      } catch (error) {
        note(codeOf(error))
      }
    }
  }
  const all = Promise.all(hosts.map(watch))
  return {
    async stop() {
      end.abort()
      await all
      return counts
    }
  }
}

async function readAt(host: ChaosHost, key: string): Promise<string | undefined> {
  const store = await connect({ servers: host.nats })
  try {
    return (await store.bucket<string>(bucket).get(key, { consistency: 'one', timeoutMs: 2_000 }))?.value
  } finally {
    await store.close()
  }
}
