import type { UndeliveredReason } from '../../bus/bus.ts'
import type { Fault } from '../../model/fault.ts'
import { type Floor, type FloorAnswer, withoutPurged } from '../../model/floor.ts'
import type { Key } from '../../model/key.ts'
import { Quorum } from '../../model/quorum.ts'
import { emptySiblings, merge, relation, resolveLastWriteWins, type Siblings } from '../../model/siblings.ts'
import { decodeSiblings, digestOf, encodeSiblings } from '../../model/siblings-codec.ts'
import {
  type CoordinatorContext,
  type CoordinatorState,
  budgetOf,
  correlationOf,
  end,
  noteAnswer,
  type Operation,
  quorumFault,
  slotsMax,
  timeoutFault
} from './coordinator-state.ts'
import type { Replica, ReplicaSet } from '../ring/ring-index.ts'
import type { Resolver, VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'

/** Who wants to know what a quorum says: a client, or a write that depends on it. */
export interface GetConsumer {
  got(result: GetResult, state: CoordinatorState, context: CoordinatorContext): void
  refused(why: Fault, state: CoordinatorState, context: CoordinatorContext): void
}

export interface GetResult {
  /** Canonical bytes; empty where no replica that answered knows the key. */
  readonly siblings: Uint8Array
  readonly answered: readonly Replica[]
  readonly needed: number
  /** How many of those that answered are owners. */
  readonly primaries: number
  /** When the last answer came that was needed. */
  readonly atMs: number
  /** How long the replica took that gave it: less than the whole read where it was asked since others were slow. */
  readonly replyMs: number
}

export interface GetPlan {
  readonly id: number
  readonly key: Key
  readonly set: ReplicaSet
  readonly needed: number
  readonly primariesNeeded: number
  readonly resolver: Resolver
  readonly startedMs: number
  readonly deadlineMs: number
  /** Ask every replica, so that a stale one is found and mended. */
  readonly asksAll: boolean
  /** Whether fallbacks may answer for owners that are away. */
  readonly isSloppy: boolean
  /** From then on a fallback may answer for an owner that is merely slow. */
  readonly fallbackAtMs: number
}

type SlotState = 'idle' | 'asked' | 'same' | 'different' | 'failed'

const nothing = new Uint8Array(0)
const noFallbacks: readonly Replica[] = Object.freeze([])
/** A digest that no record has: whatever is there is sent. */
const anyDigest = -1
const noDigest = 0

/**
 * A read: this host's replica first, then the others are asked whether they have the same, and send theirs only where not.
 * What differs is merged for the reader, and given to the replicas that lack it. Where too few owners can be reached, fallbacks are asked
 * what they keep for those that are away.
 * @see DeCandia et al., Dynamo (SOSP 2007), sections 4.5, 4.6 and 5 (read repair)
 */
export class GetOperation implements Operation {
  readonly id: number
  readonly deadlineMs: number
  readonly bytes = 0
  readonly #plan: GetPlan
  readonly #consumer: GetConsumer
  readonly #quorum: Quorum
  readonly #slots: SlotState[]
  /** Their slots come behind those of the owners. */
  #fallbacks: readonly Replica[] = noFallbacks
  #digest = anyDigest
  /** What the first owner has that sent its record: this host's own, where it answers. Where all agree it is passed on as it is. */
  #first: Uint8Array = nothing
  /** What the replicas that differ from it have, by slot. */
  #theirs: Map<number, Uint8Array> | undefined
  /** What the replicas have purged, by slot; undefined: nobody said. */
  #floors: Map<number, Floor> | undefined
  /** Slots that were asked since others were slow, and when the last of them was. */
  #hedges: number[] | undefined
  #hedgedAtMs = 0
  #isAnswered = false

  constructor(plan: GetPlan, consumer: GetConsumer) {
    this.id = plan.id
    this.deadlineMs = plan.deadlineMs
    this.#plan = plan
    this.#consumer = consumer
    const { set, needed, primariesNeeded } = plan
    this.#quorum = new Quorum({ n: set.present, needed, primariesNeeded, durableNeeded: 0, asked: set.present })
    this.#slots = new Array<SlotState>(set.replicas.length).fill('idle')
    for (let slot = 0; slot < set.present; slot++) {
      if (set.replicas[slot]?.isReachable === false) this.#fail(slot)
    }
    if (this.#quorum.verdict !== 'unmet') return
    // Whichever fallback was asked to stand in for one of those that are away, it is among these.
    for (let slot = 0; slot < set.present; slot++) if (this.#slots[slot] === 'failed') this.#addFallback()
  }

  start(state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#quorum.verdict === 'unmet') return this.#conclude(state, context)
    const { selfSlot, present } = this.#plan.set
    if (selfSlot >= 0 && selfSlot < present) this.#ask(selfSlot, { kind: 'read' }, context)
    else this.#askOthers(context)
  }

  replied(slot: number, reply: VnodeReply, state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#slots[slot] !== 'asked') return
    switch (reply.kind) {
      case 'same':
        this.#slots[slot] = 'same'
        break
      case 'record':
        if (reply.floor !== undefined) (this.#floors ??= new Map()).set(slot, reply.floor)
        this.#compared(slot, reply.siblings)
        break
      default:
        return this.missed(slot, 'unreachable', state, context)
    }
    this.#quorum.acknowledged(this.#isPrimary(slot), false)
    if (slot === this.#plan.set.selfSlot) this.#askOthers(context)
    this.#proceed(state, context, slot)
  }

  missed(slot: number, _reason: UndeliveredReason | 'unreachable', state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#slots[slot] !== 'asked') return
    this.#fail(slot)
    // One that will not answer is made up for at once.
    if (slot === this.#plan.set.selfSlot) this.#askOthers(context)
    else this.#askMore(1, context)
    if (!this.#isAnswered && this.#quorum.verdict === 'unmet' && this.#addFallback()) this.#askMore(1, context)
    this.#proceed(state, context)
  }

  overdue(state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#isAnswered) return
    const { fallbackAtMs, set } = this.#plan
    const nowMs = context.now()
    if (nowMs >= fallbackAtMs) for (let missing = this.#missing(); missing > 0 && this.#addFallback(); missing--);
    else if (set.mayFallBack) state.wheel.add(this.id, fallbackAtMs, nowMs)
    const idle = this.#slots.flatMap((slotState, slot) => (slotState === 'idle' ? [slot] : []))
    const asked = this.#askMore(this.#slots.length, context)
    if (asked === 0) return
    state.figures.hedged.add(asked)
    this.#hedges = this.#hedges === undefined ? idle : [...this.#hedges, ...idle]
    this.#hedgedAtMs = nowMs
  }

  expired(state: CoordinatorState, context: CoordinatorContext): void {
    if (!this.#isAnswered) {
      this.#isAnswered = true
      noteAnswer(state)
      this.#consumer.refused(timeoutFault('read', this.#plan.needed, this.#answered().length, undefined), state, context)
    }
    this.#finish(state, context)
  }

  get needed(): number {
    return this.#plan.needed
  }

  /** Replicas that have answered. */
  get answers(): number {
    return this.#quorum.acknowledgements
  }

  waitsFor(thread: string): readonly number[] {
    const slots: number[] = []
    for (const [slot, slotState] of this.#slots.entries()) {
      if (slotState === 'asked' && this.#replicaAt(slot)?.vnode.address.startsWith(`${thread}.`) === true) slots.push(slot)
    }
    return slots
  }

  #isPrimary(slot: number): boolean {
    return slot < this.#plan.set.replicas.length
  }

  #replicaAt(slot: number): Replica | undefined {
    const { replicas } = this.#plan.set
    return slot < replicas.length ? replicas[slot] : this.#fallbacks[slot - replicas.length]
  }

  #missing(): number {
    return this.#plan.needed - this.#quorum.acknowledgements
  }

  /** @returns false where there is none left, or none may be asked */
  #addFallback(): boolean {
    const { isSloppy, set } = this.#plan
    if (!isSloppy || !set.mayFallBack || this.#slots.length >= slotsMax) return false
    const fallback = set.fallbacks[this.#fallbacks.length]
    if (fallback === undefined) return false
    this.#fallbacks = [...this.#fallbacks, fallback]
    this.#slots.push('idle')
    this.#quorum.askedAnother(false)
    return true
  }

  #compared(slot: number, siblings: Uint8Array): void {
    const digest = siblings.length === 0 ? noDigest : digestOf(siblings)
    // What a fallback keeps is of several owners, and not settled by the bucket's resolver.
    if (this.#digest === anyDigest && this.#isPrimary(slot)) {
      this.#first = siblings
      this.#digest = digest
    }
    // Both are canonical, so equal digests mean that neither has anything to add.
    this.#slots[slot] = digest === this.#digest ? 'same' : 'different'
    if (digest !== this.#digest) (this.#theirs ??= new Map()).set(slot, siblings)
  }

  #fail(slot: number): void {
    this.#slots[slot] = 'failed'
    this.#quorum.failed(this.#isPrimary(slot))
  }

  #ask(slot: number, what: { kind: 'read' } | { kind: 'compare'; digest: number }, context: CoordinatorContext): void {
    const replica = this.#replicaAt(slot)
    if (replica === undefined) return
    this.#slots[slot] = 'asked'
    const replyTo = context.replyRef<VnodeReply>(correlationOf(this.id, slot))
    const message: VnodeMessage =
      what.kind === 'read'
        ? { kind: 'read', key: this.#plan.key, replyTo }
        : { kind: 'compare', key: this.#plan.key, digest: what.digest, replyTo }
    context.send(replica.vnode, message, budgetOf(this, context))
  }

  #askOthers(context: CoordinatorContext): void {
    const { asksAll, needed, set } = this.#plan
    const answered = hasAnswered(this.#slots[set.selfSlot]) ? 1 : 0
    this.#askMore(asksAll || this.#fallbacks.length > 0 ? this.#slots.length : needed - answered, context)
  }

  /** Ask up to `count` replicas that were not asked yet, beginning at another one for each operation. */
  #askMore(count: number, context: CoordinatorContext): number {
    const { present } = this.#plan.set
    let asked = 0
    for (let step = 0; step < present && asked < count; step++) {
      const slot = (this.id + step) % present
      if (this.#slots[slot] !== 'idle') continue
      this.#ask(slot, { kind: 'compare', digest: this.#digest }, context)
      asked++
    }
    for (let slot = this.#plan.set.replicas.length; slot < this.#slots.length && asked < count; slot++) {
      if (this.#slots[slot] !== 'idle') continue
      this.#ask(slot, { kind: 'compare', digest: this.#digest }, context)
      asked++
    }
    return asked
  }

  #answered(): Replica[] {
    const answered: Replica[] = []
    for (const [slot, slotState] of this.#slots.entries()) {
      const replica = hasAnswered(slotState) ? this.#replicaAt(slot) : undefined
      if (replica !== undefined) answered.push(replica)
    }
    return answered
  }

  /** @param last slot of the one that has just answered; −1: nobody has */
  #proceed(state: CoordinatorState, context: CoordinatorContext, last = -1): void {
    if (!this.#isAnswered && this.#quorum.verdict !== 'waiting') this.#conclude(state, context, last)
    if (this.#isAnswered && !this.#slots.includes('asked')) this.#finish(state, context)
  }

  #conclude(state: CoordinatorState, context: CoordinatorContext, last = -1): void {
    this.#isAnswered = true
    noteAnswer(state)
    const { needed, set } = this.#plan
    const answered = this.#answered()
    if (this.#quorum.verdict === 'unmet') {
      this.#consumer.refused(quorumFault('read', needed, answered.length, set, undefined), state, context)
      return this.#finish(state, context)
    }
    const { primaries } = this.#quorum
    const atMs = context.now()
    const replyMs = atMs - (this.#hedges?.includes(last) === true ? this.#hedgedAtMs : this.#plan.startedMs)
    this.#consumer.got({ siblings: this.#mergedBytes(), answered, needed, primaries, atMs, replyMs }, state, context)
  }

  #mergedBytes(): Uint8Array {
    if (this.#theirs === undefined) return this.#first
    const merged = this.#shown(this.#merge())
    return merged.versions.length === 0 ? nothing : encodeSiblings(merged)
  }

  /** Without what some replica has purged. */
  #shown(merged: Siblings): Siblings {
    if (this.#floors === undefined) return merged
    const answers: FloorAnswer[] = []
    for (const [slot, slotState] of this.#slots.entries()) {
      if (!hasAnswered(slotState)) continue
      const bytes = slotState === 'same' ? this.#first : (this.#theirs?.get(slot) ?? nothing)
      answers.push({ siblings: siblingsOf(bytes), floor: this.#floors.get(slot) })
    }
    return withoutPurged(merged, answers)
  }

  #merge(): Siblings {
    let merged = siblingsOf(this.#first)
    for (const bytes of this.#theirs?.values() ?? []) merged = merge(merged, siblingsOf(bytes))
    return this.#plan.resolver === 'last-write-wins' ? resolveLastWriteWins(merged) : merged
  }

  /** All that were asked have answered, or their time is up: give the stale ones what they lack. */
  #finish(state: CoordinatorState, context: CoordinatorContext): void {
    end(this, state)
    if (this.#theirs === undefined) return
    const merged = this.#merge()
    // Who is wrong is found out by an exchange, which knows both sides' floors.
    if (this.#shown(merged) !== merged) return
    const bytes = encodeSiblings(merged)
    for (const [slot, slotState] of this.#slots.entries()) {
      const replica = this.#plan.set.replicas[slot]
      if (replica === undefined || !hasAnswered(slotState)) continue
      const has = slotState === 'same' ? this.#first : (this.#theirs.get(slot) ?? nothing)
      if (relation(siblingsOf(has), merged) === 'equal') continue
      state.figures.repaired.add()
      context.send(replica.vnode, {
        kind: 'replicate',
        key: this.#plan.key,
        siblings: bytes,
        resolver: this.#plan.resolver,
        durability: 'committed',
        replyTo: context.replyRef<VnodeReply>(0)
      })
    }
  }
}

function siblingsOf(bytes: Uint8Array): Siblings {
  return bytes.length === 0 ? emptySiblings : decodeSiblings(bytes)
}

function hasAnswered(slotState: SlotState | undefined): boolean {
  return slotState === 'same' || slotState === 'different'
}
