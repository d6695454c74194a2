import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findNatsServer } from '../../bus/nats-binary.ts'
import { NatsServer } from '../../bus/nats-server.ts'
import type { Bench } from '../question.ts'

/** Servers of their own on free ports, each routed to the one before it, for as long as `work` takes; a row says where there is none. */
export async function withServers(
  bench: Bench,
  names: readonly string[],
  work: (servers: readonly NatsServer[]) => Promise<void>
): Promise<void> {
  const binary = await findNatsServer(process.env['CARILLON_NATS_SERVER'], process.env['PATH']).catch(() => undefined)
  if (binary === undefined) {
    bench.row({ what: 'left out: no nats-server was found' })
    return
  }
  const directory = mkdtempSync(join(tmpdir(), 'carillon-bench-'))
  const servers: NatsServer[] = []
  try {
    for (const name of names) {
      const routes = servers.slice(-1).map(({ ports }) => `127.0.0.1:${ports.route}`)
      servers.push(
        await NatsServer.start({
          binary,
          name,
          cluster: 'carillon',
          directory: join(directory, name),
          ports: { client: -1, route: -1, monitor: -1 },
          routes
        })
      )
    }
    await work(servers)
  } finally {
    for (const server of servers) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}
