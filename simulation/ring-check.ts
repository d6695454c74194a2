import type { RingViews } from './ring-observer.ts'

/**
 * Compare what hosts say of the ring once all is healed: the same members, all of them up; the same owners, each preference list of
 * distinct hosts.
 * @returns a sentence for each thing that is not so
 */
export function checkRings(views: RingViews, living: readonly string[]): string[] {
  const wrong: string[] = []
  const [first = ''] = living
  const reference = views.get(first)
  if (reference === undefined) return [`${first} does not tell its ring`]
  for (const name of living) {
    const view = views.get(name)
    if (view === undefined) {
      wrong.push(`${name} does not tell its ring`)
      continue
    }
    if (view.epoch !== reference.epoch) wrong.push(`${name} has ring ${view.epoch}, ${first} has ${reference.epoch}`)
    else if (JSON.stringify(view.owners) !== JSON.stringify(reference.owners)) {
      wrong.push(`${name} and ${first} have the same members and different owners`)
    }
    for (const other of living) {
      const seen = view.hosts.find(host => host.name === other)
      if (seen === undefined) wrong.push(`${name} does not know ${other}`)
      else if (seen.isWaiting === true) {
        // A plan that would have let it in was aborted, or never committed.
        if (reference.owners.some(own => own.includes(reference.hosts.findIndex(host => host.name === other))))
          wrong.push(`${other} waits, and owns something`)
      } else if (seen.state !== 'up') wrong.push(`${name} takes ${other} for ${seen.state}, and it is up`)
    }
    const size = Math.min(view.replicas, view.hosts.length)
    const short = view.owners.findIndex(list => new Set(list).size !== list.length || list.length < Math.min(size, living.length))
    if (short >= 0) wrong.push(`${name} gives partition ${short} the owners ${JSON.stringify(view.owners[short])}`)
  }
  return wrong
}
