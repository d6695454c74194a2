import { owedEnd, owedStart } from '../model/owed.ts'
import type { SimulatedCluster } from './simulated-cluster.ts'

/**
 * Compare what each host has noted as missing in other datacenters with its ledger and with its disk.
 * @param isAllDelivered all datacenters are equal, so nothing may be left
 * @returns a sentence for each host where they differ
 */
export function checkOwed(cluster: SimulatedCluster, living: readonly string[], isAllDelivered: boolean): string[] {
  const wrong: string[] = []
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
    if (created !== delivered + superseded + pending) wrong.push(`what ${name} owes does not add up: ${figures}`)
    const kept = owedOnDisk(cluster, name)
    if (kept !== pending) wrong.push(`the disk of ${name} holds ${kept} notes of what is owed, its ledger says ${figures}`)
    if (isAllDelivered && kept > 0) wrong.push(`${name} still owes ${kept} keys, and all datacenters are there: ${figures}`)
  }
  return wrong
}

const ledgerEntries: Readonly<Record<string, 'created' | 'delivered' | 'superseded' | 'pending'>> = Object.freeze({
  owed_created_total: 'created',
  owed_delivered_total: 'delivered',
  owed_superseded_total: 'superseded',
  owed_keys: 'pending'
})

/** Notes that a machine keeps, whether it runs or not. */
export function owedOnDisk(cluster: SimulatedCluster, name: string): number {
  const { disk } = cluster.machine(name)
  let owed = 0
  for (const partition of disk.partitions()) {
    for (const key of disk.pairs(partition)?.keys() ?? []) if (key > owedStart && key < owedEnd) owed++
  }
  return owed
}
