import { percentileMs, type RoundFigures } from './figures.ts'
import { drive, type Load, type LoadResult, type Work } from './load.ts'
import { cpuPerOperation, cpuSum, readCpu, type CpuPerOperation } from './process-cpu.ts'
import { quiet } from './quiet.ts'
import type { RowOperation, Target, TargetMode } from './target.ts'

/** One of those that are measured side by side at one load. */
export interface Contender {
  readonly target: Pick<Target, 'name' | 'processes'>
  readonly mode: TargetMode
  readonly op: RowOperation
  readonly work: Work
}

export interface Round {
  readonly result: LoadResult
  readonly throughput: number
  readonly cpu: CpuPerOperation
  readonly figures: RoundFigures
}

export interface RoundsPlan {
  readonly rounds: number
  /** Before the first round. */
  readonly warmUpSeconds: number
  readonly load: Load
  /** For people: '64 in flight'. */
  readonly loadName: string
}

/**
 * Measure all at one load by turns: round 1 of each, round 2 of each, … so that what befalls the machine befalls all alike.
 * Before each round the processes of all have to come to rest, or the one before would be paid for by the next.
 * @returns for each contender its rounds, in order; fewer than asked for where it was stopped
 */
export async function measureByTurns(
  contenders: readonly Contender[],
  { rounds, warmUpSeconds, load, loadName }: RoundsPlan,
  onProgress: (line: string) => void,
  stopped: () => boolean
): Promise<readonly (readonly Round[])[]> {
  const measured = contenders.map((): Round[] => [])
  const targets = [...new Set(contenders.map(each => each.target))]
  for (let round = 0; round <= rounds; round += 1) {
    const isWarmUp = round === 0
    if (isWarmUp && warmUpSeconds === 0) continue
    for (const [index, contender] of contenders.entries()) {
      if (stopped()) return measured
      const { target, mode, op, work } = contender
      const name = `${target.name}${mode.name === '' ? '' : ` (${mode.name})`}: ${op}, ${loadName}`
      onProgress(`${name}, ${isWarmUp ? 'warming up' : `round ${round} of ${rounds}`}`)
      if (isWarmUp) {
        await drive(work, { ...load, seconds: warmUpSeconds }, undefined, stopped)
        continue
      }
      await quiet(targets, stopped)
      const taken = await oneRound(target, work, load, stopped)
      if (stopped()) return measured
      measured[index]!.push(taken)
    }
  }
  return measured
}

async function oneRound(target: Pick<Target, 'processes'>, work: Work, load: Load, stopped: () => boolean): Promise<Round> {
  const processes = await target.processes()
  const before = readCpu(processes)
  const result = await drive(work, load, undefined, stopped)
  const cpu = cpuPerOperation(before, readCpu(processes), result.operations)
  const throughput = result.operations / result.seconds
  const figures = {
    throughput: Math.round(throughput),
    p50_ms: percentileMs(result.latencies, 50),
    p99_ms: percentileMs(result.latencies, 99),
    cpu_us_per_op: cpuSum(cpu)
  }
  return { result, throughput, cpu, figures }
}
