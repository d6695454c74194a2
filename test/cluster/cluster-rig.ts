import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { DevCluster, type DevOptions } from '../../deploy/dev.ts'
import type { Fault } from '../../deploy/fault-injection.ts'

const offsets = [0, 350, 550, 750, 850]
const hostsMax = 8

/** A real cluster on this machine, on ports and in a directory of its own; gone when the test is through. */
export async function startCluster(t: Test, options: Partial<DevOptions> = {}): Promise<DevCluster> {
  const data = options.data ?? temporaryDirectory(t)
  // Read by the hosts that this process starts, and by nobody else.
  process.env['CARILLON_FAULTS'] = 'on'
  const basePort = options.basePort ?? (await freeBasePort())
  const cluster = new DevCluster({
    hosts: 3,
    data,
    basePort,
    threads: 1,
    token: '',
    logLevel: 'error',
    say: line => t.comment(line),
    ...options
  })
  t.teardown(() => cluster.stop())
  await cluster.start()
  return cluster
}

export function temporaryDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'carillon-test-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** A base port such that all that follow from it are free now. */
export async function freeBasePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    // Below the ports that the system gives to outgoing connections.
    const base = 10_000 + Math.floor(Math.random() * 20_000)
    const wanted = offsets.flatMap(offset => Array.from({ length: hostsMax }, (_, index) => base + offset + index + 1))
    if ((await Promise.all(wanted.map(isFree))).every(Boolean)) return base
  }
  throw new Error('there are no free ports')
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

export function inject(cluster: DevCluster, host: string, thread: string, fault: Fault): void {
  cluster.processOf(host)?.send({ thread, fault })
}

/** Between the operations of a client whose load is to leave hosts and tests beside it something of the machine. */
const breathMs = 10
/** Between two looks: each may be a request to every host. */
const lookMs = 60

export function breath(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, breathMs))
}

/** Waits until `holds`, looking again and again. @throws {Error} it does not within the time */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, lookMs))
  }
}

/** The hosts' own account of themselves, over HTTP. */
export async function ask<T>(port: number, path: string): Promise<T> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5_000) })
  return (await response.json()) as T
}
