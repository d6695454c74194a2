import { addressOf, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { quorumOf } from '../../model/quorum.ts'
import { type HostView, isReachable, type RingView, vnodeAddressOf } from './ring-view.ts'
import type { CoordinatorMessage } from '../coordinator/coordinator-protocol.ts'
import type { VnodeMessage } from '../vnode/vnode-protocol.ts'

/** One host that should hold a key. */
export interface Replica {
  readonly host: HostView
  readonly vnode: Ref<VnodeMessage>
  readonly isSelf: boolean
  readonly isReachable: boolean
  /** Owns the partition now: reads and W count it. */
  readonly isPresent: boolean
  /** Will own the partition once joining hosts have their data: writes have to reach a quorum of these, too. */
  readonly isFuture: boolean
  /** Owns nothing here: it stands in for an owner that is away. */
  readonly isFallback: boolean
}

export interface ReplicaSet {
  /** Preference order; those that only join come last. */
  readonly replicas: readonly Replica[]
  /** Owners now: N, or the number of hosts where the cluster is smaller. */
  readonly present: number
  /** Owners to be; 0 where nothing moves. */
  readonly future: number
  /** Which of `replicas` is this host; −1: none. */
  readonly selfSlot: number
  /** Whether the cluster has hosts beyond these at all. */
  readonly mayFallBack: boolean
  /**
   * The reachable hosts beyond the preference list, distinct, in the order of the ring; worked out when they are first needed.
   * @see DeCandia et al., Dynamo (SOSP 2007), section 4.6
   */
  readonly fallbacks: readonly Replica[]
}

/** A ring as one host looks at it: preference lists with the addresses of vnodes, worked out once for each partition. */
export class RingIndex {
  readonly view: RingView
  readonly self: HostView | undefined
  readonly #sets: (ReplicaSet | undefined)[] = []
  readonly #setsOfOtherN = new Map<string, ReplicaSet>()

  constructor(view: RingView, self: string) {
    this.view = view
    this.self = view.hosts.find(host => host.name === self)
  }

  /** @param n replicas that the key's bucket asks for */
  replicasOf(partition: number, n: number): ReplicaSet {
    if (n === this.view.replicas) return (this.#sets[partition] ??= this.#setOf(partition, n))
    const id = `${partition}/${n}`
    let set = this.#setsOfOtherN.get(id)
    if (set === undefined) this.#setsOfOtherN.set(id, (set = this.#setOf(partition, n)))
    return set
  }

  coordinatorOf(host: HostView, partition: number): Ref<CoordinatorMessage> {
    return {
      address: addressOf(threadAddressOf(host.name, `data-${partition % host.threads}`), 'coordinator'),
      correlation: 0,
      incarnation: 0
    }
  }

  fallbacksOf(partition: number, replicas: readonly Replica[]): readonly Replica[] {
    const fallbacks: Replica[] = []
    for (const index of preferenceOf(this.view.owners, partition, this.view.hosts.length)) {
      const host = this.view.hosts[index]
      if (host === undefined || replicas.some(replica => replica.host === host)) continue
      const fallback = this.#replicaOf(host, partition, false, false)
      if (fallback.isReachable) fallbacks.push(fallback)
    }
    return fallbacks
  }

  #replicaOf(host: HostView, partition: number, isPresent: boolean, isFuture: boolean): Replica {
    const isSelf = host === this.self
    return {
      host,
      vnode: { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 },
      isSelf,
      // One that only others reach is as good as away from here.
      isReachable: isSelf || (isReachable(host) && host.isDirect),
      isPresent,
      isFuture,
      isFallback: !isPresent && !isFuture
    }
  }

  #setOf(partition: number, n: number): ReplicaSet {
    const { owners, future } = this.view
    const present = preferenceOf(owners, partition, n)
    const coming = future.length === 0 ? [] : preferenceOf(future, partition, n)
    const isMoving = coming.some(index => !present.includes(index))
    const replicas: Replica[] = []
    for (const index of isMoving ? [...present, ...coming.filter(index => !present.includes(index))] : present) {
      const host = this.view.hosts[index]
      if (host === undefined) throw new RangeError(`the ring names host ${index}, there are ${this.view.hosts.length}`)
      replicas.push(this.#replicaOf(host, partition, present.includes(index), isMoving && coming.includes(index)))
    }
    const hasOthers = this.view.hosts.length > replicas.length
    const asked = hasOthers ? replicas : withSuspects(replicas, present.length)
    return new PartitionReplicas(this, partition, asked, present.length, isMoving ? coming.length : 0)
  }
}

/**
 * Where nobody could stand in and a majority of the owners seems away, those that are only suspected are asked all the same: a host
 * whose system thread is being replaced is silent, and serves.
 */
function withSuspects(replicas: readonly Replica[], present: number): readonly Replica[] {
  const reachable = replicas.filter(replica => replica.isPresent && replica.isReachable).length
  if (reachable >= quorumOf(present)) return replicas
  return replicas.map(replica => (replica.host.state === 'suspect' ? { ...replica, isReachable: true } : replica))
}

class PartitionReplicas implements ReplicaSet {
  readonly replicas: readonly Replica[]
  readonly present: number
  readonly future: number
  readonly selfSlot: number
  readonly mayFallBack: boolean
  readonly #ring: RingIndex
  readonly #partition: number
  #fallbacks: readonly Replica[] | undefined

  constructor(ring: RingIndex, partition: number, replicas: readonly Replica[], present: number, future: number) {
    this.replicas = replicas
    this.present = present
    this.future = future
    this.selfSlot = replicas.findIndex(replica => replica.isSelf)
    this.mayFallBack = ring.view.hosts.length > replicas.length
    this.#ring = ring
    this.#partition = partition
  }

  get fallbacks(): readonly Replica[] {
    return (this.#fallbacks ??= this.#ring.fallbacksOf(this.#partition, this.replicas))
  }
}

/** The first `n` distinct hosts from `partition` on, clockwise: its own preference list, then those of the partitions behind it. */
export function preferenceOf(owners: readonly (readonly number[])[], partition: number, n: number): readonly number[] {
  const own = owners[partition] ?? []
  if (own.length >= n) return own.slice(0, n)
  const list = [...own]
  for (let step = 1; step < owners.length && list.length < n; step++) {
    for (const index of owners[(partition + step) % owners.length] ?? []) {
      if (list.length < n && !list.includes(index)) list.push(index)
    }
  }
  return list
}

/** Partitions of which `host` holds or will hold a replica. */
export function partitionsOf(view: RingView, host: string, replicas: number): number[] {
  const index = view.hosts.findIndex(candidate => candidate.name === host)
  const partitions: number[] = []
  for (let partition = 0; partition < view.partitions; partition++) {
    const owns = preferenceOf(view.owners, partition, replicas).includes(index)
    const comes = view.future.length > 0 && preferenceOf(view.future, partition, replicas).includes(index)
    if (owns || comes) partitions.push(partition)
  }
  return partitions
}
