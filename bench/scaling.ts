/*
 * What does a cluster do with 3 to 1,000 hosts, and what breaks first? Messages are counted in simulated clusters of the real actors on
 * virtual time; throughput is worked out from them and from service times that were measured on a small cluster (docs/scaling.md).
 *   node build/bench/scaling.js [--hosts 3,5,10,30,100] [--operations 200] [--seconds 60] [--partitions 256] [--seed 1] [--quick]
 *     [--service FILE] [--cores 2] [--value-bytes 100] [--in-flight 85] [--clients 1] [--plot FILE] [--json]
 * --quick: few hosts, and no large rings. --service: JSON with those fields of `ServiceTimes` that were measured elsewhere.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { type ClusterPlan, partitionsFor, planDefaults } from './scaling/cluster-plan.ts'
import { clusterLimits, passedAt } from './scaling/cluster-limits.ts'
import { type CountedRow, countedRow, ringRow } from './scaling/counted-row.ts'
import { type Prediction, predict } from './scaling/prediction.ts'
import { scalingPlot } from './scaling/scaling-plot.ts'
import { countedTable, limitTable, predictionTable, ringTable, sizeTable } from './scaling/scaling-tables.ts'
import { type ServiceTimes, serviceTimes } from './scaling/service-times.ts'

const question = 'What does a cluster do with 3 to 1,000 hosts, and what breaks first?'
/** Reads that ask all owners: `readRepairChance` of `simulation/simulated-cluster.ts`. */
const readRepairOfSimulation = 0.1
const predictedHosts = [3, 10, 30, 100, 300, 1_000]
const ringSizes = [
  [100, 256],
  [1_000, 256],
  [100, 1_024],
  [300, 4_096],
  [1_000, 4_096],
  [1_000, 16_384]
] as const
const quickRings = 3

function text(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? undefined : process.argv[at + 1]
}

function number(name: string, otherwise: number): number {
  const given = text(name)
  const value = given === undefined ? otherwise : Number(given)
  if (!Number.isFinite(value) || value <= 0) throw new RangeError(`--${name} is ${given}: a number above 0 is wanted`)
  return value
}

const isQuick = process.argv.includes('--quick')
const asJson = process.argv.includes('--json')
const hosts = (text('hosts') ?? (isQuick ? '3,5,10' : '3,5,10,30,100')).split(',').map(Number)
const serviceFile = text('service')
const times: ServiceTimes = {
  ...serviceTimes,
  ...(serviceFile === undefined ? {} : (JSON.parse(readFileSync(serviceFile, 'utf8')) as Partial<ServiceTimes>))
}
const partitions = number('partitions', planDefaults.partitions)
const given = {
  ...planDefaults,
  partitions,
  coresPerHost: number('cores', planDefaults.coresPerHost),
  valueBytes: number('value-bytes', planDefaults.valueBytes),
  inFlightPerHost: number('in-flight', planDefaults.inFlightPerHost),
  clientsPerHost: number('clients', planDefaults.clientsPerHost)
}
const asBorn = (count: number): ClusterPlan => ({ ...given, hosts: count })
const fitted = (count: number): ClusterPlan => ({ ...given, hosts: count, partitions: partitionsFor(count, given.replicas) })

const show = (line: string): void => void (asJson || process.stdout.write(`${line}\n`))
const modelOf = (row: CountedRow): Prediction =>
  predict({ ...asBorn(row.hosts), partitions: row.partitions, readRepairChance: readRepairOfSimulation }, times)

show(question)
const counted = hosts.map(count =>
  countedRow({
    hosts: count,
    partitions,
    replicas: given.replicas,
    seed: number('seed', 1),
    operations: number('operations', 200),
    seconds: number('seconds', 60)
  })
)
show('\nCounted in simulation / model; for one operation, and for one idle host\n')
show(countedTable(counted, modelOf))
const rings = ringSizes
  .slice(0, isQuick ? quickRings : ringSizes.length)
  .map(([count, size]) => ringRow(count, size, given.replicas))
show('\nRings, worked out once\n')
show(ringTable(rings, times))
const born = predictedHosts.map(count => predict(asBorn(count), times))
const best = predictedHosts.map(count => predict(fitted(count), times))
show(`\nModel, ${partitions} partitions\n`)
show(predictionTable(born))
show('\nModel, partitions chosen for the size\n')
show(predictionTable(best))
show('\nModel, sizes; partitions chosen for the size\n')
show(sizeTable(best, times))
show('\nModel, hosts at which a limit is passed\n')
show(limitTable({ [`${partitions} partitions`]: asBorn, 'chosen for the size': fitted }, times))
const plot = text('plot')
if (plot !== undefined) writeFileSync(plot, scalingPlot(best, counted))
if (asJson) process.stdout.write(`${JSON.stringify(report(), undefined, 2)}\n`)

function report(): object {
  const shown = ({ passed, ...prediction }: Prediction): object => ({ ...prediction, passed: passed.map(({ name }) => name) })
  return {
    question,
    machine: { cpu: cpus()[0]?.model ?? '', cores: cpus().length, node: process.version },
    times,
    counted: counted.map(row => ({ ...row, model: shown(modelOf(row)) })),
    rings,
    predicted: [...born, ...best].map(shown),
    limits: clusterLimits.map(limit => ({
      name: limit.name,
      formula: limit.formula,
      effect: limit.effect,
      hosts: passedAt(limit, asBorn, times) ?? null,
      hostsWithFittedPartitions: passedAt(limit, fitted, times) ?? null
    }))
  }
}
