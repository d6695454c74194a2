import type { OpenTarget } from '../api/bench/target.ts'
import { startEtcd } from './bench-etcd.ts'
import type { PeerName } from './bench-peer-names.ts'
import { startNatsKv } from './bench-nats-kv.ts'
import { startDynomite, startRedis } from './bench-redis.ts'

/** What can be measured beside this store, by the name that `--peers` takes. */
export const peers = Object.freeze({
  redis: startRedis,
  etcd: startEtcd,
  'nats-kv': startNatsKv,
  dynomite: startDynomite
} satisfies Record<PeerName, OpenTarget>)
