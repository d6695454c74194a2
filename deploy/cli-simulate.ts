import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { interruptible } from '../api/cli/interruption.ts'
import { wholeOption } from '../api/cli/options.ts'
import { startProgress } from '../api/cli/progress.ts'
import { CommandFailure, type Terminal, UsageError } from '../api/cli/terminal.ts'
import { systemRandom } from '../runtime/random.ts'
import { type FaultKind, faultKinds } from '../simulation/fault-plan.ts'
import { type Outcome, runScenario } from '../simulation/run.ts'
import { courseNames, type CourseName, drawScenario, type Scenario, type ScenarioOptions } from '../simulation/scenario.ts'
import { runSeeds } from '../simulation/seed-pool.ts'
import { TraceLog } from '../simulation/trace-log.ts'
import { type WorkloadName, workloadNames, workloads } from '../simulation/workload.ts'
import { describe, printShrunk, reportOf } from './simulation-report.ts'

interface Flags {
  readonly seed?: number
  readonly seeds?: readonly [number, number]
  readonly runs?: number
  /** From, to. */
  readonly hosts?: readonly [number, number]
  readonly datacenters: number
  readonly minutes: number
  readonly clients: number
  readonly operations?: number
  readonly pause?: number
  readonly faults: readonly FaultKind[]
  readonly workload: readonly WorkloadName[]
  readonly course?: CourseName
  readonly threads: number
  readonly scenario?: string
  readonly shrink?: boolean
  readonly trace?: string
  readonly json?: boolean
}

const seedMax = Number.MAX_SAFE_INTEGER
const seedDrawn = 1_000_000_000
const hostsMax = 32
const clientsMax = 64
const pauseMsMax = 3_600_000
const minutesMax = 10_000
const runsMax = 10_000_000
const failuresShown = 10

export function define(command: Command, terminal: Terminal): void {
  command
    .description(
      'Run whole clusters of the real actors on virtual time, with faults drawn from the seed, and check what may never happen. The same seed gives the same history.'
    )
    .addOption(wholeOption('--seed <SEED>', 'the run to do (default: one by chance, which is printed)', 0, seedMax))
    .addOption(new Option('--seeds <FROM..TO>', 'many runs, one for each of these seeds').argParser(rangeOf))
    .addOption(wholeOption('--runs <N>', 'many runs, from --seed on', 1, runsMax))
    .addOption(new Option('--hosts <N>', 'hosts at first; 3..7: by the seed (default: 5; of a course 3)').argParser(hostsOf))
    .addOption(wholeOption('--datacenters <N>', 'datacenters, each with so many hosts and a ring of its own', 1, 4).default(1))
    .addOption(
      new Option('--minutes <M>', 'of virtual time, for clients and faults; then the cluster is healed and checked')
        .default(5)
        .argParser(minutesOf)
    )
    .addOption(wholeOption('--clients <N>', 'clients, each with one operation at a time', 1, clientsMax).default(6))
    .addOption(wholeOption('--operations <N>', 'operations of each client at most (default: as many as fit)', 1, seedMax))
    .addOption(wholeOption('--pause <MS>', 'of a client between two operations, in the mean (default: 60)', 1, pauseMsMax))
    .addOption(
      new Option('--faults <KINDS>', `all, none, or of ${faultKinds.join(', ')}, separated by commas`)
        .default(faultKinds, 'all')
        .argParser(faultsOf)
    )
    .addOption(
      new Option('--workload <NAMES>', `of ${workloadNames.join(', ')}, separated by commas; clients take turns`)
        .default(workloadNames, 'all')
        .argParser(workloadsOf)
    )
    .addOption(
      new Option(
        '--course <NAME>',
        'resize: two hosts join and two leave, beside the faults; one run in four has no faults'
      ).choices(courseNames)
    )
    .addOption(wholeOption('--threads <N>', 'runs side by side', 1, 256).default(availableParallelism(), 'one for each core'))
    .addOption(new Option('--scenario <FILE>', 'run a scenario that --shrink printed, in place of one drawn from a seed'))
    .addOption(new Option('--shrink', 'make a failing scenario as small as it still fails, and print it'))
    .addOption(new Option('--trace <FILE>', 'write every message and fault of the run, in order'))
    .option('--json', 'print JSON')
    .action((flags: Flags) => simulate(terminal, flags))
}

async function simulate(terminal: Terminal, flags: Flags): Promise<void> {
  if (flags.course !== undefined && flags.datacenters > 1) throw new UsageError('--course is for one datacenter')
  const seed = flags.seed ?? systemRandom().below(seedDrawn)
  if (flags.seeds !== undefined || flags.runs !== undefined) return simulateMany(terminal, flags, seed)
  const scenario = flags.scenario === undefined ? drawScenario(optionsOf(flags, seed)) : await scenarioOf(flags.scenario)
  const outcome = await runTraced(scenario, flags)
  if (flags.json === true) await terminal.output.write(`${JSON.stringify(reportOf(outcome))}\n`)
  else await describe(terminal, scenario, outcome, flags.trace === undefined)
  if (outcome.violations.length === 0) return
  if (flags.shrink === true) await printShrunk(terminal, scenario)
  throw new CommandFailure(
    `${outcome.violations.length} violations. The same again: ${flags.scenario === undefined ? replayOf(outcome.seed, flags) : `carillon simulate --scenario ${flags.scenario}`}`
  )
}

async function runTraced(scenario: Scenario, flags: Flags): Promise<Outcome> {
  if (flags.trace === undefined) return runScenario(scenario)
  const lines: string[] = []
  const outcome = runScenario(scenario, new TraceLog(line => void lines.push(line)))
  await writeFile(flags.trace, `${lines.join('\n')}\n`)
  return outcome
}

async function simulateMany(terminal: Terminal, flags: Flags, firstSeed: number): Promise<void> {
  if (flags.trace !== undefined || flags.scenario !== undefined || flags.shrink === true)
    throw new UsageError('--trace, --scenario and --shrink are for one run: give --seed alone')
  const [from, to] = flags.seeds ?? [firstSeed, firstSeed + (flags.runs ?? 1) - 1]
  const total = to - from + 1
  if (total > runsMax) throw new UsageError(`${total} runs are too many: ${runsMax} at most`)
  const sums = { runs: 0, events: 0, operations: 0, acknowledged: 0, ...(flags.course === undefined ? {} : { under_load: 0 }) }
  const failures: Outcome[] = []
  const startedMs = terminal.clock.now()
  const progress = await startProgress(terminal, 'simulating', total, () => ({
    doneUnits: sums.runs,
    text: `${sums.runs} runs, ${sums.events} events, ${failures.length} failed`
  }))
  await interruptible(terminal, signal =>
    runSeeds({
      scenarios: scenariosOf(flags, from, to),
      threads: Math.min(flags.threads, total),
      signal,
      onOutcome: outcome => {
        sums.runs++
        sums.events += outcome.events
        sums.operations += outcome.operations
        sums.acknowledged += outcome.acknowledged
        if (sums.under_load !== undefined && outcome.course?.wasUnderLoad === true) sums.under_load++
        const [first] = outcome.violations
        if (first === undefined) return
        failures.push(outcome)
        progress.say(`seed ${outcome.seed}: ${first.invariant}: ${first.text}`)
      }
    })
  )
  await progress.end()
  failures.sort((a, b) => a.seed - b.seed)
  const seconds = (terminal.clock.now() - startedMs) / 1000
  if (flags.json === true) {
    await terminal.output.write(`${JSON.stringify({ ...sums, seconds, failures: failures.map(reportOf) })}\n`)
  } else {
    const { runs, events, acknowledged, under_load } = sums
    const course = under_load === undefined ? '' : `${under_load} there and back while clients worked, `
    const rate = Math.round(events / Math.max(seconds, 0.001))
    await terminal.output.write(
      `${runs} runs, ${events} events (${rate}/s), ${acknowledged} acknowledged writes, ${course}${failures.length} runs with violations\n`
    )
    for (const { seed } of failures.slice(0, failuresShown)) await terminal.output.write(`  ${replayOf(seed, flags)}\n`)
  }
  if (failures.length > 0) throw new CommandFailure(`${failures.length} of ${sums.runs} runs violated an invariant`)
}

function optionsOf(flags: Flags, seed: number): ScenarioOptions {
  const { minutes, clients, operations, pause, faults, workload } = flags
  return {
    ...{ seed, hosts: hostsBy(seed, flags), datacenters: flags.datacenters, minutes, clients, faults, workloads: workload },
    ...(flags.course === undefined ? {} : { course: flags.course }),
    ...(operations === undefined ? {} : { operationsMax: operations }),
    ...(pause === undefined ? {} : { pauseMs: pause })
  }
}

function* scenariosOf(flags: Flags, from: number, to: number): Generator<ScenarioOptions> {
  for (let seed = from; seed <= to; seed++) yield optionsOf(flags, seed)
}

function hostsBy(seed: number, { hosts, course }: Flags): number {
  const [from, to] = hosts ?? (course === undefined ? [5, 5] : [3, 3])
  return from + (seed % (to - from + 1))
}

/** The command that does the run again. */
function replayOf(seed: number, flags: Flags): string {
  const { minutes, clients, operations, pause, faults, workload } = flags
  const words = ['carillon', 'simulate', '--seed', `${seed}`, '--hosts', `${hostsBy(seed, flags)}`, '--minutes', `${minutes}`]
  if (flags.datacenters > 1) words.push('--datacenters', `${flags.datacenters}`)
  words.push('--clients', `${clients}`)
  if (operations !== undefined) words.push('--operations', `${operations}`)
  if (pause !== undefined) words.push('--pause', `${pause}`)
  if (faults !== faultKinds) words.push('--faults', faults.length === 0 ? 'none' : faults.join())
  if (flags.course !== undefined) words.push('--course', flags.course)
  if (workload !== workloadNames) words.push('--workload', workload.join())
  return words.join(' ')
}

async function scenarioOf(file: string): Promise<Scenario> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Scenario
  } catch (error) {
    throw new CommandFailure(`${file} holds no scenario: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function rangeOf(text: string): readonly [number, number] {
  const match = /^(\d{1,15})\.\.(\d{1,15})$/.exec(text)
  const [from, to] = [Number(match?.[1]), Number(match?.[2])]
  if (!(from <= to)) throw new InvalidArgumentError('Allowed are two seeds, the lower one first: 1..200.')
  return [from, to]
}

function hostsOf(text: string): readonly [number, number] {
  const match = /^(\d{1,2})(?:\.\.(\d{1,2}))?$/.exec(text)
  const from = Number(match?.[1])
  const to = Number(match?.[2] ?? match?.[1])
  if (!(from >= 1 && from <= to && to <= hostsMax))
    throw new InvalidArgumentError(`Allowed is a number from 1 to ${hostsMax}, or two of them, the lower one first: 3..7.`)
  return [from, to]
}

function minutesOf(text: string): number {
  const value = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : 0
  if (!(value > 0 && value <= minutesMax)) throw new InvalidArgumentError(`Allowed is a number above 0, up to ${minutesMax}.`)
  return value
}

function faultsOf(text: string): readonly FaultKind[] {
  if (text === 'all') return faultKinds
  if (text === 'none') return []
  return text.split(',').map(word => {
    const kind = faultKinds.find(each => each === word.trim())
    if (kind === undefined) throw new InvalidArgumentError(`Allowed are all, none, or of ${faultKinds.join(', ')}.`)
    return kind
  })
}

function workloadsOf(text: string): readonly WorkloadName[] {
  if (text === 'all') return workloadNames
  return text.split(',').map(word => {
    const name = word.trim()
    if (!Object.hasOwn(workloads, name)) throw new InvalidArgumentError(`Allowed are all, or of ${workloadNames.join(', ')}.`)
    return name as WorkloadName
  })
}
