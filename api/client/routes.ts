import { coordinatorAddressOf, dataThreadOf, isReachable, type HostView, type RingView } from '../../actors/ring/ring-view.ts'
import { threadAddressOf, type Ref, type ThreadAddress } from '../../bus/bus.ts'

/** How long a coordinator that did not answer is avoided at first, and at most; doubled each time it fails again. */
const penaltyMsMin = 1_000
const penaltyMsMax = 8_000

/** A data thread's coordinator, and what the client remembers of it. */
export class Coordinator {
  readonly thread: ThreadAddress
  readonly host: string
  readonly to: Ref
  /** What the ring says. */
  reachable: boolean
  /** Also from the ring: it has all its data, and has had it for a while. */
  isSettled: boolean
  /** Number of the last flush with which something left for it. */
  lastFlush = 0
  /** 0: in good standing. */
  avoidedUntilMs = 0
  #penaltyMs = penaltyMsMin

  constructor(host: HostView, partition: number) {
    this.thread = threadAddressOf(host.name, dataThreadOf(host, partition))
    this.host = host.name
    this.to = Object.freeze({ address: coordinatorAddressOf(host, partition), correlation: 0, incarnation: 0 })
    this.reachable = isReachable(host)
    this.isSettled = !host.isBack && !host.isReplaced
  }

  /** It did not answer: prefer others for a while. Requests that fail together count once. */
  penalise(nowMs: number): void {
    if (this.avoidedUntilMs > nowMs) return
    this.#penaltyMs = this.avoidedUntilMs === 0 ? penaltyMsMin : Math.min(this.#penaltyMs * 2, penaltyMsMax)
    this.avoidedUntilMs = nowMs + this.#penaltyMs
  }

  answered(): void {
    this.avoidedUntilMs = 0
  }

  /** Whether to ask it. After its penalty one request tries it, while the others go on avoiding it until it has answered. */
  takes(nowMs: number): boolean {
    if (!this.reachable) return false
    if (this.avoidedUntilMs === 0) return true
    if (this.avoidedUntilMs > nowMs) return false
    this.avoidedUntilMs = nowMs + this.#penaltyMs
    return true
  }
}

/** Which coordinator to ask for a partition, by one view of the ring. */
export class Routes {
  readonly view: RingView
  readonly #coordinators: Map<ThreadAddress, Coordinator>
  readonly #byPartition: (readonly Coordinator[] | undefined)[]
  readonly #preferredHost: string | undefined
  #turn = 0

  /**
   * @param before the routes by an earlier view: what is known of its coordinators is kept
   * @param preferredHost asked wherever it is an owner
   */
  constructor(view: RingView, before: Routes | undefined, preferredHost: string | undefined) {
    this.view = view
    this.#preferredHost = preferredHost
    this.#byPartition = new Array<readonly Coordinator[] | undefined>(view.partitions).fill(undefined)
    this.#coordinators = new Map()
    for (const host of view.hosts) {
      for (let thread = 0; thread < host.threads; thread += 1) {
        const fresh = new Coordinator(host, thread)
        const known = before?.coordinator(fresh.thread)
        if (known !== undefined) {
          known.reachable = fresh.reachable
          known.isSettled = fresh.isSettled
        }
        this.#coordinators.set(fresh.thread, known ?? fresh)
      }
    }
  }

  coordinator(thread: ThreadAddress): Coordinator | undefined {
    return this.#coordinators.get(thread)
  }

  /**
   * @param inOrder the first owner that can be asked; else the owners take turns
   * @param failed one that failed the same request: asked again only where there is no other
   * @returns an owner in good standing; else any owner, then any host, that the ring holds for reachable; undefined where there is none
   */
  pick(partition: number, nowMs: number, inOrder: boolean, failed: Coordinator | undefined): Coordinator | undefined {
    const owners = this.#byPartition[partition] ?? this.#learn(partition)
    const count = owners.length
    let turn = 0
    if (!inOrder) {
      if (this.#preferredHost !== undefined) {
        for (const owner of owners) if (owner.host === this.#preferredHost && owner !== failed && owner.takes(nowMs)) return owner
      }
      this.#turn = (this.#turn + 1) & 0xffff
      turn = this.#turn
    }
    for (let step = 0; step < count; step += 1) {
      const owner = owners[(turn + step) % count]!
      if (owner !== failed && owner.takes(nowMs)) return owner
    }
    for (const owner of owners) if (owner !== failed && owner.reachable) return owner
    return this.#anyOther(partition, owners, failed) ?? (failed?.reachable === true ? failed : undefined)
  }

  /**
   * Owners to be asked by the client itself, taking turns.
   * @returns `count` of them; undefined where fewer are in good standing, or one was away not long ago
   */
  owners(partition: number, count: number): Coordinator[] | undefined {
    const owners = this.#byPartition[partition] ?? this.#learn(partition)
    this.#turn = (this.#turn + 1) & 0xffff
    const chosen: Coordinator[] = []
    for (let step = 0; step < owners.length; step += 1) {
      const owner = owners[(this.#turn + step) % owners.length]!
      if (!owner.isSettled) return undefined
      if (chosen.length < count && owner.reachable && owner.avoidedUntilMs === 0) chosen.push(owner)
    }
    return chosen.length === count ? chosen : undefined
  }

  /** One more owner in good standing; undefined: there is none. */
  anotherOwner(partition: number, asked: readonly Coordinator[]): Coordinator | undefined {
    const owners = this.#byPartition[partition] ?? this.#learn(partition)
    return owners.find(owner => owner.reachable && owner.avoidedUntilMs === 0 && !asked.includes(owner))
  }

  /** A host that owns nothing of the partition passes the request on. */
  #anyOther(partition: number, owners: readonly Coordinator[], failed: Coordinator | undefined): Coordinator | undefined {
    const { hosts } = this.view
    for (let step = 0; step < hosts.length; step += 1) {
      const other = this.#coordinatorOf(hosts[(this.#turn + step) % hosts.length]!, partition)
      if (other !== failed && other.reachable && !owners.includes(other)) return other
    }
    return undefined
  }

  #learn(partition: number): readonly Coordinator[] {
    const owners: Coordinator[] = []
    for (const index of this.view.owners[partition] ?? []) {
      const host = this.view.hosts[index]
      if (host !== undefined) owners.push(this.#coordinatorOf(host, partition))
    }
    this.#byPartition[partition] = owners
    return owners
  }

  #coordinatorOf(host: HostView, partition: number): Coordinator {
    return this.#coordinators.get(threadAddressOf(host.name, dataThreadOf(host, partition)))!
  }
}
