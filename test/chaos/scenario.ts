import { join } from 'node:path'
import { connect } from '../../api/client/client.ts'
import type { Store } from '../../api/client/store.ts'
import { type Random, SeededRandom } from '../../runtime/random.ts'
import { ChaosCluster } from './chaos-cluster.ts'
import type { Ground } from './ground.ts'
import { checkHints } from './hints.ts'
import { Ledger } from './ledger.ts'
import { Load } from './load.ts'
import type { ChaosOptions, WorkloadKind } from './options.ts'
import { checkDots, readAll, waitForEquality } from './replicas.ts'
import type { Report } from './report.ts'
import { registers, workloadKey } from './workload.ts'

/** I9: all replicas are equal so long after every host sees every other, without client traffic. */
export const equalMsMax = 30_000
const replicasWanted = 3

/** What a scenario works with: hosts that are up, and a ledger. */
export interface Stage {
  readonly options: ChaosOptions
  readonly cluster: ChaosCluster
  readonly ledger: Ledger
  readonly random: Random
  readonly report: Report
  readonly directory: string
}

export interface StageOptions {
  readonly options: ChaosOptions
  readonly ground: Ground
  readonly directory: string
  readonly report: Report
  readonly skewed?: boolean
  /** Hosts that are there at first; left out: all. */
  readonly begins?: number
}

/** A step-by-step trial with figures of its own. */
export type Scenario = (stage: Stage) => Promise<void>

export async function setStage({ options, ground, directory, report, skewed = false, begins }: StageOptions): Promise<Stage> {
  const { hosts, datacenters } = options
  const cluster = await ChaosCluster.make({ hosts, begins: begins ?? hosts, datacenters, directory, ground, skewed })
  report.onEnd(() => cluster.stop())
  report.say(`${cluster.members.length} hosts, ready after ${((await cluster.start()) / 1000).toFixed(1)} s`)
  const ledger = new Ledger(join(directory, 'ledger.ndjson'))
  report.onEnd(async () => ledger.close())
  return { options, cluster, ledger, random: new SeededRandom(options.seed), report, directory }
}

/** @param areFree every client knows every host, and has a connection of its own */
export function startLoad(
  stage: Stage,
  kinds: readonly WorkloadKind[] = stage.options.workloads,
  areFree = false
): Promise<Load> {
  const { options, cluster, ledger, random } = stage
  const { clients, keys } = options
  return Load.start({
    hosts: cluster.hosts,
    side: '',
    level: undefined,
    kinds,
    clients,
    keys,
    random: random.fork('clients'),
    ledger,
    areFree
  })
}

/** A connection that knows every host of a datacenter, for the time of `use`. */
export async function withStore<T>({ cluster }: Stage, use: (store: Store) => Promise<T>, dc = 'dc1'): Promise<T> {
  const store = await connect({ servers: cluster.hostsOf(dc).map(host => host.nats) })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

/** All keys that the workloads wrote: `bucket/key`. */
export function keysOf({ ledger }: Stage): string[] {
  return [...ledger.keys, ...[...registers.keys()].map(key => workloadKey('register', key))]
}

/** Nothing is cut any more, every host runs, no client writes: they find together, and what clients were told holds (I5 to I9, I12, I16). */
export async function checkHealed(stage: Stage, within: EqualityLimit = {}): Promise<void> {
  const { cluster, report } = stage
  try {
    report.say(`healed; every host sees every other after ${((await cluster.settled()) / 1000).toFixed(1)} s`)
  } catch (error) {
    report.violate(`I16: ${(error as Error).message}`)
  }
  await checkEquality(stage, within)
  await checkHints(cluster.members, report)
  await checkValues(stage)
}

interface EqualityLimit {
  /** By `performance.now()`: when it was healed. Default now. */
  readonly sinceMs?: number
  /** So long after that. */
  readonly limitMs?: number
}

/** I9 */
export async function checkEquality(
  stage: Stage,
  { sinceMs = performance.now(), limitMs = equalMsMax }: EqualityLimit = {}
): Promise<void> {
  const { cluster, report } = stage
  const keys = keysOf(stage)
  const { unequal } = await waitForEquality(cluster.witnesses, keys, limitMs - (performance.now() - sinceMs))
  const tookMs = performance.now() - sinceMs
  const isEqual = unequal.size === 0
  report.figure('replicas', { keys: keys.length, unequal: unequal.size, equal_after_ms: isEqual ? Math.round(tookMs) : null })
  if (isEqual) return
  const shown = [...unequal].slice(0, 5).map(([key, how]) => `${key}: ${how}`)
  report.violate(
    `I9: the replicas of ${unequal.size} of ${keys.length} keys differ ${Math.round(tookMs / 1000)} s after healing (${shown.join('; ')})`
  )
}

export async function checkValues(stage: Stage): Promise<void> {
  const { cluster, ledger, report } = stage
  report.violate(...(await checkDots(cluster.members[0]!, keysOf(stage))))
  for (const dc of cluster.datacenters) await withStore(stage, store => checkValuesOf(stage, store), dc)
  report.figure('writes', { attempted: ledger.attempts, acknowledged: ledger.acknowledgements })
}

async function checkValuesOf(stage: Stage, store: Store): Promise<void> {
  const { cluster, ledger, report, options } = stage
  const replicas = Math.min(replicasWanted, options.hosts / cluster.datacenters.length)
  const { values, failures } = await readAll(store, keysOf(stage), replicas)
  for (const [key, why] of failures) report.violate(`${key} cannot be read from all replicas after healing: ${why}`)
  const written = [...ledger.keys].flatMap(key => (values.has(key) ? [[key, values.get(key)!] as const] : []))
  report.violate(...ledger.check(new Map(written)))
  for (const [key, { acknowledged }] of registers) {
    const present = values.get(workloadKey('register', key))
    if (present !== undefined && Math.max(0, ...present.map(Number)) < acknowledged)
      report.violate(`I5: register ${key} holds ${present.join(' ')} in the end, and ${acknowledged} was acknowledged`)
  }
}

/** Ends that nobody asked for, and how often each host was started. */
export function tellEnds({ cluster, report }: Stage): void {
  const unasked = cluster.hosts.flatMap(host => host.unaskedEnds)
  report.figure('hosts', { starts: cluster.hosts.map(host => host.starts), unasked_ends: unasked.length })
  for (const { host, how } of unasked) report.say(`${host} ended by itself: ${how}; see its log`)
}
