import { addressOf, type Ref, threadAddressOf } from '../bus/bus.ts'
import { type HostView, isReachable, type RingView, vnodeAddressOf } from './ring-view.ts'
import type { CoordinatorMessage } from './coordinator-protocol.ts'
import type { VnodeMessage } from './vnode-protocol.ts'

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

  #setOf(partition: number, n: number): ReplicaSet {
    const { owners, future } = this.view
    const present = preferenceOf(owners, partition, n)
    const coming = future.length === 0 ? [] : preferenceOf(future, partition, n)
    const isMoving = coming.some(index => !present.includes(index))
    const replicas: Replica[] = []
    for (const index of isMoving ? [...present, ...coming.filter(index => !present.includes(index))] : present) {
      const host = this.view.hosts[index]
      if (host === undefined) throw new RangeError(`the ring names host ${index}, there are ${this.view.hosts.length}`)
      replicas.push({
        host,
        vnode: { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 },
        isSelf: host === this.self,
        isReachable: host === this.self || isReachable(host),
        isPresent: present.includes(index),
        isFuture: isMoving && coming.includes(index)
      })
    }
    return {
      replicas,
      present: present.length,
      future: isMoving ? coming.length : 0,
      selfSlot: replicas.findIndex(replica => replica.isSelf)
    }
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
