import { access, constants, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { BenchOperation, BenchOptions } from '../api/bench/bench-options.ts'
import type { BenchReport } from '../api/bench/report.ts'
import type { OpenTarget } from '../api/bench/target.ts'
import { type Asked, askedNames } from '../api/client/client-options.ts'
import { interruptible } from '../api/cli/interruption.ts'
import { addConnectionOptions, bucketOption, clusterOptionsOf, wholeOption, type ConnectionFlags } from '../api/cli/options.ts'
import { CommandFailure, type Terminal } from '../api/cli/terminal.ts'
import { limits } from '../model/limits.ts'
import { peerNames, type PeerName } from './bench-peer-names.ts'
import { version } from './version.ts'

interface Flags extends ConnectionFlags {
  readonly op: readonly BenchOperation[]
  readonly inFlight: readonly number[]
  readonly rate?: number
  readonly valueBytes: number
  readonly keys: number
  readonly zipf?: number
  readonly readShare?: number
  readonly seconds: number
  readonly rounds: number
  readonly read?: number
  readonly write?: number
  readonly durability?: 'flushed' | 'committed'
  readonly readsFrom?: Asked
  readonly acksFrom?: Asked
  readonly bucket: string
  readonly hosts: number
  readonly peers?: readonly PeerName[]
  readonly plot?: string
  readonly markdown?: string
  readonly json?: boolean
}

const hostsDefault = 3
const hostsMax = 16

export function define(command: Command, terminal: Terminal): void {
  command
    .description(
      'Measure throughput, latency and CPU per operation. Without --servers it starts a cluster of its own in a temporary directory, and removes it.'
    )
    .addOption(
      new Option('--op <OPS>', 'of put, get, mixed, separated by commas')
        .default(['put', 'get'], 'put,get')
        .argParser(operationsOf)
    )
    .addOption(
      new Option('--in-flight <NUMBERS>', 'operations side by side, separated by commas')
        .default([1, 64, 256], '1,64,256')
        .argParser(numbersOf)
    )
    .addOption(
      wholeOption(
        '--rate <N>',
        'start N operations a second, whatever has ended, rather than keep so many in flight',
        1,
        10_000_000
      )
    )
    .addOption(wholeOption('--value-bytes <BYTES>', 'size of the values', 0, limits.pairBytesCeiling).default(100))
    .addOption(wholeOption('--keys <N>', 'keys, all stored before the first measurement', 1, 10_000_000).default(10_000))
    .addOption(numberOption('--zipf <SKEW>', 'skew of the choice of keys; 0.99 as YCSB has it (default: every key alike)', 0, 3))
    .addOption(numberOption('--read-share <SHARE>', 'share of gets in mixed (default: 0.5)', 0, 1))
    .addOption(numberOption('--seconds <S>', 'seconds of each round', 0.05, 3_600).default(5))
    .addOption(wholeOption('--rounds <N>', 'rounds; the one of median throughput is reported', 1, 100).default(3))
    .addOption(wholeOption('-r, --read <N>', 'replicas that a get waits for (default: the bucket’s)', 1, limits.replicasMax))
    .addOption(wholeOption('-w, --write <N>', 'replicas that a put waits for (default: the bucket’s)', 1, limits.replicasMax))
    .addOption(
      new Option('--durability <LEVEL>', 'what a replica has done before it acknowledges').choices(['flushed', 'committed'])
    )
    .addOption(
      new Option('--reads-from <WHO>', 'whom gets ask: the owners of a key, or a coordinator (default: owners)').choices(
        askedNames
      )
    )
    .addOption(
      new Option('--acks-from <WHO>', 'who counts the acknowledgements of puts (default: coordinator)').choices(askedNames)
    )
    .addOption(bucketOption().default('bench'))
    .addOption(wholeOption('--hosts <N>', 'hosts of the cluster of its own', 1, hostsMax).default(hostsDefault))
    .addOption(
      new Option(
        '--peers <NAMES>',
        `measure these beside it, round by round by turns, and judge the targets: of ${peerNames.join(', ')}, separated by commas; each is started from the programs on this machine, three replicas in a temporary directory, and removed`
      ).argParser(peersOf)
    )
    .option('--plot <FILE>', 'draw throughput and CPU per operation into an SVG file')
    .option('--markdown <FILE>', 'write the tables into a file as Markdown')
  addConnectionOptions(command).action(async (flags: Flags) => {
    const { runBench } = await import('../api/bench/bench.ts')
    const { formatBench } = await import('../api/bench/report-text.ts')
    await interruptible(terminal, async signal => {
      for (const file of [flags.plot, flags.markdown]) if (file !== undefined) await checkFolder(file)
      const report = await runBench(await optionsOf(terminal, flags, signal))
      await writeFiles(flags, report)
      await terminal.output.write(`${flags.json === true ? JSON.stringify(report) : formatBench(report)}\n`)
      if (signal.aborted) throw new CommandFailure('interrupted: the rows above are the complete ones')
      const errors = report.rows.reduce((sum, row) => sum + row.errors, 0)
      if (errors > 0) throw new CommandFailure(`${errors} operations failed: see errors_by_code in --json`)
      const failed = (report.skipped ?? []).filter(each => each.is_failure)
      if (failed.length > 0) throw new CommandFailure(`${failed.map(each => each.peer).join(', ')} did not start: see above`)
    })
  })
}

async function optionsOf(terminal: Terminal, flags: Flags, signal: AbortSignal): Promise<BenchOptions> {
  const {
    op: ops,
    inFlight,
    rate,
    valueBytes,
    keys,
    zipf,
    readShare,
    seconds,
    rounds,
    read: r,
    write: w,
    durability,
    readsFrom,
    acksFrom,
    bucket,
    hosts
  } = flags
  const { servers, token, tls, cluster } = clusterOptionsOf(terminal, flags)
  // The defaults are no wish to measure what happens to run there.
  const isAsked = flags.servers !== undefined || terminal.environment.servers !== ''
  const peers = flags.peers === undefined ? undefined : await startersOf(flags.peers)
  const startCluster = async () => (await import('./bench-cluster.ts')).startBenchCluster(hosts)
  return {
    ...(isAsked ? { servers, ...(token === '' ? {} : { token }), tls, cluster } : { startCluster }),
    ...{
      peers,
      ops,
      inFlight,
      rate,
      valueBytes,
      keys,
      zipf,
      readShare,
      seconds,
      rounds,
      r,
      w,
      durability,
      readsFrom,
      acksFrom,
      bucket,
      version,
      signal
    },
    onProgress: line => void terminal.errors.write(`bench: ${line}\n`)
  }
}

async function startersOf(names: readonly PeerName[]): Promise<Readonly<Record<string, OpenTarget>>> {
  const { peers } = await import('./bench-peers.ts')
  return Object.fromEntries(names.map(name => [name, peers[name]]))
}

/** Minutes of work are not to be lost to a folder that is not there. */
async function checkFolder(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK)
  } catch (error) {
    throw new CommandFailure(`${path} cannot be written: ${(error as Error).message}`)
  }
}

async function writeFiles({ plot, markdown }: Flags, report: BenchReport): Promise<void> {
  if (plot !== undefined) await writeFile(plot, (await import('../api/bench/plot.ts')).plotSvg(report))
  if (markdown !== undefined) await writeFile(markdown, (await import('../api/bench/report-markdown.ts')).markdownBench(report))
}

function peersOf(text: string): readonly PeerName[] {
  const names = text.split(',').map(word => word.trim())
  for (const [index, name] of names.entries()) {
    if (!(peerNames as readonly string[]).includes(name) || names.indexOf(name) !== index)
      throw new InvalidArgumentError(`Allowed are ${peerNames.join(', ')}, each once, separated by commas.`)
  }
  return names as PeerName[]
}

function operationsOf(text: string): readonly BenchOperation[] {
  return text.split(',').map(word => {
    const op = word.trim()
    if (op !== 'put' && op !== 'get' && op !== 'mixed')
      throw new InvalidArgumentError('Allowed are put, get, mixed, separated by commas.')
    return op
  })
}

function numbersOf(text: string): readonly number[] {
  return text.split(',').map(word => {
    const value = /^\s*[0-9]{1,6}\s*$/.test(word) ? Number(word) : 0
    if (!(value >= 1 && value <= limits.clientRequestsMax))
      throw new InvalidArgumentError(`Allowed are whole numbers from 1 to ${limits.clientRequestsMax}, separated by commas.`)
    return value
  })
}

function numberOption(flags: string, description: string, min: number, max: number): Option {
  return new Option(flags, description).argParser(text => {
    const value = /^[0-9]*\.?[0-9]+$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Allowed is a number from ${min} to ${max}.`)
    return value
  })
}
