import { cpus, release, totalmem, type } from 'node:os'
import { benchPlan, type BenchOptions, type BenchPlan } from './bench-options.ts'
import { storeFirstValues } from './first-values.ts'
import type { Work } from './load.ts'
import { OpenedTargets, openOwn, openPeers } from './opening.ts'
import { ratiosOf } from './ratios.ts'
import type { BenchReport, Machine } from './report.ts'
import { measureByTurns, type Contender } from './rounds.ts'
import { rowOf, type BenchRow } from './row.ts'
import type { RowOperation, SkippedPeer, Target, TargetMode } from './target.ts'
import { judgedTargets } from './targets.ts'
import { keysOf, uniformKeys, valuesOf, zipfKeys } from './workload.ts'

export type { BenchReport } from './report.ts'
export type { BenchOptions } from './bench-options.ts'

/**
 * Measure a cluster, and peers beside it: each operation at each load, several rounds by turns, the one of median throughput
 * reported.
 * @throws {StoreError} an option is wrong, or the cluster does not answer; whatever was started is stopped all the same
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const plan = benchPlan(options)
  const { peers = {}, signal, onProgress = () => {} } = options
  const opened = new OpenedTargets()
  const rows: BenchRow[] = []
  let skipped: readonly SkippedPeer[] = []
  try {
    await openOwn(options, plan, opened)
    skipped = await openPeers(peers, { keys: plan.keys, valueBytes: plan.valueBytes, signal }, opened, onProgress)
    const refused = await measure(opened.targets, plan, options, rows)
    skipped = [...skipped, ...refused]
  } finally {
    await opened.close()
  }
  const left = new Set(skipped.map(each => each.peer))
  const targets = opened.targets.filter(({ name }) => !left.has(name))
  const hasPeers = Object.keys(peers).length > 0
  const ordered = inOrder(rows, plan)
  return {
    machine: machineOf(),
    value_bytes: plan.valueBytes,
    keys: plan.keys,
    zipf: plan.zipf,
    seconds: plan.seconds,
    rounds: plan.rounds,
    systems: targets.map(({ name, version, less }) => ({ system: name, version, less })),
    rows: ordered,
    ...(hasPeers ? { skipped, ratios: ratiosOf(ordered), targets: judgedTargets(ordered, plan.valueBytes, skipped) } : {})
  }
}

/** @param rows takes those that are measured @returns peers that would not take the first values */
async function measure(
  opened: readonly Target[],
  plan: BenchPlan,
  options: BenchOptions,
  rows: BenchRow[]
): Promise<readonly SkippedPeer[]> {
  const stopped = () => options.signal?.aborted === true
  const onProgress = options.onProgress ?? (() => {})
  const random = Math.random
  const keys = keysOf(plan.keys)
  const value = valuesOf(plan.valueBytes, random)
  const choose = plan.zipf === 0 ? uniformKeys(plan.keys, random) : zipfKeys(plan.keys, plan.zipf, random)
  const { ready: targets, skipped } = await storeFirstValues(opened, { keys, value, onProgress, stopped })
  const workOf = (mode: TargetMode, op: RowOperation): Work | undefined => {
    const put = mode.put && (() => mode.put!(keys[choose()]!, value()))
    const get = mode.get && (() => mode.get!(keys[choose()]!))
    const mixed = put && get && (() => (random() < plan.readShare ? get() : put()))
    const request = mode.request && (() => mode.request!(value()))
    return { put, get, mixed, request }[op]
  }
  for (const inFlight of plan.rate > 0 ? [undefined] : plan.inFlight) {
    if (stopped()) break
    const ops: readonly RowOperation[] = inFlight === 1 ? [...plan.ops, 'request'] : plan.ops
    const contenders: Contender[] = []
    for (const op of ops) {
      for (const target of targets) {
        for (const mode of target.modes) {
          const work = workOf(mode, op)
          if (work !== undefined) contenders.push({ target, mode, op, work })
        }
      }
    }
    const { rate, rounds, seconds, warmUpSeconds } = plan
    const load = { inFlight: inFlight ?? 1, rate, seconds }
    const loadName = inFlight === undefined ? `${rate} per second` : `${inFlight} in flight`
    const measured = await measureByTurns(contenders, { rounds, warmUpSeconds, load, loadName }, onProgress, stopped)
    for (const [index, { target, mode, op }] of contenders.entries()) {
      const taken = measured[index]!
      if (taken.length === 0) continue
      const shape = { in_flight: inFlight ?? null, rate: inFlight === undefined ? rate : null }
      const { name, promise, promised } = mode
      rows.push(rowOf({ system: target.name, mode: name, promise, promised, op, ...shape }, taken))
    }
  }
  return skipped
}

/** By operation, then by load, the systems beside each other. */
function inOrder(rows: readonly BenchRow[], plan: BenchPlan): BenchRow[] {
  const ops: readonly RowOperation[] = [...plan.ops, 'request']
  return rows.toSorted((a, b) => ops.indexOf(a.op) - ops.indexOf(b.op))
}

function machineOf(): Machine {
  const all = cpus()
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    os: `${type()} ${release()}`,
    node: process.versions.node
  }
}
