import type { BucketProperties } from '../../actors/ring/bucket-table.ts'
import type { BucketReply, GossipMessage } from '../../actors/gossip/gossip-protocol.ts'
import { wireCodecs } from '../../actors/wire.ts'
import { addressOf, hostOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { codecRegistry, Writer } from '../../bus/codec.ts'
import { keyOfText, type Key, partitionOf, positionOf, systemKeysEnd } from '../../model/key.ts'
import { digestOf, encodeSiblings } from '../../model/siblings-codec.ts'
import { vnodeIdOf } from '../../model/version-vector.ts'
import type { ActorSpec, SupervisorSpec } from '../../runtime/actor.ts'
import { type ObserverArguments, ringObserver, type RingViews } from '../../simulation/ring-observer.ts'
import { type Machine, type SimulationOptions, SimulatedCluster } from '../../simulation/simulated-cluster.ts'

/** A record as a write by vnode (uid, epoch 900) would have left it. */
export function recordOf(uid: number, counter: number, bytes = 100): Uint8Array {
  const vnode = vnodeIdOf(uid, 900)
  const value = Buffer.alloc(bytes, counter % 251)
  return encodeSiblings({
    context: { vector: [vnode, counter], cloud: [] },
    versions: [{ vnode, counter, value, contentType: '', modifiedMs: counter, expiresMs: 0, tombstone: false }]
  })
}

export const keyAt = (index: number): Key => keyOfText('b', `key-${index}`)

/** Put a record on a machine's disk, as if it had been written while nobody looked; undefined: take it away. */
export function place(machine: Machine, key: Key, record: Uint8Array | undefined, partitions: number): void {
  machine.disk.write([{ partition: partitionOf(positionOf(key), partitions), key, record }])
  machine.disk.flush()
}

/** A cluster whose hosts have found each other, and lie still: to have its disks arranged before they start again. */
export function stoppedCluster(options: SimulationOptions): SimulatedCluster {
  const cluster = new SimulatedCluster(options)
  startAll(cluster)
  const { machines } = cluster
  const areAllUp = () =>
    machines.every(
      ({ saved }) => saved?.members.length === machines.length && saved.members.every(({ standing }) => standing === 'up')
    )
  if (!cluster.simulation.runUntil(areAllUp, 120_000, 500)) throw new Error('the hosts have not found each other')
  cluster.clock.run(cluster.clock.now() + 2_000)
  for (const { name } of machines) cluster.kill(name, false)
  return cluster
}

export function startAll(cluster: SimulatedCluster): void {
  for (const { name } of cluster.machines) cluster.start(name)
}

/** Users' keys of a machine, by the digests of their records. */
export function contentsOf(machine: Machine): Map<Key, number> {
  const contents = new Map<Key, number>()
  for (const partition of machine.disk.partitions()) {
    for (const [key, record] of machine.disk.pairs(partition) ?? []) if (key > systemKeysEnd) contents.set(key, digestOf(record))
  }
  return contents
}

export function areEqual(machines: readonly Machine[]): boolean {
  const [first, ...others] = machines.map(contentsOf)
  return others.every(other => other.size === first!.size && [...first!].every(([key, digest]) => other.get(key) === digest))
}

/** A counter over all threads that live. */
export function sumOf(cluster: SimulatedCluster, name: string): number {
  let sum = 0
  for (const machine of cluster.machines) {
    for (const { metrics } of cluster.host(machine.name).threads.values()) {
      for (const each of metrics.snapshot()) if (each.name === name) for (const { value } of each.series) sum += value
    }
  }
  return sum
}

/** Bytes of all that exchanges send between hosts from now on, as encoded, addresses included. */
export function exchangeTraffic(cluster: SimulatedCluster): { bytes: number; messages: number } {
  const traffic = { bytes: 0, messages: 0 }
  const codec = codecRegistry(wireCodecs)
  const writer = new Writer()
  cluster.simulation.watch(({ from, to, message, isArrival }) => {
    if (isArrival || from === undefined || hostOf(from) === hostOf(to.address)) return
    if (!`${from} ${to.address}`.includes('.exchange-')) return
    writer.clear()
    codec.write(message, writer)
    traffic.bytes += writer.position + to.address.length + (message.replyTo?.address.length ?? 0) + 32
    traffic.messages++
  })
  return traffic
}

/** What each host says of the ring from now on. */
export function watchRing(cluster: SimulatedCluster): RingViews {
  const views: RingViews = new Map()
  const args: ObserverArguments = { hosts: () => cluster.machines.map(({ name }) => name), views }
  cluster.client('observer', undefined).start(treeOf({ type: 'actor', name: 'observer', behaviour: ringObserver, args }))
  return views
}

/** Let the first host set a bucket's properties. */
export function setBucket(cluster: SimulatedCluster, bucket: string, properties: Partial<BucketProperties>): void {
  const system = cluster.client('operator', undefined)
  const to: Ref<GossipMessage> = {
    address: addressOf(threadAddressOf(cluster.machines[0]!.name, 'system'), 'gossip-agent'),
    correlation: 0,
    incarnation: 0
  }
  const replyTo: Ref<BucketReply> = { address: addressOf(system.thread, 'nobody'), correlation: 0, incarnation: 0 }
  system.send(to, { kind: 'set-bucket', bucket, properties, replyTo })
}

function treeOf(child: ActorSpec): SupervisorSpec {
  return { type: 'supervisor', name: 'root', strategy: 'one-for-one', intensity: 0, periodMs: 1_000, children: [child] }
}

export function crashesOf(cluster: SimulatedCluster): readonly string[] {
  return cluster.crashes.map(({ actor, error, stack }) => `${actor}: ${error} ${stack}`)
}
