import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDynomite, openRedis } from '../api/bench/redis-target.ts'
import { RespConnection } from '../api/bench/resp-connection.ts'
import type { OpenTarget } from '../api/bench/target.ts'
import { debianProgram, programPath, programVersion } from './bench-program.ts'
import type { PeerCommand } from './bench-process.ts'
import { replicaFolders, startPeer } from './bench-replicas.ts'

const replicas = 3
export const redisProgram = debianProgram('redis-server', 'redis-server')
export const dynomiteProgram = {
  command: 'dynomite',
  advice: 'no Debian package has it; build https://github.com/Netflix/dynomite and put it on the PATH'
}

/** One primary with two replicas, in memory alone: as quick as it gets. */
export const startRedis: OpenTarget = async ({ signal }) => {
  const path = programPath(redisProgram)
  const version = await programVersion(path)
  return startPeer(
    {
      name: 'redis',
      ports: replicas,
      async commands([primary = 0, ...others], folder) {
        const folders = await replicaFolders(folder, replicas)
        return [
          redisCommand(path, primary, folders[0]!),
          ...others.map((port, index) =>
            redisCommand(path, port, folders[index + 1]!, '--replicaof', '127.0.0.1', String(primary))
          )
        ]
      },
      async open([primary = 0], running) {
        await running.wait('both replicas of Redis are in step', () => inStep(primary, replicas - 1))
        return openRedis(primary, { version, processes: () => running.processes(), stop: () => running.stop() })
      }
    },
    signal
  )
}

/** Three racks of one node, each with a Redis of its own behind it; reads and writes by quorum. */
export const startDynomite: OpenTarget = async ({ signal }) => {
  const path = programPath(dynomiteProgram)
  const redisPath = programPath(redisProgram)
  const version = await programVersion(path)
  return startPeer(
    {
      name: 'dynomite',
      ports: replicas * portsOfNode,
      async commands(ports, folder) {
        const folders = await replicaFolders(folder, replicas)
        const nodes = nodesOf(ports)
        const keyFile = join(folder, 'dynomite.pem')
        const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
        await writeFile(keyFile, key.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
        const commands: PeerCommand[] = []
        for (const [index, node] of nodes.entries()) {
          const file = join(folders[index]!, 'dynomite.yml')
          await writeFile(file, dynomiteConfig(node, nodes, keyFile))
          commands.push(redisCommand(redisPath, node.redis, folders[index]!), { path, args: ['-c', file, '-v', '1'] })
        }
        return commands
      },
      async open(ports, running) {
        const clients = nodesOf(ports).map(node => node.client)
        await running.wait('a quorum of Dynomite', () => storesByQuorum(clients))
        return openDynomite(clients, { version, processes: () => running.processes(), stop: () => running.stop() })
      }
    },
    signal
  )
}

function redisCommand(path: string, port: number, folder: string, ...more: readonly string[]): PeerCommand {
  const words = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--save',
    '',
    '--appendonly',
    'no',
    '--daemonize',
    'no'
  ]
  // A full copy goes straight from memory to the replicas, at once.
  const copies = ['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0', '--repl-diskless-load', 'swapdb']
  return { path, args: [...words, ...copies, '--loglevel', 'warning', ...more] }
}

async function asked<T>(port: number, ask: (connection: RespConnection) => Promise<T>): Promise<T> {
  const connection = await RespConnection.connect(port)
  try {
    return await ask(connection)
  } finally {
    connection.close()
  }
}

function inStep(primary: number, count: number): Promise<true | undefined> {
  return asked(primary, async connection => {
    const said = await connection.ask('INFO', 'replication')
    const text = said instanceof Uint8Array ? Buffer.from(said).toString('utf8') : ''
    return (text.match(/^slave\d+:.*state=online/gm) ?? []).length >= count ? true : undefined
  })
}

/** Each node has to take a write and find it again: its gossip may not know the others yet. */
async function storesByQuorum(clients: readonly number[]): Promise<true | undefined> {
  for (const port of clients) {
    await asked(port, async connection => {
      await connection.ask('SET', `ready-${port}`, 'yes')
      if ((await connection.ask('GET', `ready-${port}`)) === null)
        throw new Error(`the node on port ${port} does not find what it stored`)
    })
  }
  return true
}

const portsOfNode = 4

interface DynomiteNode {
  readonly rack: string
  readonly client: number
  readonly node: number
  readonly stats: number
  readonly redis: number
}

function nodesOf(ports: readonly number[]): readonly DynomiteNode[] {
  return Array.from({ length: replicas }, (_, index) => {
    const [client = 0, node = 0, stats = 0, redis = 0] = ports.slice(index * portsOfNode)
    return { rack: `rack${index + 1}`, client, node, stats, redis }
  })
}

/** Each rack holds everything, so its one node has the whole ring. */
function dynomiteConfig(own: DynomiteNode, nodes: readonly DynomiteNode[], keyFile: string): string {
  const others = nodes.filter(each => each !== own)
  return `dyn_o_mite:
  datacenter: dc1
  rack: ${own.rack}
  listen: 127.0.0.1:${own.client}
  dyn_listen: 127.0.0.1:${own.node}
  stats_listen: 127.0.0.1:${own.stats}
  dyn_seed_provider: simple_provider
  dyn_seeds:
${others.map(each => `  - 127.0.0.1:${each.node}:${each.rack}:dc1:0`).join('\n')}
  servers:
  - 127.0.0.1:${own.redis}:1
  tokens: '0'
  data_store: 0
  timeout: 5000
  preconnect: true
  secure_server_option: none
  pem_key_file: ${keyFile}
  read_consistency: DC_QUORUM
  write_consistency: DC_QUORUM
`
}
