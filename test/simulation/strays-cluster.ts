import { strayAgent } from '../../actors/handoff/stray-agent.ts'
import { preferenceOf } from '../../actors/ring/ring-index.ts'
import type { WorkBehaviours } from '../../actors/work/work-keeper.ts'
import type { RingView } from '../../actors/ring/ring-view.ts'
import { type Key, partitionOf, positionOf, systemKeysEnd } from '../../model/key.ts'
import type { RingViews } from '../../simulation/ring-observer.ts'
import type { Machine, SimulatedCluster } from '../../simulation/simulated-cluster.ts'
import { AskingClient } from './asking-client.ts'
import { keyAt, place, recordOf, stoppedCluster, watchRing } from './exchange-cluster.ts'

export const partitions = 16
export const replicas = 3
export const keys = Array.from({ length: 80 }, (_, index) => keyAt(index))

/** Users' keys on a machine's disk, in partitions that its host does not own. */
export function straysOf({ name, disk }: Machine, view: RingView): Key[] {
  const self = view.hosts.findIndex(host => host.name === name)
  return disk
    .partitions()
    .filter(partition => !preferenceOf(view.owners, partition, replicas).includes(self))
    .flatMap(partition => [...(disk.pairs(partition)?.keys() ?? [])].filter(key => key > systemKeysEnd))
}

export function ownersOf(key: Key, view: RingView): string[] {
  const owners = preferenceOf(view.owners, partitionOf(positionOf(key), partitions), replicas)
  return owners.map(index => view.hosts[index]!.name)
}

export interface Joined {
  readonly cluster: SimulatedCluster
  readonly client: AskingClient
  /** After the move. */
  readonly view: RingView
  readonly views: RingViews
}

/**
 * Three hosts that hold all keys, and a fourth that has just joined them. What arrives, the join or the clearing has brought, unless
 * other work is wanted.
 */
export function joined(
  seed: number,
  arrange: (cluster: SimulatedCluster) => void = () => {},
  workBehaviours: WorkBehaviours = { clear: strayAgent }
): Joined {
  const cluster = stoppedCluster({ seed, hosts: 3, partitions, workBehaviours })
  for (const machine of cluster.machines) {
    for (const [index, key] of keys.entries()) place(machine, key, recordOf(7, index + 1), partitions)
  }
  arrange(cluster)
  const newcomer = cluster.add()
  for (const { name } of cluster.machines) cluster.start(name)
  const views = watchRing(cluster)
  const isUp = () => newcomer.saved?.members.find(({ uid }) => uid === newcomer.uid)?.standing === 'up'
  if (!cluster.simulation.runUntil(isUp, 120_000, 100)) throw new Error('it has not joined')
  cluster.clock.run(cluster.clock.now() + 2_000)
  const view = views.get('h1')
  if (view === undefined || view.future.length > 0) throw new Error('the ring has not moved')
  return { cluster, client: new AskingClient(cluster, partitions), view, views }
}

export function strayCount({ cluster, view }: Joined): number {
  return cluster.machines.reduce((sum, machine) => sum + straysOf(machine, view).length, 0)
}
