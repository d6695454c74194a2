import type { ReplicationShown } from '../../api/admin-replication.ts'
import { StoreError } from '../../api/client/errors.ts'
import type { ChaosCluster } from './chaos-cluster.ts'
import type { Cut } from './network.ts'
import { type Stage, withStore } from './scenario.ts'
import { pause } from './shell.ts'
import { codeOf, workloadBucket, workloadKey } from './workload.ts'

/** I9 between datacenters: all replicas of both are equal so long after healing, and nothing is owed any more. */
export const bothEqualMsMax = 60_000
const againMs = 250
/** It asks every host, and waits for those that are away. */
const askMsMax = 15_000
const eachQuorumMsMax = 4_000

/** All links between datacenters, both ways; those within one stay. */
export function linksBetween({ hosts }: ChaosCluster): Cut[] {
  const places = hosts.map(({ place }) => place)
  return places.flatMap(from =>
    places.filter(({ dc }) => dc !== from.dc).map((to): Cut => ({ from: from.number, to: to.number, loss: 'all' }))
  )
}

export interface Debt {
  readonly keys: number
  readonly oldest_seconds: number | null
}

/** What each datacenter owes the others, by its own word: `dc1>dc2`. */
export async function debtsOf({ witnesses }: ChaosCluster): Promise<Record<string, Debt>> {
  const shown = await Promise.all(witnesses.map(host => host.ask<ReplicationShown>('/api/v1/replication', askMsMax)))
  const pairs = shown.flatMap((each, index) => each.pairs.filter(({ from }) => from === witnesses[index]!.place.dc))
  return Object.fromEntries(pairs.map(({ from, to, keys, oldest_seconds }) => [`${from}>${to}`, { keys, oldest_seconds }]))
}

/**
 * I13 for what is owed: no client works any more, so nothing is owed in the end, and the ledger of each host adds up.
 * @param sinceMs by `performance.now()`: when it was healed
 */
export async function checkNothingOwed({ cluster, report }: Stage, sinceMs: number): Promise<void> {
  const [witness] = cluster.witnesses
  for (;;) {
    const shown = await witness!.ask<ReplicationShown>('/api/v1/replication', askMsMax).catch(() => undefined)
    const wrong = shown === undefined ? [`${witness!.name} does not tell`] : faultsOf(shown, cluster.hosts.length)
    const tookMs = performance.now() - sinceMs
    if (wrong.length > 0 && tookMs < bothEqualMsMax) {
      await pause(againMs)
      continue
    }
    const sum = (name: 'created' | 'delivered' | 'superseded' | 'pending'): number =>
      shown?.hosts.reduce((total, host) => total + host[name], 0) ?? 0
    const [created, delivered, superseded, pending] = [sum('created'), sum('delivered'), sum('superseded'), sum('pending')]
    report.figure('owed', { created, delivered, superseded, pending, none_after_ms: pending > 0 ? null : Math.round(tookMs) })
    report.violate(...wrong.map(each => `I13: ${each}, ${Math.round(tookMs / 1000)} s after healing`))
    return
  }
}

/** @returns what does not hold of a ledger at rest, a line each */
export function faultsOf({ pairs, hosts }: ReplicationShown, hostsWanted: number): string[] {
  const open = pairs.filter(({ keys }) => keys > 0).map(({ from, to, keys }) => `${from} owes ${to} ${keys} keys`)
  const silent = hosts.filter(({ reached }) => !reached).map(({ host }) => `${host} does not say what it owes`)
  const unequal = hosts
    .filter(({ created, delivered, superseded, pending }) => created !== delivered + superseded + pending)
    .map(host => `what ${host.host} owes does not add up: ${JSON.stringify(host)}`)
  const few = hosts.length < hostsWanted ? [`${hosts.length} of ${hostsWanted} hosts are asked what they owe`] : []
  return [...open, ...silent, ...unequal, ...few]
}

let asked = 0

/**
 * A write that asks for a quorum of every datacenter, where one of them is missing: it has to fail, and to say which.
 * @param isKnown the datacenter is known to be away: then nothing may be stored
 */
export async function checkEachQuorum(stage: Stage, dc: string, missing: string, isKnown: boolean): Promise<void> {
  const { ledger, report } = stage
  const id = `each-${++asked}`
  const key = workloadKey('set', id)
  ledger.begin(id, key, [])
  await withStore(
    stage,
    async store => {
      try {
        await store.bucket<string>(workloadBucket.set).put(id, id, { consistency: 'each_quorum', timeoutMs: eachQuorumMsMax })
        ledger.end(id, 'acknowledged')
        report.violate(`D6: a write of ${dc} at each_quorum was acknowledged while ${missing} was away`)
      } catch (error) {
        const outcome = error instanceof StoreError ? error.outcome : 'indeterminate'
        ledger.end(id, outcome === 'refused' ? 'refused' : 'indeterminate', codeOf(error))
        const { message } = error as Error
        report.figure(`each_quorum in ${dc}, ${isKnown ? 'known' : 'not known yet'}`, { code: codeOf(error), outcome, message })
        if (!message.includes(`${missing} is missing`))
          report.violate(`D6: a write of ${dc} at each_quorum failed without a word about ${missing}: ${message}`)
        if (isKnown && (outcome !== 'refused' || codeOf(error) !== 'quorum_unavailable'))
          report.violate(
            `D6: a write of ${dc} at each_quorum, with ${missing} known to be away, was ${outcome} as ${codeOf(error)}`
          )
      }
    },
    dc
  )
}
