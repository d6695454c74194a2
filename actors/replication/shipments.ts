import type { Ref } from '../../bus/bus.ts'
import type { Key } from '../../model/key.ts'
import { owedTagOf } from '../../model/owed.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import type { Counter, Metrics } from '../../runtime/metrics.ts'
import type { Context } from '../../runtime/actor.ts'
import type { CoordinatorMessage } from '../coordinator/coordinator-protocol.ts'
import type { StoreResources } from '../store-resources.ts'
import { type DatacenterView, type HostView, isReachable, type RingView, vnodeAddressOf } from '../ring/ring-view.ts'
import type { VnodeMessage } from '../vnode/vnode-protocol.ts'
import { coordinatorOfHost } from './datacenter-route.ts'
import type { AdoptAck, AdoptMessage, AdoptReply } from './adopt-protocol.ts'

type CoordinatorContext = Context<CoordinatorMessage, StoreResources>

/** Who waits for all datacenters: a write at `each_quorum`. */
export interface ShipmentWatcher {
  adopted(dc: string, acks: readonly AdoptAck[]): void
  /** It does not have it, as far as is known. */
  withheld(dc: string, why: string): void
}

/** A record that was minted, on its way to the other datacenters. */
interface Shipment {
  readonly key: Key
  readonly partition: number
  readonly digest: number
  readonly deadlineMs: number
  /** By slot; undefined: it has answered. */
  readonly to: (Leg | undefined)[]
  readonly minter: HostView
  readonly watcher: ShipmentWatcher | undefined
}

interface Leg {
  readonly dc: string
  readonly tag: number
  readonly host: string
}

/** What is more is left to the replication agent: the note says that it is missing. */
const shipmentsMax = 2_048
/** A shipment without an answer in this time is left to it as well. */
const shipMsMax = 2_000
/** So many in a row that did not arrive, and only one in `pausedShare` is tried, until one does. */
const failuresBeforePause = 16
const pausedShare = 64

/**
 * Sends what is minted here to the other datacenters at once, and settles the notes of what arrived. Nothing rests on it: whatever is not
 * answered stays noted, and is delivered by the replication agent. So it keeps no records and no timers, and a datacenter that is away costs
 * a write nothing but its note.
 */
export class Shipments {
  readonly #underWay = new Map<number, Shipment>()
  readonly #failures = new Map<string, number>()
  readonly #sent: Counter
  readonly #missed: Counter
  readonly #slots: number
  #tries = 0
  /** The datacenters that are, from the ring of now. */
  #others: readonly DatacenterView[] = []
  #tags: readonly number[] | undefined

  /** @param slots an id and a slot share one correlation: id × slots + slot */
  constructor(metrics: Metrics, slots: number) {
    this.#slots = slots
    this.#sent = metrics.counter('shipments_total', 'Writes sent to another datacenter as they were made', { outcome: 'adopted' })
    this.#missed = metrics.counter('shipments_total', 'Writes sent to another datacenter as they were made', {
      outcome: 'missed'
    })
    metrics.observe('shipments_in_flight', 'Writes on their way to other datacenters', () => this.#underWay.size)
  }

  takeRing({ others = [] }: RingView): void {
    this.#others = others
    this.#tags = others.length === 0 ? undefined : others.map(({ dc }) => owedTagOf(dc))
  }

  /** What a vnode that mints is to note; undefined: nothing. */
  get tags(): readonly number[] | undefined {
    return this.#tags
  }

  get others(): readonly DatacenterView[] {
    return this.#others
  }

  /**
   * @param id of the write: no other one has it
   * @param minter host whose vnode has noted it
   */
  ship(
    id: number,
    what: { readonly key: Key; readonly partition: number; readonly siblings: Uint8Array; readonly deadlineMs: number },
    minter: HostView,
    watcher: ShipmentWatcher | undefined,
    context: CoordinatorContext
  ): void {
    this.expire(context)
    const { key, partition, siblings } = what
    const isFull = this.#underWay.size >= shipmentsMax
    const to = this.#others.map((other, slot): Leg | undefined => {
      if (watcher === undefined && (isFull || this.#isPaused(other.dc))) return undefined
      const host = hostFor(other, partition, id)
      if (host === undefined) {
        watcher?.withheld(other.dc, 'no host of it can be reached')
        return undefined
      }
      const replyTo = context.replyRef<AdoptReply>(id * this.#slots + slot)
      context.send<AdoptMessage>(coordinatorOfHost(host, partition), { kind: 'adopt', key, siblings, replyTo }, shipMsMax)
      return { dc: other.dc, tag: this.#tags![slot]!, host: host.name }
    })
    if (to.every(leg => leg === undefined)) return
    const deadlineMs = Math.min(what.deadlineMs, context.now() + shipMsMax)
    this.#underWay.set(id, { key, partition, digest: digestOf(siblings), deadlineMs, to, minter, watcher })
  }

  replied(correlation: number, reply: AdoptReply, context: CoordinatorContext): void {
    const id = Math.floor(correlation / this.#slots)
    const shipment = this.#underWay.get(id)
    const leg = shipment?.to[correlation % this.#slots]
    if (shipment === undefined || leg === undefined) return
    if (reply.kind === 'not-adopted') return this.#miss(id, shipment, correlation % this.#slots, reply.fault.detail)
    this.#failures.delete(leg.dc)
    this.#sent.add()
    const { key, partition, digest, minter } = shipment
    const vnode: Ref<VnodeMessage> = { address: vnodeAddressOf(minter, partition), correlation: 0, incarnation: 0 }
    context.signal(vnode, { kind: 'owed-delivered', tag: leg.tag, key, digest })
    this.#drop(id, shipment, correlation % this.#slots)
    shipment.watcher?.adopted(leg.dc, reply.acks)
  }

  /** It was not taken by whomever it was for. @returns whether the correlation is a shipment's */
  undelivered(correlation: number, why: string): boolean {
    const id = Math.floor(correlation / this.#slots)
    const shipment = this.#underWay.get(id)
    if (shipment?.to[correlation % this.#slots] === undefined) return false
    this.#miss(id, shipment, correlation % this.#slots, why)
    return true
  }

  unreachable(thread: string): void {
    for (const [id, shipment] of this.#underWay) {
      for (const [slot, leg] of shipment.to.entries())
        if (leg !== undefined && thread.startsWith(`${leg.host}.`))
          this.#miss(id, shipment, slot, `${leg.host} cannot be reached`)
    }
  }

  /** Those whose time is up; they are in the order of their time, but for some with less, which wait a little longer. */
  expire(context: CoordinatorContext): void {
    const nowMs = context.now()
    for (const [id, shipment] of this.#underWay) {
      if (shipment.deadlineMs > nowMs) return
      for (const [slot, leg] of shipment.to.entries())
        if (leg !== undefined) this.#miss(id, shipment, slot, `${leg.host} has not answered in time`)
    }
  }

  #isPaused(dc: string): boolean {
    return (this.#failures.get(dc) ?? 0) >= failuresBeforePause && ++this.#tries % pausedShare !== 0
  }

  #miss(id: number, shipment: Shipment, slot: number, why: string): void {
    const { dc } = shipment.to[slot]!
    this.#failures.set(dc, (this.#failures.get(dc) ?? 0) + 1)
    this.#missed.add()
    this.#drop(id, shipment, slot)
    shipment.watcher?.withheld(dc, why)
  }

  #drop(id: number, shipment: Shipment, slot: number): void {
    shipment.to[slot] = undefined
    if (shipment.to.every(leg => leg === undefined)) this.#underWay.delete(id)
  }
}

/** An owner there that can be reached, another one for each write; else anybody who can give it to the owners. */
function hostFor({ hosts, owners }: DatacenterView, partition: number, turn: number): HostView | undefined {
  const own = owners[partition] ?? []
  for (let step = 0; step < own.length; step++) {
    const host = hosts[own[(turn + step) % own.length]!]
    if (host !== undefined && isReachable(host) && host.isDirect) return host
  }
  return own.length === 0 ? undefined : hosts.find(host => host.state === 'up' && host.isDirect)
}
