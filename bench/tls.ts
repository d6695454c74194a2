/*
 * What does TLS cost? Two clusters of three hosts by turns, in the clear and with TLS at every port, both with a token; CPU is that of all processes, per operation.
 *   node build/bench/tls.js [--seconds 5] [--rounds 3] [--in-flight 1,64,256] [--json]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runBench } from '../api/bench/bench.ts'
import type { StartedCluster } from '../api/bench/bench-options.ts'
import type { BenchRow } from '../api/bench/row.ts'
import { connect } from '../api/client/client.ts'
import { freeBasePort } from '../deploy/bench-cluster.ts'
import { makeCertificates } from '../deploy/certificates.ts'
import { devHosts } from '../deploy/dev.ts'

const valueOf = (flag: string, fallback: string): string => {
  const at = process.argv.indexOf(flag)
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback)
}
const seconds = Number(valueOf('--seconds', '5'))
const rounds = Number(valueOf('--rounds', '3'))
const inFlight = valueOf('--in-flight', '1,64,256').split(',').map(Number)
const hosts = 3
const upMsMax = 120_000
const carillon = fileURLToPath(new URL('../deploy/carillon.js', import.meta.url))
const token = 'a-token-for-this-bench'

type Way = 'clear' | 'tls'

/** Until so many hosts are up in the eyes of one. */
async function allUp(servers: readonly string[], ca: string | undefined, hosts: number): Promise<void> {
  const end = performance.now() + upMsMax
  for (let last: unknown; ; ) {
    try {
      if ((await upSeenBy(servers, ca)) === hosts) return
    } catch (error) {
      // Nobody listens yet.
      last = error
    }
    if (performance.now() > end) throw new Error(`not all hosts are up within ${upMsMax} ms`, { cause: last })
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

async function upSeenBy(servers: readonly string[], ca: string | undefined): Promise<number> {
  const store = await connect({ servers, token, tls: ca === undefined ? undefined : { ca }, connectTimeoutMs: upMsMax })
  try {
    const { hosts: seen } = (await store.admin('cluster', {}, 10_000)) as { hosts: readonly { state: string }[] }
    return seen.filter(({ state }) => state === 'up').length
  } finally {
    await store.close()
  }
}

async function start(way: Way, folder: string, ca: string): Promise<StartedCluster> {
  const data = await mkdtemp(join(folder, `${way}-`))
  const places = devHosts({ hosts, data, basePort: await freeBasePort(hosts) })
  const routes = places.map(place => `127.0.0.1:${place.routePort}`)
  const file = (name: string): string => join(folder, name)
  const secured =
    way === 'clear'
      ? []
      : ['--tls-ca', file('ca.pem'), '--tls-cert', file('127.0.0.1.pem'), '--tls-key', file('127.0.0.1-key.pem')]
  const children: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(
      children.map(async child => {
        if (child.exitCode !== null || child.signalCode !== null) return
        child.kill('SIGTERM')
        await once(child, 'exit')
      })
    )
    await rm(data, { recursive: true, force: true })
  }
  const servers = places.map(({ natsPort }) => `${way === 'tls' ? 'tls' : 'nats'}://127.0.0.1:${natsPort}`)
  try {
    for (const [index, { name, data: own, httpPort, natsPort, routePort, monitorPort }] of places.entries()) {
      const flags = {
        name,
        data: own,
        'http-port': httpPort,
        'nats-port': natsPort,
        'route-port': routePort,
        'monitor-port': monitorPort
      }
      const given = Object.entries({ ...flags, threads: 1, 'log-level': 'error' })
      const words = given.flatMap(([flag, value]) => [`--${flag}`, `${value}`])
      const joins = index === 0 ? [] : ['--join', routes.join()]
      const env = { ...process.env, CARILLON_TOKEN_FILE: file('token') }
      const program = [carillon, 'host', ...words, ...secured, ...joins]
      children.push(spawn(process.execPath, program, { stdio: ['ignore', 'ignore', 'inherit'], env }))
      await allUp(servers.slice(0, index + 1), way === 'tls' ? ca : undefined, index + 1)
    }
  } catch (error) {
    await stop()
    throw error
  }
  return { servers, stop }
}

const folder = await mkdtemp(join(tmpdir(), 'carillon-bench-tls-'))
try {
  await makeCertificates({ directory: folder, hosts: ['127.0.0.1'], names: [], days: 1 })
  await writeFile(join(folder, 'token'), token, { mode: 0o600 })
  const ca = await readFile(join(folder, 'ca.pem'), 'utf8')
  const rows: (BenchRow & { readonly way: Way; readonly round: number })[] = []
  for (let round = 0; round < rounds; round++) {
    for (const way of (['clear', 'tls'] as const).toSorted(() => (round % 2 === 0 ? 0 : -1))) {
      const report = await runBench({
        startCluster: () => start(way, folder, ca),
        token,
        tls: way === 'tls' ? { ca } : undefined,
        inFlight,
        seconds,
        rounds: 1,
        keys: 10_000
      })
      rows.push(...report.rows.map(row => ({ ...row, way, round })))
    }
  }
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ question: 'What does TLS cost?', rows })}\n`)
  else {
    for (const { way, round, op, in_flight, throughput, p50_ms, p99_ms, cpu_us_per_op: cpu } of rows) {
      const figures = `${Math.round(throughput)}/s, p50 ${p50_ms?.toFixed(2)} ms, p99 ${p99_ms?.toFixed(2)} ms`
      const shares = [cpu.client, cpu.hosts, cpu.nats].map(us => (us === null ? '?' : us.toFixed(0))).join(' / ')
      process.stdout.write(
        `round ${round + 1}  ${way.padEnd(5)}  ${op} ×${in_flight}: ${figures}; µs of client / hosts / nats-server ${shares}\n`
      )
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
