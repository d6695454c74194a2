import { cpus, release, totalmem, type } from 'node:os'
import { badRequest } from '../client/errors.ts'
import { benchPlan, type BenchOperation, type BenchOptions, type BenchPlan, type StartedCluster } from './bench-options.ts'
import { openCarillon } from './carillon-target.ts'
import { drive, type LoadResult, type Work } from './load.ts'
import { cpuPerOperation, readCpu, type CpuPerOperation } from './process-cpu.ts'
import { medianBy, percentileMs, ratiosOf, type BenchReport, type BenchRow, type Machine } from './report.ts'
import type { OpenTarget, Target } from './target.ts'
import { keysOf, uniformKeys, valuesOf, zipfKeys } from './workload.ts'

export { formatBench, type BenchReport } from './report.ts'
export type { BenchOptions } from './bench-options.ts'

const prepareInFlight = 256

/**
 * Measure a cluster: each operation at each load, several rounds, the one of median throughput reported.
 * @throws {StoreError} an option is wrong, or the cluster does not answer; whatever was started is stopped all the same
 */
export async function runBench(options: BenchOptions): Promise<BenchReport> {
  const plan = benchPlan(options)
  const targets = targetsOf(options, plan)
  const rows: BenchRow[] = []
  for (const open of targets) {
    if (options.signal?.aborted === true) break
    const target = await open(plan.keys)
    try {
      await measure(target, plan, options, rows)
    } finally {
      await target.close()
    }
  }
  const hasPeers = Object.keys(options.peers ?? {}).length > 0
  return {
    machine: machineOf(),
    value_bytes: plan.valueBytes,
    keys: plan.keys,
    zipf: plan.zipf,
    seconds: plan.seconds,
    rounds: plan.rounds,
    rows,
    ...(hasPeers ? { ratios: ratiosOf(rows) } : {})
  }
}

function targetsOf(options: BenchOptions, plan: BenchPlan): readonly OpenTarget[] {
  const { servers, startCluster } = options
  if ((servers === undefined || servers.length === 0) && startCluster === undefined) {
    throw badRequest('there is no cluster to measure: give servers, or a way to start one')
  }
  const carillon: OpenTarget = async keys => {
    const { token, cluster, r, w, durability, bucket = 'bench' } = options
    const shared = { token, cluster, r, w, durability, bucket, keys, valueBytes: plan.valueBytes }
    if (servers !== undefined && servers.length > 0) return openCarillon({ ...shared, servers })
    options.onProgress?.('starting a cluster of its own')
    const started = await startCluster!()
    return stoppedWith(started, () => openCarillon({ ...shared, servers: started.servers }))
  }
  return [carillon, ...Object.values(options.peers ?? {})]
}

async function stoppedWith(started: StartedCluster, open: () => Promise<Target>): Promise<Target> {
  try {
    const target = await open()
    return {
      ...target,
      async close() {
        try {
          await target.close()
        } finally {
          await started.stop()
        }
      }
    }
  } catch (error) {
    await started.stop()
    throw error
  }
}

async function measure(target: Target, plan: BenchPlan, options: BenchOptions, rows: BenchRow[]): Promise<void> {
  const stopped = () => options.signal?.aborted === true
  const random = Math.random
  const keys = keysOf(plan.keys)
  const value = valuesOf(plan.valueBytes, random)
  const choose = plan.zipf === 0 ? uniformKeys(plan.keys, random) : zipfKeys(plan.keys, plan.zipf, random)
  const put: Work = () => target.put(keys[choose()]!, value())
  const get: Work = () => target.get(keys[choose()]!)
  const works: Readonly<Record<BenchOperation, Work>> = { put, get, mixed: () => (random() < plan.readShare ? get() : put()) }
  options.onProgress?.(`${target.name}: storing ${plan.keys} keys`)
  await prepare(target, keys, value, stopped)
  const loads = plan.rate > 0 ? [undefined] : plan.inFlight
  for (const op of plan.ops) {
    for (const inFlight of loads) {
      if (stopped()) return
      const row = await measureRow(target, op, works[op], inFlight, plan, options, stopped)
      if (row !== undefined) rows.push(row)
    }
  }
}

interface Round {
  readonly result: LoadResult
  readonly throughput: number
  readonly cpu: CpuPerOperation
}

/** @returns undefined where it was stopped before a round was complete */
async function measureRow(
  target: Target,
  op: BenchOperation,
  work: Work,
  inFlight: number | undefined,
  plan: BenchPlan,
  options: BenchOptions,
  stopped: () => boolean
): Promise<BenchRow | undefined> {
  const name = `${target.name}: ${op}, ${inFlight === undefined ? `${plan.rate} per second` : `${inFlight} in flight`}`
  const load = { inFlight: inFlight ?? 1, rate: plan.rate, seconds: plan.seconds }
  if (plan.warmUpSeconds > 0) {
    options.onProgress?.(`${name}, warming up`)
    await drive(work, { ...load, seconds: plan.warmUpSeconds }, undefined, stopped)
  }
  const rounds: Round[] = []
  for (let round = 1; round <= plan.rounds; round += 1) {
    options.onProgress?.(`${name}, round ${round} of ${plan.rounds}`)
    const processes = await target.processes()
    const before = readCpu(processes)
    const result = await drive(work, load, undefined, stopped)
    const after = readCpu(processes)
    if (stopped()) break
    rounds.push({
      result,
      throughput: result.operations / result.seconds,
      cpu: cpuPerOperation(before, after, result.operations)
    })
  }
  return rounds.length === 0 ? undefined : rowOf(target, op, inFlight, plan.rate, rounds)
}

function rowOf(
  target: Target,
  op: BenchOperation,
  inFlight: number | undefined,
  rate: number,
  rounds: readonly Round[]
): BenchRow {
  const { result, throughput, cpu } = medianBy(rounds, round => round.throughput)
  // An error in any round is told, whichever round is shown.
  const errors: Record<string, number> = Object.create(null) as Record<string, number>
  let errorsTotal = 0
  for (const round of rounds) {
    for (const [code, times] of round.result.errors) {
      errors[code] = (errors[code] ?? 0) + times
      errorsTotal += times
    }
  }
  return {
    system: target.name,
    promise: target.promise,
    op,
    in_flight: inFlight ?? null,
    rate: inFlight === undefined ? rate : null,
    throughput: Math.round(throughput),
    p50_ms: percentileMs(result.latencies, 50),
    p90_ms: percentileMs(result.latencies, 90),
    p99_ms: percentileMs(result.latencies, 99),
    p999_ms: percentileMs(result.latencies, 99.9),
    max_ms: percentileMs(result.latencies, 100),
    cpu_us_per_op: cpu,
    operations: result.operations,
    errors: errorsTotal,
    errors_by_code: { ...errors },
    throughput_of_rounds: rounds.map(round => Math.round(round.throughput))
  }
}

async function prepare(target: Target, keys: readonly string[], value: () => Uint8Array, stopped: () => boolean): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < keys.length && !stopped(); index = next++) await target.prepare(keys[index]!, value())
  }
  await Promise.all(Array.from({ length: Math.min(prepareInFlight, keys.length) }, worker))
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
