import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { findNatsServer } from '../../bus/nats-binary.ts'
import { NatsServer, type NatsServerOptions } from '../../bus/nats-server.ts'

export const anyPorts = Object.freeze({ client: -1, route: -1, monitor: -1 })

export function natsBinary() {
  return findNatsServer(process.env['CARILLON_NATS_SERVER'], process.env['PATH'])
}

/** A folder that goes with the test. */
export async function folderFor(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'carillon-nats-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A server that goes with the test. */
export async function natsServerFor(t: Test, options: Partial<NatsServerOptions> = {}): Promise<NatsServer> {
  const directory = options.directory ?? (await folderFor(t))
  const server = await NatsServer.start({
    binary: await natsBinary(),
    name: 'a',
    cluster: 'carillon',
    directory,
    ports: anyPorts,
    ...options
  })
  t.teardown(() => server.stop())
  return server
}
