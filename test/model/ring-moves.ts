import type { Test } from 'tap'
import { ringMembers, type Member } from '../../model/membership.ts'
import { atTurn, changesOf } from '../../model/ring-change.ts'
import {
  comer,
  type Dice,
  dice,
  flawsOf,
  leastMoved,
  moved,
  partitionsFor,
  quantile,
  randomCluster,
  replicas,
  ringsOf
} from './random-clusters.ts'

export type ChangeKind = 'join' | 'leave' | 'weight' | 'replace'

export interface MoveTerms {
  readonly clusters: number
  readonly seed: number
  readonly isWeighted: boolean
  readonly medianMax: number
  readonly mostMax: number
}

/** Clusters of 3 to 100 hosts, one change in each: D1 and I19 before and after it, D2 by the ratio of what moved to the least that could. */
export function checkMoves(t: Test, kind: ChangeKind, terms: MoveTerms): void {
  const random = dice(terms.seed)
  const ratios: number[] = []
  for (let found = 0; found < terms.clusters; ) {
    const rows = announced(kind, randomCluster(random, terms.isWeighted), random, terms.isWeighted)
    const turn = atTurn(rows, changesOf(rows)[0])
    const [before, after] = [ringMembers(turn), ringMembers(turn, 'future')]
    const partitions = partitionsFor([before, after])
    if (partitions === undefined || Math.min(before.length, after.length) < replicas) continue
    found++
    const rings = ringsOf(rows, partitions)
    for (const flaw of [...flawsOf(rings.before, before), ...flawsOf(rings.after, after)])
      t.fail(`cluster ${found} of ${before.length} hosts: ${flaw}`)
    const least = kind === 'replace' ? owned(rings.before, rows) : leastMoved(before, after, partitions)
    // A share that grows by less than a replica need not move anything.
    if (least >= 1) ratios.push(moved(rings.before, rings.after) / least)
  }
  const [median, nine, most, max] = [0.5, 0.9, 0.99, 1].map(q => quantile(ratios, q)) as [number, number, number, number]
  t.comment(
    `${kind}: moved / least of ${ratios.length}: p50 ${median.toFixed(3)}, p90 ${nine.toFixed(3)}, p99 ${most.toFixed(3)}, max ${max.toFixed(3)}`
  )
  t.ok(median <= terms.medianMax, `half of them move no more than ${terms.medianMax} × the least: ${median}`)
  t.ok(max <= terms.mostMax, `none moves more than ${terms.mostMax} × the least: ${max}`)
}

/** What the host that is replaced holds. */
function owned(ring: { readonly owners: readonly (readonly string[])[] }, rows: readonly Member[]): number {
  const name = changesOf(rows)[0]!.replaced!.name
  return ring.owners.filter(own => own.includes(name)).length
}

/** The rows of a cluster in which one host has announced the change. */
function announced(kind: ChangeKind, hosts: readonly Member[], random: Dice, isWeighted: boolean): readonly Member[] {
  const at = random(hosts.length)
  const one = hosts[at]!
  switch (kind) {
    case 'join': {
      const zone = `z${hosts.length % new Set(hosts.map(host => host.zone)).size}`
      return [...hosts, { ...comer(hosts, random, 1000, isWeighted, zone), state: 'joining', standing: 'joining', ticket: 2 }]
    }
    case 'leave':
      return hosts.with(at, { ...one, state: 'leaving', standing: 'leaving', ticket: 2 })
    case 'weight': {
      let nextWeight = one.weight
      while (nextWeight === one.weight) nextWeight = 1 + random(8)
      return hosts.with(at, { ...one, nextWeight, ticket: 2 })
    }
    default: {
      const newcomer = comer(hosts, random, 1000, isWeighted, one.zone)
      return [...hosts, { ...newcomer, state: 'joining', standing: 'joining', replaces: one.uid, ticket: 2 }]
    }
  }
}
