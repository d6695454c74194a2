import {
  isLeader,
  putCall,
  putRequest,
  rangeCall,
  rangeRequest,
  statusCall,
  statusRequest,
  valueOfRange
} from './etcd-messages.ts'
import { GrpcConnection } from './grpc-connection.ts'
import type { Target, TargetProcess } from './target.ts'

export interface EtcdTargetOptions {
  readonly version: string
  processes(): readonly TargetProcess[]
  stop(): Promise<void>
}

/** @returns a connection to the member that leads, if this is the one; else undefined. Rejects where it does not answer. */
export async function leadingConnection(port: number): Promise<GrpcConnection | undefined> {
  const connection = await GrpcConnection.connect(port)
  try {
    if (isLeader(await connection.call(statusCall, statusRequest))) return connection
  } catch (error) {
    await connection.close()
    throw error
  }
  await connection.close()
  return undefined
}

/** etcd by gRPC: puts and linearizable gets, straight to the member that leads, which saves it a hop. */
export function etcdTarget(leader: GrpcConnection, options: EtcdTargetOptions): Target {
  const put = (key: string, value: Uint8Array) => leader.call(putCall, putRequest(key, value))
  return {
    name: 'etcd',
    version: options.version,
    less: 'does more for each operation (one order of all writes, fsync on a majority, linearizable gets) and less for a store: one group holds all keys, one member orders all writes, a minority that is cut off serves nothing, 2 to 8 GB in all; much of the client’s CPU is HTTP/2',
    modes: [
      {
        name: '',
        promise: 'put fsynced on a majority, linearizable get',
        put,
        get: async key => valueOfRange(await leader.call(rangeCall, rangeRequest(key)))
      }
    ],
    prepare: put,
    processes: async () => options.processes(),
    async close() {
      await leader.close()
      await options.stop()
    }
  }
}
