import { NatsAsker } from '../../api/bench/nats-asker.ts'
import { kvBucket } from '../../api/bench/nats-kv-target.ts'
import { leaderOf, natsKvRecipe, natsServerPath, urlOf } from '../../deploy/bench-nats-kv.ts'
import { startPeer } from '../../deploy/bench-replicas.ts'
import { inTime, type ReplicatedSystem } from './system.ts'

const servers = 3
const refusal = '{"error"'

export function startNatsKvSystem(): Promise<ReplicatedSystem> {
  return startPeer(
    natsKvRecipe(natsServerPath(), async (ports, running) => {
      const leader = await leaderOf(ports, running)
      // Connected to one that stays, so that what is measured is the stream's leader, and not how soon a client connects anew.
      const asker = await NatsAsker.connect({ servers: [urlOf(ports[(leader + 1) % servers]!)] })
      return {
        name: 'nats-kv (JetStream), single leader',
        promise: 'a majority, before fsync',
        async put(key, value) {
          const { data } = await inTime(asker.ask(`$KV.${kvBucket}.${key}`, value))
          if (Buffer.from(data.subarray(0, refusal.length)).toString() === refusal) throw new Error('refused')
        },
        async kill() {
          process.kill(running.processes()[leader]!.pid, 'SIGKILL')
          return 'the stream’s leader'
        },
        adders: [],
        async close() {
          await asker.close()
          await running.stop()
        }
      }
    }),
    undefined
  )
}
