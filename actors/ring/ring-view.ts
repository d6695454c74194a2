import type { Address, ThreadAddress } from '../../bus/bus.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import type { HostState, Standing } from '../../model/membership.ts'

/** What a thread has to know of a host to reach its vnodes. */
export interface HostView {
  readonly name: string
  readonly uid: number
  readonly incarnation: number
  readonly state: HostState
  /** Where it stands with the ring, suspected or not. */
  readonly standing: Standing
  readonly dc: string
  readonly zone: string
  readonly weight: number
  /** Data threads: partition p lives on thread `data-(p mod threads)`. */
  readonly threads: number
  readonly pid: number
  readonly http: string
  readonly nats: string
  readonly version: string
  /** It was away not long ago and may lack writes: reads ask it besides, so that they mend it. */
  readonly isBack: boolean
  /**
   * Whether this host reaches it by itself. false: it lives, as others vouch, but what this host sends it is not answered, so that
   * coordinators here do well to ask others first.
   */
  readonly isDirect: boolean
  /** It has lost its data, and another self joins in its place: there is nobody to read from. */
  readonly isReplaced: boolean
  /** An operator has declared it dead: it leaves the ring, and there is nobody to read from. */
  readonly isRemoving: boolean
  /** Epoch of the membership by whose ring all its data threads write. */
  readonly seen: string
  /** For which future ring it has its data: see `arrivalOf`. */
  readonly arrived: string
  /** It has come, and is not told to join yet: nobody's owner, and nobody waits for it. */
  readonly isWaiting?: boolean
}

/**
 * The ring as the ring keeper hands it to threads and clients: plain values, so that it travels as it is.
 * `owners` are indices into `hosts`, preference order; `future` holds them as they will be once the host that joins or leaves now has
 * done so, and is empty where none does.
 */
export interface RingView {
  readonly cluster: string
  /** Hash of the membership it follows from, as 8 hex digits. Equal membership, equal ring. */
  readonly epoch: string
  /** Names this view: other than the epoch it changes with the hosts' states, too. */
  readonly revision: string
  readonly partitions: number
  /** Default replicas of a key, N. */
  readonly replicas: number
  readonly hosts: readonly HostView[]
  readonly owners: readonly (readonly number[])[]
  readonly future: readonly (readonly number[])[]
  /** Uid of the host that joins, leaves or is removed now; 0 where none does. */
  readonly moving: number
  /** While a plan is carried out: how fast each host may fetch what it gains. */
  readonly pace?: TransferPace | undefined
  /** The other datacenters, by name; left out where there are none. What stands above is of this host's own. */
  readonly others?: readonly DatacenterView[]
  /** Datacenters that were removed, by name; left out where there are none. */
  readonly gone?: readonly string[]
}

/** What an operator allows the change that is under way. */
export interface TransferPace {
  readonly isPaused: boolean
  /** Of each host that fetches; 0: no limit. */
  readonly bytesPerSecond: number
}

/** Another datacenter as seen from here: its ring is its own, over the same partitions. */
export interface DatacenterView {
  readonly dc: string
  /** Of its membership, as this host knows it. */
  readonly epoch: string
  readonly hosts: readonly HostView[]
  /** Indices into its `hosts`. All empty where nobody there has data yet. */
  readonly owners: readonly (readonly number[])[]
  /** Whether some host joins, leaves or is removed there. */
  readonly isMoving: boolean
}

/** All hosts that are known, those of this host's datacenter first. */
export function hostsOfAll({ hosts, others = [] }: Pick<RingView, 'hosts' | 'others'>): readonly HostView[] {
  return others.length === 0 ? hosts : [...hosts, ...others.flatMap(other => other.hosts)]
}

/** Whether a host is worth asking now. A hint: requests have deadlines all the same. */
export function isReachable(host: Pick<HostView, 'state'>): boolean {
  return host.state === 'up' || host.state === 'leaving' || host.state === 'joining'
}

export function dataThreadOf(host: HostView, partition: number): string {
  return `data-${partition % host.threads}`
}

/** Whether `thread`, of that host, is the one that has the partition; asked for each request, so without making its address. */
export function isDataThreadOf(host: HostView, partition: number, thread: ThreadAddress): boolean {
  const wanted = partition % host.threads
  const at = host.name.length + 1
  // its number may be written in one way only
  return wanted < 10
    ? thread.length === at + 6 && thread.charCodeAt(at + 5) === 48 + wanted && thread.startsWith('data-', at)
    : thread.slice(at) === dataThreadOf(host, partition)
}

export function vnodeNameOf(partition: number): string {
  return `vnode-${partition}`
}

export function vnodeAddressOf(host: HostView, partition: number): Address {
  return addressOf(threadAddressOf(host.name, dataThreadOf(host, partition)), vnodeNameOf(partition))
}

export function coordinatorAddressOf(host: HostView, partition: number): Address {
  return addressOf(threadAddressOf(host.name, dataThreadOf(host, partition)), 'coordinator')
}
