import type { WorkShown } from './cluster-shapes.ts'

type Item = WorkShown['hosts'][number]['items'][number]

/** What a repair came to, or how far it is. */
export interface RepairFigures {
  /** Pieces of work that were begun, and that are through. Those whose host is away now are not waited for. */
  readonly pieces: number
  readonly through: number
  /** Records that were merged somewhere, by exchanges. */
  readonly repaired: number
  /** Hints that reached their hosts. */
  readonly delivered: number
  /** Records that could not be merged. */
  readonly failed: number
  readonly bytes: number
  /** Hosts that do not answer. */
  readonly away: readonly string[]
}

interface Begun {
  readonly item: Item
  /** The run that was asked for is through when there were so many. */
  readonly runsWanted: number
}

/** Follows the work that `repair` began, by what the hosts say of it later. */
export class RepairProgress {
  readonly #begun = new Map<string, Begun>()

  constructor(start: WorkShown) {
    for (const { host, items } of start.hosts) {
      for (const item of items) {
        if (!item.ready) continue
        // One that ran already is begun once more at its end.
        this.#begun.set(`${host} ${item.job}`, { item, runsWanted: item.runs + (item.state === 'running' ? 2 : 1) })
      }
    }
  }

  figures(now: WorkShown): RepairFigures {
    const figures = { pieces: 0, through: 0, repaired: 0, delivered: 0, failed: 0, bytes: 0 }
    for (const { host, reached, items } of now.hosts) {
      if (!reached) continue
      for (const item of items) {
        const begun = this.#begun.get(`${host} ${item.job}`)
        if (begun === undefined || !item.ready) continue
        // A host that was started again counts anew, and has forgotten what it was asked.
        const isAnew = item.runs < begun.item.runs
        figures.pieces++
        if (item.runs >= (isAnew ? 1 : begun.runsWanted)) figures.through++
        const gained = (name: string) => (item.totals[name] ?? 0) - (isAnew ? 0 : (begun.item.totals[name] ?? 0))
        figures.repaired += gained('repaired')
        figures.delivered += gained('delivered')
        figures.failed += gained('failed')
        figures.bytes += gained('bytes')
      }
    }
    return { ...figures, away: now.hosts.filter(({ reached }) => !reached).map(({ host }) => host) }
  }
}
