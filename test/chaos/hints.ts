import type { ChaosHost } from './chaos-host.ts'
import type { Report } from './report.ts'
import { pause } from './shell.ts'

/** After healing every hint has arrived within this time. */
const deliveredMsMax = 30_000
const againMs = 500

interface HintCounts {
  readonly created: number
  readonly superseded: number
  readonly delivered: number
  readonly pending: number
}

/**
 * I13: on each host created = delivered + superseded + pending, and none is pending long after healing. Counters begin with the process, and what
 * it found on its disk counts as created, so this holds whatever was killed.
 */
export async function checkHints(hosts: readonly ChaosHost[], report: Report): Promise<void> {
  const startMs = performance.now()
  for (;;) {
    const counts = await Promise.all(hosts.map(countsOf))
    const sum = (of: (counts: HintCounts) => number): number => counts.reduce((total, each) => total + of(each), 0)
    const unbalanced = hosts.filter((_, index) => {
      const { created, superseded, delivered, pending } = counts[index]!
      return created !== superseded + delivered + pending
    })
    const pending = sum(each => each.pending)
    const isOver = performance.now() - startMs > deliveredMsMax
    // While hints move, counters of one moment are not read in one.
    if ((pending > 0 || unbalanced.length > 0) && !isOver) {
      await pause(againMs)
      continue
    }
    report.figure('hints', {
      created: sum(each => each.created),
      superseded: sum(each => each.superseded),
      delivered: sum(each => each.delivered),
      pending
    })
    if (pending > 0) report.violate(`I13: ${pending} hints are pending ${deliveredMsMax / 1000} s after all hosts are up`)
    for (const { name } of unbalanced) report.violate(`I13: hints of ${name} do not add up: ${JSON.stringify(counts)}`)
    return
  }
}

async function countsOf(host: ChaosHost): Promise<HintCounts> {
  const text = await host.text('/metrics')
  const sum = (name: string): number => {
    let total = 0
    for (const [, value] of text.matchAll(new RegExp(`^carillon_${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))) total += Number(value)
    return total
  }
  return {
    created: sum('hints_created_total'),
    superseded: sum('hints_superseded_total'),
    delivered: sum('hints_delivered_total'),
    pending: sum('hints_pending')
  }
}
