import { parseArgs } from 'node:util'

export const faultKinds = [
  'kill',
  'nats',
  'thread',
  'pause',
  'partition',
  'one-way',
  'non-transitive',
  'loss',
  'disk-full',
  'power',
  'clock'
] as const
export type FaultKind = (typeof faultKinds)[number]

export const workloadKinds = ['set', 'register', 'delete'] as const
export type WorkloadKind = (typeof workloadKinds)[number]

/** Of two datacenters, with half of the hosts each. */
export const datacenterScenarios = ['datacenter-cut', 'datacenter-lost'] as const
export const scenarioNames = [
  'one-down',
  'two-down',
  'pair-cut',
  'wiped',
  'kill-loop',
  'power-loss',
  'resize',
  ...datacenterScenarios
] as const
export type ScenarioName = (typeof scenarioNames)[number]

export interface ChaosOptions {
  readonly minutes: number
  readonly seed: number
  readonly faults: readonly FaultKind[]
  readonly workloads: readonly WorkloadKind[]
  readonly hosts: number
  readonly datacenters: number
  /** Clients of each workload. */
  readonly clients: number
  readonly keys: number
  /** Instead of the drawn faults: one of the scenarios, with its figures. */
  readonly scenario: ScenarioName | undefined
  /** Of resize: hosts are killed as well. */
  readonly kills: boolean
  /** Of the scenarios that go round and round. */
  readonly rounds: number
  /** Also where everything was right: leave logs, ledger and data. */
  readonly keep: boolean
  readonly json: boolean
  /** Hosts of one network, without namespaces: no cuts then. */
  readonly plain: boolean
}

export const usage = `npm run chaos -- [options]
  --minutes M      how long faults are injected, or hosts join and leave (resize); default 10. Of datacenter-cut: how long the link is cut; default 1
  --seed S         of the schedule of faults and of the clients' choices; default drawn, and printed
  --faults LIST    of ${faultKinds.join(',')}; default all
  --workload LIST  of ${workloadKinds.join(',')}; default all
  --hosts N        hosts, 3 to 9; default 5. Of two datacenters together: an even number, default 6
  --clients N      clients of each workload; default 6. With two datacenters, half of them in each
  --keys N         keys of each workload; default 300
  --scenario NAME  one of ${scenarioNames.join(', ')}, instead of the schedule
  --rounds N       of kill-loop and power-loss; default 5. Of datacenter-lost: default 2. Of wiped: thousands of keys, default 100
  --kills          of resize: a host dies every 20 to 40 s as well
  --plain          hosts side by side on the loopback: what needs a network of their own is left out
  --keep           leave logs, ledger and data where they are, also where nothing was wrong
  --json           the summary as JSON`

/** A mistake in the command line: exit status 2. */
export class UsageError extends Error {}

/** @throws {UsageError} */
export function readOptions(args: readonly string[]): ChaosOptions {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  let values: Record<string, string | boolean | undefined>
  try {
    values = parseArgs({
      args: [...args],
      options: {
        minutes: text,
        seed: text,
        faults: text,
        workload: text,
        hosts: text,
        clients: text,
        keys: text,
        scenario: text,
        rounds: text,
        kills: flag,
        plain: flag,
        keep: flag,
        json: flag,
        help: flag
      }
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  if (values['help'] === true) throw new UsageError('')
  const number = (name: string, fallback: number, min: number, max: number): number => {
    const value = values[name] === undefined ? fallback : Number(values[name])
    if (!(value >= min && value <= max)) throw new UsageError(`--${name} takes a number from ${min} to ${max}`)
    return value
  }
  const list = <T extends string>(name: string, allowed: readonly T[]): readonly T[] => {
    const given = values[name]
    if (given === undefined || given === 'all') return allowed
    if (given === 'none' || given === '') return []
    const words = String(given).split(',')
    const wrong = words.find(word => !allowed.includes(word as T))
    if (wrong !== undefined) throw new UsageError(`--${name} knows no ${wrong}: allowed is ${allowed.join(', ')}`)
    return words as T[]
  }
  const scenario = values['scenario']
  if (scenario !== undefined && !scenarioNames.includes(scenario as ScenarioName))
    throw new UsageError(`--scenario knows no ${String(scenario)}: allowed is ${scenarioNames.join(', ')}`)
  const isDouble = datacenterScenarios.some(name => name === scenario)
  const hosts = Math.floor(number('hosts', isDouble ? 6 : 5, scenario === 'resize' ? 5 : 3, 9))
  if (isDouble && hosts % 2 === 1) throw new UsageError(`--hosts takes an even number where there are two datacenters: 4, 6 or 8`)
  const rounds = scenario === 'wiped' ? 100 : scenario === 'datacenter-lost' ? 2 : 5
  return {
    minutes: number('minutes', isDouble ? 1 : 10, 0, 10_000),
    seed: Math.floor(number('seed', Math.floor(Math.random() * 2 ** 31), 0, 2 ** 48)),
    faults: list('faults', faultKinds),
    workloads: list('workload', workloadKinds),
    hosts,
    datacenters: isDouble ? 2 : 1,
    clients: Math.floor(number('clients', 6, 1, 200)),
    keys: Math.floor(number('keys', 300, 1, 1_000_000)),
    scenario: scenario as ScenarioName | undefined,
    kills: values['kills'] === true,
    rounds: Math.floor(number('rounds', rounds, 1, 100_000)),
    plain: values['plain'] === true,
    keep: values['keep'] === true,
    json: values['json'] === true
  }
}
