import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NatsAsker } from '../api/bench/nats-asker.ts'
import { createBucket, natsKvTarget, streamState } from '../api/bench/nats-kv-target.ts'
import type { OpenTarget } from '../api/bench/target.ts'
import { debianProgram, programPath, programVersion } from './bench-program.ts'
import { type PeerRecipe, replicaFolders, startPeer, type RunningPeer } from './bench-replicas.ts'

const servers = 3

export const natsProgram = debianProgram('nats-server', 'nats-server')

/** Three servers with JetStream in files, the client at the one that leads the bucket's stream. */
export const startNatsKv: OpenTarget = async ({ signal }) => {
  const path = natsServerPath()
  const version = await programVersion(path)
  return startPeer(
    natsKvRecipe(path, async (ports, running) => {
      const leader = await leaderOf(ports, running)
      const asker = await NatsAsker.connect({ servers: [urlOf(ports[leader]!)] })
      return natsKvTarget(asker, { version, processes: () => running.processes(), stop: () => running.stop() })
    }),
    signal
  )
}

/** The same program as this store's own. @throws {PeerMissing} */
export function natsServerPath(): string {
  const named = process.env['CARILLON_NATS_SERVER'] ?? ''
  return named === '' ? programPath(natsProgram) : named
}

/** @param open told the ports: of the servers for clients first, then those between servers */
export function natsKvRecipe<T>(path: string, open: PeerRecipe<T>['open']): PeerRecipe<T> {
  return {
    name: 'nats-kv',
    ports: servers * 2,
    async commands(ports, folder) {
      const folders = await replicaFolders(folder, servers)
      const routes = ports.slice(servers).map(port => `"nats-route://127.0.0.1:${port}"`)
      const files: string[] = []
      for (const [index, data] of folders.entries()) {
        const file = join(data, 'nats-server.conf')
        await writeFile(file, configOf(index, ports[index]!, ports[servers + index]!, data, routes))
        files.push(file)
      }
      return files.map(file => ({ path, args: ['-c', file] }))
    },
    open
  }
}

/** @returns the index of the server that leads the bucket's stream, once both others have caught up */
export async function leaderOf(ports: readonly number[], running: RunningPeer): Promise<number> {
  const first = await running.wait('a NATS server that answers', () => NatsAsker.connect({ servers: [urlOf(ports[0]!)] }))
  try {
    await running.wait('a JetStream bucket', async () => {
      await createBucket(first)
      return true
    })
    return await running.wait('a bucket in step on three servers', async () => {
      const { leader, followers } = await streamState(first)
      const index = Array.from({ length: servers }, (_, at) => nameOf(at)).indexOf(leader)
      return index >= 0 && followers === servers - 1 ? index : undefined
    })
  } finally {
    await first.close()
  }
}

function configOf(index: number, port: number, routePort: number, data: string, routes: readonly string[]): string {
  return `server_name: ${nameOf(index)}
host: 127.0.0.1
port: ${port}
jetstream { store_dir: ${JSON.stringify(join(data, 'jetstream'))} }
cluster {
  name: bench
  host: 127.0.0.1
  port: ${routePort}
  routes: [ ${routes.join(', ')} ]
}
`
}

function nameOf(index: number): string {
  return `server-${index + 1}`
}

export function urlOf(port: number): string {
  return `nats://127.0.0.1:${port}`
}
