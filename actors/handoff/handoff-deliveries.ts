import type { Ref } from '../../bus/bus.ts'
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { Context } from '../../runtime/actor.ts'
import { type HostView, vnodeAddressOf } from '../ring/ring-view.ts'
import type { Resolver, VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'

type DeliveryContext = Pick<Context, 'now' | 'random' | 'send' | 'replyRef' | 'correlation'>

/** One hint on its way. */
export interface Delivery {
  readonly partition: number
  readonly key: Key
  readonly siblings: Uint8Array
  readonly digest: number
  readonly resolver: Resolver
  /** Hosts that are to have it; undefined in the place of one that does. */
  readonly left: (HostView | undefined)[]
  attempt: number
  sentMs: number
}

/** A hint without an answer in this time stays for a later run. */
export const attemptMs = 5_000
/** Part of a second's pace that may leave at once. */
const burstMs = 100
const attemptsMax = 6
const pauseMsMax = 2_000
/** More than the replicas one hint may go to, since each answers under a number of its own. */
const hostsPerHint = 64
/** Replies with a lower number are none to a delivery: they are the agent's own, threads' among them. */
export const deliveriesFrom = 16 * hostsPerHint

/**
 * The hints of one handoff that wait or are on their way: so many at once, at a pace, and with a rest where the target has more than it
 * can do. None is forgotten before all that are to have it have flushed it.
 */
export class HandoffDeliveries {
  readonly figures = { hints: 0, bytes: 0, failed: 0 }
  readonly #waiting: Delivery[] = []
  readonly #underWay = new Map<number, Delivery>()
  #nextId = deliveriesFrom / hostsPerHint + 1
  /** Nothing is sent before: the pace, or the target has more than it can do. */
  #pausedUntilMs = 0
  #pauses = 0

  get waiting(): number {
    return this.#waiting.length
  }

  get underWay(): number {
    return this.#underWay.size
  }

  /** A number for a question of the agent's own that no delivery has. */
  takeCorrelation(): number {
    return this.#nextId++ * hostsPerHint
  }

  add(delivery: Delivery): void {
    this.#waiting.push(delivery)
  }

  /** Send what may be sent now. */
  proceed(context: DeliveryContext): void {
    const nowMs = context.now()
    while (this.#waiting.length > 0 && this.#underWay.size < limits.handoffInFlightMax && this.#pausedUntilMs <= nowMs) {
      this.#give(this.#waiting.shift() as Delivery, nowMs, context)
    }
  }

  /** @returns the one under way of which this was the last answer that was missing; undefined: there is none */
  arrived(context: DeliveryContext): Delivery | undefined {
    const id = idOf(context)
    const delivery = this.#underWay.get(id)
    if (delivery === undefined) return undefined
    this.#pauses = 0
    delivery.left[context.correlation % hostsPerHint] = undefined
    if (delivery.left.some(host => host !== undefined)) return undefined
    this.#underWay.delete(id)
    this.figures.hints++
    return delivery
  }

  /** The target has more than it can do: rest a while, longer each time, then give it the same once more. */
  postpone(context: DeliveryContext): void {
    const id = idOf(context)
    const delivery = this.#underWay.get(id)
    if (delivery === undefined) return
    if (delivery.attempt >= attemptsMax) return this.#fail(id)
    this.#underWay.delete(id)
    this.#waiting.unshift(delivery)
    const restMs = Math.min(pauseMsMax, 50 * 2 ** Math.min(this.#pauses++, 10)) * (0.5 + context.random() / 2)
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, context.now() + restMs)
  }

  /** The hint stays where it is, and is delivered by a later run. */
  failed(context: DeliveryContext): void {
    this.#fail(idOf(context))
  }

  failWhere(isHopeless: (delivery: Delivery) => boolean): void {
    for (const [id, delivery] of this.#underWay) if (isHopeless(delivery)) this.#fail(id)
  }

  #fail(id: number): void {
    if (this.#underWay.delete(id)) this.figures.failed++
  }

  #give(delivery: Delivery, nowMs: number, context: DeliveryContext): void {
    const id = this.#nextId++
    const { key, partition, siblings, resolver } = delivery
    delivery.attempt++
    delivery.sentMs = nowMs
    this.#underWay.set(id, delivery)
    for (const [slot, host] of delivery.left.entries()) {
      if (host === undefined) continue
      const replyTo = context.replyRef<VnodeReply>(id * hostsPerHint + slot)
      const to: Ref<VnodeMessage> = { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 }
      context.send<VnodeMessage>(to, { kind: 'replicate', key, siblings, resolver, durability: 'flushed', replyTo }, attemptMs)
      this.figures.bytes += siblings.length
      const restMs = (siblings.length * 1_000) / limits.handoffBytesPerSecond
      this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs - burstMs) + restMs
    }
  }
}

function idOf({ correlation }: DeliveryContext): number {
  return Math.floor(correlation / hostsPerHint)
}
