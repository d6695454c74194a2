import { hintsEnd, hintsStart } from '../model/hint.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'

/**
 * Compare each host's hint ledger with itself and with its disk.
 * @param areAllDelivered nothing is away any more, so none may be left
 * @returns a sentence for each host where they differ, and for each that has left and kept some
 */
export function checkHints(cluster: SimulatedCluster, living: readonly string[], areAllDelivered: boolean): string[] {
  const wrong: string[] = []
  for (const { name, uid, saved, hasLeft } of cluster.machines) {
    // Who lives, was declared dead and hears of it ends at once: what such a host alone kept, whoever removed it gave up.
    const wasRemoved = saved?.members.some(member => member.uid === uid && member.state === 'removed') === true
    const kept = hasLeft && !wasRemoved ? hintsOnDisk(cluster, name) : 0
    if (kept > 0) wrong.push(`${name} has left the cluster with ${kept} hints for others`)
  }
  for (const name of living) {
    const ledger = { created: 0, delivered: 0, superseded: 0, pending: 0 }
    for (const { metrics } of cluster.host(name).threads.values()) {
      for (const { name: metric, series } of metrics.snapshot()) {
        const entry = ledgerEntries[metric]
        if (entry !== undefined) for (const { value } of series) ledger[entry] += value
      }
    }
    const { created, delivered, superseded, pending } = ledger
    const figures = `${created} created, ${delivered} delivered, ${superseded} superseded, ${pending} pending`
    if (created !== delivered + superseded + pending) wrong.push(`the hint ledger of ${name} does not add up: ${figures}`)
    const kept = hintsOnDisk(cluster, name)
    if (kept !== pending) wrong.push(`the disk of ${name} holds ${kept} hints, its ledger says ${figures}`)
    if (areAllDelivered && kept > 0) wrong.push(`${name} still keeps ${kept} hints, and nobody is away: ${figures}`)
  }
  return wrong
}

const ledgerEntries: Readonly<Record<string, 'created' | 'delivered' | 'superseded' | 'pending'>> = Object.freeze({
  hints_created_total: 'created',
  hints_delivered_total: 'delivered',
  hints_superseded_total: 'superseded',
  hints_pending: 'pending'
})

/** Hints that a machine keeps, whether it runs or not. */
export function hintsOnDisk(cluster: SimulatedCluster, name: string): number {
  const { disk } = cluster.machine(name)
  let hints = 0
  for (const partition of disk.partitions()) {
    for (const key of disk.pairs(partition)?.keys() ?? []) if (key > hintsStart && key < hintsEnd) hints++
  }
  return hints
}
