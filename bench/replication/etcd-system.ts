import { putCall, putRequest, rangeCall, rangeRequest, valueOfRange } from '../../api/bench/etcd-messages.ts'
import { GrpcConnection } from '../../api/bench/grpc-connection.ts'
import { etcdLeader, etcdProgram, etcdRecipe } from '../../deploy/bench-etcd.ts'
import { programPath } from '../../deploy/bench-program.ts'
import { startPeer } from '../../deploy/bench-replicas.ts'
import { isSucceeded, replaceCall, replaceRequest } from './etcd-replace.ts'
import { bytesOf, inTime, linesOf, type ReplicatedSystem } from './system.ts'

const members = 3

export function startEtcdSystem(): Promise<ReplicatedSystem> {
  return startPeer(
    etcdRecipe(programPath(etcdProgram), async (ports, running) => {
      const first = await running.wait('a leader of etcd', () => etcdLeader(ports))
      await first.connection.close()
      const clients = new Members(ports.slice(0, members))
      const read = async (key: string) => valueOfRange(await clients.call(rangeCall, rangeRequest(key)))
      const readLines = async (key: string) => linesOf(await read(key))
      return {
        name: 'etcd, single leader',
        promise: 'fsynced on a majority',
        put: (key, value) => clients.call(putCall, putRequest(key, value)),
        async kill() {
          const leader = await etcdLeader(ports)
          if (leader === undefined) throw new Error('etcd has no leader to kill')
          await leader.connection.close()
          process.kill(running.processes()[leader.index]!.pid, 'SIGKILL')
          return 'the leader'
        },
        adders: [
          {
            name: 'read, write: the last write wins',
            async add(key, element) {
              await clients.call(putCall, putRequest(key, bytesOf([...(await readLines(key)), element])))
              return { retries: 0, versions: 1 }
            },
            read: readLines
          },
          {
            name: 'read, replace if it is still the same, else again',
            async add(key, element) {
              for (let retries = 0; ; retries++) {
                const before = await read(key)
                const after = bytesOf([...linesOf(before), element])
                if (isSucceeded(await clients.call(replaceCall, replaceRequest(key, before, after))))
                  return { retries, versions: 1 }
              }
            },
            read: readLines
          }
        ],
        async close() {
          await clients.close()
          await running.stop()
        }
      }
    }),
    undefined
  )
}

/** A connection to each member; what one does not answer is asked of the next, as etcd's own client does. */
class Members {
  readonly #ports: readonly number[]
  readonly #connections = new Map<number, GrpcConnection>()
  #current = 0

  constructor(ports: readonly number[]) {
    this.#ports = ports
  }

  async call(path: string, frame: Uint8Array): Promise<Uint8Array> {
    const port = this.#ports[this.#current % this.#ports.length]!
    try {
      return await inTime((await this.#connection(port)).call(path, frame))
    } catch (error) {
      const failed = this.#connections.get(port)
      this.#connections.delete(port)
      this.#current++
      await failed?.close()
      throw error
    }
  }

  async #connection(port: number): Promise<GrpcConnection> {
    const known = this.#connections.get(port)
    if (known !== undefined) return known
    const made = await GrpcConnection.connect(port)
    const other = this.#connections.get(port)
    if (other !== undefined) {
      await made.close()
      return other
    }
    this.#connections.set(port, made)
    return made
  }

  async close(): Promise<void> {
    for (const connection of this.#connections.values()) await connection.close()
  }
}
