import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { BenchOperation, BenchOptions, StartedCluster } from '../api/bench/bench-options.ts'
import { interruptible } from '../api/cli/interruption.ts'
import { addConnectionOptions, bucketOption, clusterOptionsOf, wholeOption, type ConnectionFlags } from '../api/cli/options.ts'
import { CommandFailure, type Terminal } from '../api/cli/terminal.ts'
import { limits } from '../model/limits.ts'

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
  readonly bucket: string
  readonly hosts: number
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
    .addOption(
      numberOption('--zipf <SKEW>', 'skew of the choice of keys; 0.99 as YCSB has it (default: every key alike)', 0, 0.999)
    )
    .addOption(numberOption('--read-share <SHARE>', 'share of gets in mixed (default: 0.5)', 0, 1))
    .addOption(numberOption('--seconds <S>', 'seconds of each round', 0.05, 3_600).default(5))
    .addOption(wholeOption('--rounds <N>', 'rounds; the one of median throughput is reported', 1, 100).default(3))
    .addOption(wholeOption('-r, --read <N>', 'replicas that a get waits for (default: the bucket’s)', 1, limits.replicasMax))
    .addOption(wholeOption('-w, --write <N>', 'replicas that a put waits for (default: the bucket’s)', 1, limits.replicasMax))
    .addOption(
      new Option('--durability <LEVEL>', 'what a replica has done before it acknowledges').choices(['flushed', 'committed'])
    )
    .addOption(bucketOption().default('bench'))
    .addOption(wholeOption('--hosts <N>', 'hosts of the cluster of its own', 1, hostsMax).default(hostsDefault))
  addConnectionOptions(command).action(async (flags: Flags) => {
    const { formatBench, runBench } = await import('../api/bench/bench.ts')
    await interruptible(terminal, async signal => {
      const report = await runBench(optionsOf(terminal, flags, signal))
      await terminal.output.write(`${flags.json === true ? JSON.stringify(report) : formatBench(report)}\n`)
      if (signal.aborted) throw new CommandFailure('interrupted: the rows above are the complete ones')
      const errors = report.rows.reduce((sum, row) => sum + row.errors, 0)
      if (errors > 0) throw new CommandFailure(`${errors} operations failed: see errors_by_code in --json`)
    })
  })
}

function optionsOf(terminal: Terminal, flags: Flags, signal: AbortSignal): BenchOptions {
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
    bucket,
    hosts
  } = flags
  const { servers, token, cluster } = clusterOptionsOf(terminal, flags)
  // The defaults are no wish to measure what happens to run there.
  const isAsked = flags.servers !== undefined || terminal.environment.servers !== ''
  return {
    ...(isAsked ? { servers, ...(token === '' ? {} : { token }), cluster } : { startCluster: () => startCluster(hosts) }),
    ...{ ops, inFlight, rate, valueBytes, keys, zipf, readShare, seconds, rounds, r, w, durability, bucket, signal },
    onProgress: line => void terminal.errors.write(`bench: ${line}\n`)
  }
}

/** Hosts as processes of their own, on free ports, with data in a temporary directory. */
async function startCluster(hosts: number): Promise<StartedCluster> {
  const { DevCluster } = await import('./dev.ts')
  const data = await mkdtemp(join(tmpdir(), 'carillon-bench-'))
  const cluster = new DevCluster({
    hosts,
    data,
    basePort: await freeBasePort(hosts),
    threads: 1,
    token: '',
    logLevel: 'warn',
    say: line => process.stderr.write(`${line}\n`)
  })
  const stop = async (): Promise<void> => {
    await cluster.stop()
    await rm(data, { recursive: true, force: true })
  }
  try {
    await cluster.start()
  } catch (error) {
    await stop()
    throw error
  }
  return { servers: cluster.servers, stop }
}

const basePortAttempts = 50
const basePortFirst = 20_000
const basePortSpan = 30_000
const portOffsets = [0, 350, 550, 750]

/** A base port whose hosts' ports are all free at this moment. */
async function freeBasePort(hosts: number): Promise<number> {
  for (let attempt = 0; attempt < basePortAttempts; attempt += 1) {
    const base = basePortFirst + Math.floor(Math.random() * basePortSpan)
    const ports = portOffsets.flatMap(offset => Array.from({ length: hosts }, (_, index) => base + offset + index + 1))
    const free = await Promise.all(ports.map(isFree))
    if (free.every(Boolean)) return base
  }
  throw new CommandFailure(
    `found no ${hosts * portOffsets.length} free ports for a cluster in ${basePortAttempts} attempts: measure a running one with --servers`
  )
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
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
