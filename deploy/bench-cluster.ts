import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StartedCluster } from '../api/bench/bench-options.ts'
import { CommandFailure } from '../api/cli/terminal.ts'
import { DevCluster } from './dev.ts'

/** Hosts as processes of their own, on free ports, with data in a temporary directory. */
export async function startBenchCluster(hosts: number): Promise<StartedCluster> {
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
/** Up to below those that Linux gives to outgoing connections: a host that starts again would find its own taken. */
const basePortFirst = 20_000
const basePortSpan = 11_900
const portOffsets = [0, 350, 550, 750]

/** A base port whose hosts' ports are all free at this moment, as `devHosts` counts them. */
export async function freeBasePort(hosts: number): Promise<number> {
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
