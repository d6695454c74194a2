import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from '../../api/client/client.ts'
import type { Found } from '../../api/client/found.ts'
import { TargetCluster } from '../targets/target-cluster.ts'
import { attemptMs, type ReplicatedSystem } from './system.ts'

export async function startCarillon(): Promise<ReplicatedSystem> {
  const data = await mkdtemp(join(tmpdir(), 'carillon-replication-'))
  const cluster = await TargetCluster.start(data, 3)
  const store = await connect({ servers: cluster.servers, timeoutMs: attemptMs })
  const bytes = store.bucket<Uint8Array>('outage')
  const sets = store.bucket<string[]>('sets')
  const union = (found: Found<string[]> | undefined): string[] => [
    ...new Set((found?.siblings ?? []).flatMap(({ value }) => value))
  ]
  return {
    name: 'carillon, leaderless',
    promise: 'N=3, W=2, flushed',
    put: (key, value) => bytes.put(key, value),
    async kill() {
      const host = cluster.hosts[0]!
      await host.stop('SIGKILL')
      return 'any host: there is no leader'
    },
    adders: [
      {
        name: 'read, write with its context: concurrent values stay side by side until a reader merges them',
        async add(key, element) {
          const found = await sets.get(key)
          await sets.put(key, [...union(found), element], found?.context === undefined ? {} : { context: found.context })
          return { retries: 0, versions: found?.siblings.length ?? 0 }
        },
        read: async key => union(await sets.get(key))
      }
    ],
    async close() {
      await store.close()
      await cluster.stop()
      await rm(data, { recursive: true, force: true })
    }
  }
}
