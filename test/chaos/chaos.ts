// npm run chaos: hosts as real processes, each with a network and a disk of its own, under faults. See docs/reliability.md.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { drawnChaos } from './drawn-chaos.ts'
import { type Ground, groundOfMachine, isolated } from './ground.ts'
import { type ChaosOptions, readOptions, usage, UsageError } from './options.ts'
import { Report } from './report.ts'
import { runScenario } from './scenarios.ts'

/** Set by the rig for itself: the directory of the run, and what the machine allows. */
const insideVariable = 'CHAOS_INSIDE'
const timedOutMs = 10 * 60_000

interface Inside {
  readonly directory: string
  readonly ground: Ground
  readonly seed: number
}

async function outside(options: ChaosOptions, args: readonly string[]): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'carillon-chaos-'))
  const machine = groundOfMachine()
  const plain = 'hosts run side by side on the loopback (--plain)'
  const ground: Ground = options.plain ? { network: plain, disks: machine.disks } : machine
  const inside: Inside = { directory, ground, seed: options.seed }
  const isIsolated = ground.network === undefined || ground.disks === undefined
  const itself = [...process.execArgv, fileURLToPath(import.meta.url), ...args]
  const { program, args: words } = isIsolated ? isolated(process.execPath, itself) : { program: process.execPath, args: itself }
  const child = spawn(program, words, {
    stdio: 'inherit',
    env: { ...process.env, [insideVariable]: JSON.stringify(inside) }
  })
  // Where it is isolated, all that it started ends with it; else it has to end them itself.
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => child.kill(isIsolated ? 'SIGKILL' : 'SIGTERM'))
  const [code, signal] = await new Promise<[number | null, string | null]>(resolve =>
    child.once('exit', (code, signal) => resolve([code, signal]))
  )
  if ((code === 0 || code === 2) && !options.keep) rmSync(directory, { recursive: true, force: true })
  else process.stderr.write(`Logs, ledger and data: ${directory}\n`)
  if (signal !== null) process.stderr.write(`ended by ${signal}\n`)
  return code ?? 1
}

async function within(options: ChaosOptions, { directory, ground, seed }: Inside): Promise<number> {
  const report = new Report(options.json)
  const drawn = { ...options, seed }
  report.say(`seed ${seed}, ${options.hosts} hosts, Node ${process.version}`)
  if (ground.network !== undefined) report.skip('a network for each host', ground.network)
  if (ground.disks !== undefined) report.skip('a disk for each host', ground.disks)
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => void report.end().then(() => process.exit(1)))
  const limit = setTimeout(
    () => {
      process.stderr.write('the run hangs\n')
      process.exit(1)
    },
    options.minutes * 60_000 + timedOutMs + options.rounds * 30_000
  )
  try {
    const given = { options: drawn, ground, directory, report }
    if (options.scenario === undefined) await drawnChaos(given)
    else await runScenario(options.scenario, given)
  } catch (error) {
    report.violate(`the run broke off: ${(error as Error).stack ?? String(error)}`)
    for (const name of existsSync(join(directory, 'logs')) ? ['host-1.log', 'host-2.log'] : []) showEnd(directory, name, report)
  }
  await report.end()
  clearTimeout(limit)
  const summary = report.summary(seed)
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`)
  report.say(
    `${report.violations.length === 0 ? 'no violation' : `${report.violations.length} VIOLATIONS`}; ${report.skipped.length} left out; seed ${seed}`
  )
  return report.violations.length === 0 ? 0 : 1
}

function showEnd(directory: string, name: string, report: Report): void {
  const path = join(directory, 'logs', name)
  if (!existsSync(path)) return
  for (const line of readFileSync(path, 'utf8').trimEnd().split('\n').slice(-8)) report.say(`${name}: ${line}`)
}

async function main(): Promise<number> {
  const args = process.argv.slice(2)
  let options: ChaosOptions
  try {
    options = readOptions(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message === '' ? '' : `${error.message}\n\n`}${usage}\n`)
    return error.message === '' ? 0 : 2
  }
  const given = process.env[insideVariable]
  if (given === undefined) return await outside(options, args)
  return await within(options, JSON.parse(given) as Inside)
}

process.exit(await main())
