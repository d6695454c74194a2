import { concurrentWrites } from './replication/concurrent.ts'
import { startCarillon } from './replication/carillon-system.ts'
import { startEtcdSystem } from './replication/etcd-system.ts'
import { startNatsKvSystem } from './replication/nats-kv-system.ts'
import { outageOf } from './replication/outage.ts'
import type { StartSystem } from './replication/system.ts'
import { PeerMissing } from '../api/bench/target.ts'
import { ask } from './question.ts'

/*
 * `node build/bench/replication.js [--rounds 3] [--seconds 8] [--json]`: three replicas of each system on this machine, one system after the other.
 * A replica is killed while eight clients write; then eight clients change one value at the same time.
 */
const systems: readonly StartSystem[] = [startCarillon, startEtcdSystem, startNatsKvSystem]

await ask(
  'What do writers notice when a replica dies, and what becomes of concurrent writes, with a leader and without?',
  async bench => {
    const rounds = bench.option('rounds', 3)
    const afterMs = bench.option('seconds', 8) * 1_000
    for (const start of systems) {
      for (let round = 1; round <= rounds; round++) {
        try {
          const system = await start()
          try {
            for (const adder of system.adders) {
              const { acknowledged, refused, lost, retries, versions } = await concurrentWrites(adder, 'concurrent')
              bench.row({ what: `${system.name}: ${adder.name}`, round, acknowledged, refused, lost, retries, versions })
            }
            const { killed, writes, failed, gapMs, usualGapMs } = await outageOf(system, afterMs)
            const what = `${system.name} (${system.promise}): SIGKILL of ${killed}`
            bench.row({ what, round, gap_ms: Math.round(gapMs), usual_gap_ms: Math.round(usualGapMs), writes, failed })
          } finally {
            await system.close()
          }
        } catch (error) {
          if (!(error instanceof PeerMissing)) throw error
          bench.row({ what: `left out: ${error.message}` })
          break
        }
      }
    }
  }
)
