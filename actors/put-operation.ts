import type { Ref, UndeliveredReason } from '../bus/bus.ts'
import { type CausalContext, emptyContext } from '../model/causal-context.ts'
import { type Fault, fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'
import { Quorum, type Verdict } from '../model/quorum.ts'
import type { Durability } from '../storage/store.ts'
import type { Accepted, PutReply, Strength } from './coordinator-protocol.ts'
import {
  budgetOf,
  type CoordinatorContext,
  type CoordinatorState,
  correlationOf,
  end,
  type Operation,
  quorumFault,
  receiptOf,
  refuse,
  timeoutFault
} from './coordinator-state.ts'
import type { ReplicaSet } from './ring-index.ts'
import type { Resolver, VnodeReply } from './vnode-protocol.ts'

export interface PutPlan {
  readonly id: number
  readonly key: Key
  readonly value: Uint8Array
  readonly contentType: string
  readonly tombstone: boolean
  readonly context: CausalContext | undefined
  readonly create: boolean
  readonly expiresMs: number
  readonly set: ReplicaSet
  readonly needed: number
  /** Of the owners to be, while hosts join. */
  readonly futureNeeded: number
  readonly primariesNeeded: number
  readonly durableNeeded: number
  readonly durability: Durability
  readonly resolver: Resolver
  readonly strength: Strength
  readonly wantsReceipt: boolean
  readonly deadlineMs: number
  readonly startedMs: number
  readonly replyTo: Ref<PutReply>
}

type SlotState = 'idle' | 'asked' | 'stored' | 'failed'

/**
 * A write: this host's vnode mints the dot, the other owners get the result in the same turn, and the client hears when W have it.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.5
 */
export class PutOperation implements Operation {
  readonly id: number
  readonly deadlineMs: number
  readonly #plan: PutPlan
  /** Owners now. */
  readonly #present: Quorum
  /** Owners to be, while hosts join: W of these, too, so that no quorum after the move misses the write. */
  readonly #future: Quorum | undefined
  readonly #slots: SlotState[]
  #lastFault: Fault | undefined
  #context: CausalContext | undefined
  #isAnswered = false

  constructor(plan: PutPlan) {
    this.id = plan.id
    this.deadlineMs = plan.deadlineMs
    this.#plan = plan
    const { set, needed, primariesNeeded, durableNeeded } = plan
    this.#present = new Quorum({ n: set.present, needed, primariesNeeded, durableNeeded, asked: set.present })
    this.#future =
      set.future === 0
        ? undefined
        : new Quorum({ n: set.future, needed: plan.futureNeeded, primariesNeeded: 0, durableNeeded: 0, asked: set.future })
    this.#slots = new Array<SlotState>(set.replicas.length).fill('idle')
    for (const [slot, replica] of set.replicas.entries()) {
      if (!replica.isReachable) this.#fail(slot)
    }
  }

  start(state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#verdict() === 'unmet') return this.#conclude(state, context)
    const { plan, slot } = { plan: this.#plan, slot: this.#plan.set.selfSlot }
    const replica = plan.set.replicas[slot]
    if (replica === undefined) throw new RangeError('a host that holds no replica cannot mint')
    this.#slots[slot] = 'asked'
    context.send(
      replica.vnode,
      {
        kind: 'write',
        key: plan.key,
        value: plan.value,
        contentType: plan.contentType,
        tombstone: plan.tombstone,
        context: plan.context,
        create: plan.create,
        modifiedMs: context.wallMs(),
        expiresMs: plan.expiresMs,
        resolver: plan.resolver,
        durability: plan.durability,
        replyTo: context.replyRef<VnodeReply>(correlationOf(this.id, slot))
      },
      budgetOf(this, context)
    )
  }

  replied(slot: number, reply: VnodeReply, state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#slots[slot] !== 'asked') return
    switch (reply.kind) {
      case 'minted':
        this.#context = reply.context
        return this.#replicate(reply.siblings, context)
      case 'stored':
        this.#slots[slot] = 'stored'
        this.#count(slot, quorum => quorum.acknowledged(true, reply.durability === 'flushed'))
        break
      case 'failed':
        this.#lastFault = reply.fault
        this.#fail(slot)
        // Nothing was minted: nothing was sent to anybody.
        if (this.#context === undefined) return this.#refuse(reply.fault, state, context)
        break
      default:
        throw new RangeError(`a write was answered by ${reply.kind}`)
    }
    this.#proceed(state, context)
  }

  missed(slot: number, reason: UndeliveredReason | 'unreachable', state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#slots[slot] !== 'asked') return
    this.#fail(slot)
    if (this.#context === undefined) {
      const code = reason === 'overloaded' ? 'overloaded' : 'unavailable'
      const detail = `the vnode of ${context.host} does not take the write (${reason}): try again, or another host`
      return this.#refuse(fault(code, detail, { outcome: 'refused' }), state, context)
    }
    this.#proceed(state, context)
  }

  overdue(): void {}

  expired(state: CoordinatorState, context: CoordinatorContext): void {
    if (!this.#isAnswered) {
      const why = timeoutFault(this.#what(), this.#plan.needed, this.#stored(), 'indeterminate')
      this.#refuse(why, state, context)
    }
    end(this, state)
  }

  waitsFor(thread: string): readonly number[] {
    const slots: number[] = []
    for (const [slot, slotState] of this.#slots.entries()) {
      if (slotState === 'asked' && this.#plan.set.replicas[slot]?.vnode.address.startsWith(`${thread}.`)) slots.push(slot)
    }
    return slots
  }

  #what(): string {
    return this.#plan.tombstone ? 'delete' : 'write'
  }

  #stored(): number {
    return this.#slots.filter(slotState => slotState === 'stored').length
  }

  #count(slot: number, feed: (quorum: Quorum) => void): void {
    const replica = this.#plan.set.replicas[slot]
    if (replica?.isPresent === true) feed(this.#present)
    if (replica?.isFuture === true && this.#future !== undefined) feed(this.#future)
  }

  #fail(slot: number): void {
    this.#slots[slot] = 'failed'
    this.#count(slot, quorum => quorum.failed())
  }

  #verdict(): Verdict {
    const present = this.#present.verdict
    const future = this.#future?.verdict ?? 'met'
    if (present === 'unmet' || future === 'unmet') return 'unmet'
    return present === 'met' && future === 'met' ? 'met' : 'waiting'
  }

  #replicate(siblings: Uint8Array, context: CoordinatorContext): void {
    const { key, resolver, durability, set } = this.#plan
    const budgetMs = budgetOf(this, context)
    for (const [slot, replica] of set.replicas.entries()) {
      if (this.#slots[slot] !== 'idle') continue
      this.#slots[slot] = 'asked'
      const replyTo = context.replyRef<VnodeReply>(correlationOf(this.id, slot))
      context.send(replica.vnode, { kind: 'replicate', key, siblings, resolver, durability, replyTo }, budgetMs)
    }
  }

  #proceed(state: CoordinatorState, context: CoordinatorContext): void {
    if (!this.#isAnswered && this.#verdict() !== 'waiting') this.#conclude(state, context)
    if (this.#isAnswered && !this.#slots.includes('asked')) end(this, state)
  }

  #conclude(state: CoordinatorState, context: CoordinatorContext): void {
    const plan = this.#plan
    if (this.#verdict() === 'unmet') {
      const minted = this.#context !== undefined
      const outcome = minted ? 'indeterminate' : 'refused'
      const { code } = this.#lastFault ?? {}
      // A disk that does not take it is what an operator has to know; else hosts are missing.
      const why: Fault =
        this.#lastFault !== undefined && (code === 'storage_full' || code === 'storage_failed')
          ? { ...this.#lastFault, outcome, needed: plan.needed, answered: this.#stored() }
          : quorumFault(this.#what(), plan.needed, this.#stored(), plan.set, outcome)
      return this.#refuse(why, state, context)
    }
    this.#isAnswered = true
    const epoch = state.ring?.view.epoch ?? ''
    const stored = this.#slots.flatMap((slotState, slot) => {
      const replica = plan.set.replicas[slot]
      return slotState === 'stored' && replica !== undefined ? [{ replica, durability: plan.durability }] : []
    })
    const written = this.#context ?? emptyContext
    context.send<PutReply>(plan.replyTo, {
      kind: 'written',
      context: written,
      strength: plan.strength,
      answered: stored.length,
      epoch,
      receipt: plan.wantsReceipt ? receiptOf(plan.strength, plan.needed, stored, context, epoch) : undefined
    })
    state.figures.put.record((context.now() - plan.startedMs) / 1000)
    if (state.door === undefined) return
    const accepted: Accepted = {
      kind: 'accepted',
      key: plan.key,
      operation: plan.tombstone ? 'delete' : 'put',
      contentType: plan.contentType,
      context: written
    }
    context.send(state.door as Ref<Accepted>, accepted)
  }

  #refuse(why: Fault, state: CoordinatorState, context: CoordinatorContext): void {
    this.#isAnswered = true
    if (why.outcome === 'refused') state.recent.forget(this.#plan.replyTo)
    refuse(this.#plan.replyTo, why, state, context)
    if (!this.#slots.includes('asked')) end(this, state)
  }
}
