import { etcdTarget, leadingConnection } from '../api/bench/etcd-target.ts'
import type { GrpcConnection } from '../api/bench/grpc-connection.ts'
import type { OpenTarget } from '../api/bench/target.ts'
import { debianProgram, programPath, programVersion } from './bench-program.ts'
import { type PeerRecipe, replicaFolders, startPeer } from './bench-replicas.ts'

const members = 3
/** A long bench makes many revisions; by default etcd refuses writes beyond 2 GB. */
const quotaBytes = 8 * 1024 ** 3

export const etcdProgram = debianProgram('etcd', 'etcd-server')

/** Three members with the settings that etcd comes with. */
export const startEtcd: OpenTarget = async ({ signal }) => {
  const path = programPath(etcdProgram)
  const version = await programVersion(path)
  return startPeer(
    etcdRecipe(path, async (ports, running) => {
      const { connection } = await running.wait('a leader of etcd', () => etcdLeader(ports))
      return etcdTarget(connection, { version, processes: () => running.processes(), stop: () => running.stop() })
    }),
    signal
  )
}

/** @param open told the ports: of the members for clients first, then those between members */
export function etcdRecipe<T>(path: string, open: PeerRecipe<T>['open']): PeerRecipe<T> {
  return {
    name: 'etcd',
    ports: members * 2,
    async commands(ports, folder) {
      const folders = await replicaFolders(folder, members)
      const clientUrls = ports.slice(0, members).map(urlOf)
      const memberUrls = ports.slice(members).map(urlOf)
      const cluster = memberUrls.map((url, index) => `member-${index + 1}=${url}`).join(',')
      return folders.map((data, index) => {
        const flags = {
          name: `member-${index + 1}`,
          'data-dir': data,
          'listen-client-urls': clientUrls[index]!,
          'advertise-client-urls': clientUrls[index]!,
          'listen-peer-urls': memberUrls[index]!,
          'initial-advertise-peer-urls': memberUrls[index]!,
          'initial-cluster': cluster,
          'initial-cluster-token': 'carillon-bench',
          'initial-cluster-state': 'new',
          'quota-backend-bytes': String(quotaBytes),
          logger: 'zap',
          'log-level': 'error'
        }
        return { path, args: Object.entries(flags).map(([name, value]) => `--${name}=${value}`) }
      })
    },
    open
  }
}

/** @returns the index of the member that leads, and a connection to it; undefined where none does yet. Rejects where one does not answer. */
export async function etcdLeader(
  ports: readonly number[]
): Promise<{ readonly index: number; readonly connection: GrpcConnection } | undefined> {
  for (const [index, port] of ports.slice(0, members).entries()) {
    const connection = await leadingConnection(port)
    if (connection !== undefined) return { index, connection }
  }
  return undefined
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`
}
