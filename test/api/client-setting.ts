import type { StoreError } from '../../api/client/errors.ts'
import { EventQueue } from '../../api/client/event-queue.ts'
import { Store, type StorePorts } from '../../api/client/store.ts'
import type { StoreEvent } from '../../api/client/watch.ts'
import { Coordinators, ringOf, type Answering } from './client-coordinators.ts'
import { OneReplica } from './client-one-replica.ts'

const hosts = ['a', 'b', 'c']
export const view = ringOf(hosts)

/** A store as applications have it, on coordinators in memory that answer as told; by default as a store of one replica. */
export function setting(ports: Partial<StorePorts> = {}, answering?: Answering) {
  const replica = new OneReplica(view.epoch)
  const cluster = new Coordinators(hosts, answering ?? replica.answer)
  const core = cluster.core({ view })
  const store = new Store(
    {
      core,
      clock: cluster.clock,
      random: () => 0.5,
      admin: () => Promise.reject(new Error('nothing is asked of administration here')),
      watch: () => new EventQueue<StoreEvent>(1, () => {}),
      close: () => core.close(),
      ...ports
    },
    { timeoutMs: 2_000, pairBytesMax: 10_240, inFlightMax: 16 }
  )
  const run = <T>(promise: Promise<T>) => cluster.settle(promise)
  const fails = (promise: Promise<unknown>) =>
    run(
      promise.then(
        () => {
          throw new Error('it was not rejected')
        },
        error => error as StoreError
      )
    )
  return { replica, cluster, core, store, run, fails }
}
