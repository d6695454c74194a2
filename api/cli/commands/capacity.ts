import { type Command, Option } from 'commander'
import { capacityFormulae, type CapacityEstimate, estimateCapacity } from '../../../model/capacity/capacity.ts'
import { capacityConstants } from '../../../model/capacity/capacity-constants.ts'
import { totalOf } from '../../../model/capacity/capacity-demand.ts'
import { capacityBounds, capacityDefaults, type CapacityPlan } from '../../../model/capacity/capacity-plan.ts'
import { keyOrders } from '../../../model/capacity/table-pages.ts'
import { type QuantityUnit, quantityOption } from '../quantity.ts'
import { tableOf } from '../table.ts'
import { CommandFailure, type Terminal, UsageError } from '../terminal.ts'

type Flags = CapacityPlan & { readonly formulae?: boolean; readonly json?: boolean }
type Bounded = keyof typeof capacityBounds

const wanted: readonly (readonly [Bounded, flags: string, description: string, QuantityUnit])[] = [
  ['keys', '--keys <N>', 'different keys, today', 'count'],
  ['keyBytes', '--key-bytes <BYTES>', 'of a key, on average', 'bytes'],
  ['valueBytes', '--value-bytes <BYTES>', 'of a value, on average, as stored', 'bytes'],
  ['readsPerSecond', '--reads-per-second <N>', 'gets a second at the busiest time', 'count'],
  ['writesPerSecond', '--writes-per-second <N>', 'puts and deletes a second at the busiest time', 'count']
]

const given: readonly (readonly [Exclude<keyof typeof capacityDefaults, 'keyOrder'>, string, string, QuantityUnit, string])[] = [
  ['n', '--n <N>', 'replicas of each key', 'count', ''],
  ['r', '--r <N>', 'of these, so many answer a get', 'count', ''],
  ['w', '--w <N>', 'and so many a put (all get it, whatever this says)', 'count', ''],
  ['growthPerYear', '--growth-per-year <SHARE>', 'by which keys and rates grow', 'share', '0'],
  ['years', '--years <N>', 'for which the cluster is to last', 'count', '0'],
  ['hotShare', '--hot-share <SHARE>', 'of the keys, to be read from memory', 'share', ''],
  ['rewritten', '--rewritten <SHARE>', 'of the keys, written again by way of other replicas', 'share', ''],
  ['failures', '--failures <N>', 'hosts that may be away while the others carry all', 'count', ''],
  ['hostCpu', '--host-cpu <CORES>', 'cores of a host', 'count', ''],
  ['hostMemory', '--host-memory <BYTES>', 'memory of a host', 'bytes', '16GB'],
  ['hostDisk', '--host-disk <BYTES>', 'disk of a host', 'bytes', '500GB'],
  ['hostNetwork', '--network <BITS>', 'of a host, one way', 'network', '1Gbit'],
  ['cpuUse', '--cpu-use <SHARE>', 'of the CPU that may be in use: beyond it waits grow', 'share', ''],
  ['memoryUse', '--memory-use <SHARE>', 'the same of memory', 'share', ''],
  ['diskUse', '--disk-use <SHARE>', 'the same of disk', 'share', ''],
  ['networkUse', '--network-use <SHARE>', 'the same of network', 'share', '']
]

/** Asks no cluster. Exit status 1 where no cluster is large enough. */
export function define(command: Command, terminal: Terminal): void {
  command.description(
    'How many hosts a load needs, and what each has to have: disk, memory, CPU, network, with the formulae. Asks no cluster.'
  )
  for (const [name, flags, description, unit] of wanted) {
    const { least, most } = capacityBounds[name]
    command.addOption(named(quantityOption(flags, description, unit, least, most), name).makeOptionMandatory())
  }
  for (const [name, flags, description, unit, shown] of given) {
    const { least, most } = capacityBounds[name]
    const option = named(quantityOption(flags, description, unit, least, most), name)
    const value = capacityDefaults[name]
    command.addOption(shown === '' ? option.default(value) : option.default(value, shown))
  }
  command
    .addOption(
      new Option('--key-order <ORDER>', 'in which keys come for the first time')
        .choices(keyOrders)
        .default(capacityDefaults.keyOrder)
    )
    .option('--formulae', 'show the formulae, and each measured constant with where it comes from')
    .option('--json', 'print JSON')
    .action(async (flags: Flags) => {
      const estimate = estimateOf(flags)
      await terminal.output.write(
        flags.json === true
          ? `${JSON.stringify({ ...shownAsJson(estimate), formulae: Object.fromEntries(capacityFormulae), constants: capacityConstants })}\n`
          : await shownAsText(terminal, estimate, flags.formulae === true)
      )
    })
}

function named(option: Option, name: string): Option {
  option.attributeName = () => name
  return option
}

function estimateOf(plan: Flags): CapacityEstimate {
  let estimate: CapacityEstimate | undefined
  try {
    estimate = estimateCapacity(plan)
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
  if (estimate === undefined)
    throw new CommandFailure('more hosts than a cluster may have (4,096) would be needed: take larger hosts, or several clusters')
  return estimate
}

function shownAsJson({ plan: flags, hosts, decidedBy, host, use }: CapacityEstimate): object {
  const { json: _, ...plan } = flags as Flags
  return {
    hosts,
    decided_by: decidedBy,
    partitions: host.partitions,
    per_host: {
      keys: Math.ceil(host.pairs),
      disk_bytes: Math.ceil(use.disk.needed),
      memory_bytes: Math.ceil(use.memory.needed),
      network_bytes_per_second: Math.ceil(use.network.needed),
      cpu_cores: use.cpu.needed,
      put_us: host.putUs,
      get_us: host.getUs,
      disk: host.disk,
      memory: host.memory
    },
    use: Object.fromEntries(Object.entries(use).map(([name, { needed, allowed }]) => [name, needed / allowed])),
    plan
  }
}

async function shownAsText(terminal: Terminal, estimate: CapacityEstimate, isWhole: boolean): Promise<string> {
  const { plan, hosts, decidedBy, host, use } = estimate
  const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
  const reason =
    decidedBy === 'replicas'
      ? `as many as have to be for n = ${plan.n} and ${plan.failures} away`
      : `one fewer has too little ${decidedBy}`
  const { disk, memory } = host
  const rows = [
    [
      'CPU',
      `${use.cpu.needed.toFixed(2)} cores`,
      `${plan.hostCpu}`,
      percent(use.cpu.needed / plan.hostCpu),
      `put ${host.putUs.toFixed(0)} µs, get ${host.getUs.toFixed(0)} µs of all hosts`
    ],
    [
      'memory',
      bytesText(use.memory.needed),
      bytesText(plan.hostMemory),
      percent(use.memory.needed / plan.hostMemory),
      partsText(memory)
    ],
    ['disk', bytesText(use.disk.needed), bytesText(plan.hostDisk), percent(use.disk.needed / plan.hostDisk), partsText(disk)],
    [
      'network',
      `${bytesText(use.network.needed)}/s`,
      `${bytesText(plan.hostNetwork)}/s`,
      percent(use.network.needed / plan.hostNetwork),
      'one way'
    ]
  ]
  const head = [
    `${hosts} hosts: ${reason}.`,
    `${Math.ceil(host.pairs).toLocaleString('en-US')} keys on the fullest host, ${(totalOf(disk) / Math.max(1, host.pairs)).toFixed(0)} B of disk each; ${host.partitions} partitions, chosen at the cluster's birth.`,
    ''
  ].join('\n')
  const table = await tableOf(terminal.output, ['OF A HOST', 'NEEDED', 'THERE IS', 'IN USE', 'OF WHICH'], rows)
  if (!isWhole) return `${head}\n${table}\n--formulae shows how this is worked out, and where each constant was measured.\n`
  const formulae = await tableOf(
    terminal.output,
    ['WHAT', 'FORMULA'],
    capacityFormulae.map(([name, formula]) => [name, formula])
  )
  const constants = Object.values(capacityConstants).map(({ value, unit, what, where }) => [
    `${Number(value.toPrecision(6))} ${unit}`.trim(),
    what,
    where
  ])
  return `${head}\n${table}\n${formulae}\n${await tableOf(terminal.output, ['CONSTANT', 'WHAT', 'FROM'], constants)}`
}

const partNames: Readonly<Record<string, string>> = Object.freeze({
  hotCache: 'hot cache',
  memoryTable: 'memory table',
  waiting: 'to be written over'
})

function partsText(parts: Readonly<Record<string, number>>): string {
  return Object.entries(parts)
    .map(([name, bytes]) => `${partNames[name] ?? name} ${bytesText(bytes)}`)
    .join(', ')
}

function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  return `${Number((bytes / 1_000 ** power).toPrecision(3))} ${units[power]}`
}
