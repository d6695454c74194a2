import type { Ref, UndeliveredReason } from '../../bus/bus.ts'
import { type CausalContext, emptyContext } from '../../model/causal-context.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { Quorum, strength, type Verdict } from '../../model/quorum.ts'
import { plainType } from '../../model/value-coding.ts'
import type { Durability } from '../../storage/store.ts'
import { shipTo, withElsewhere } from '../replication/elsewhere.ts'
import type { Accepted, PutReply, Written } from './coordinator-protocol.ts'
import {
  budgetOf,
  type CoordinatorContext,
  type CoordinatorState,
  correlationOf,
  end,
  noteAnswer,
  type Operation,
  quorumFault,
  receiptOf,
  refuse,
  slotsMax,
  timeoutFault
} from './coordinator-state.ts'
import type { PutPlan } from './put-plan.ts'
import {
  freeFallback,
  hasStandIn,
  mintingSlot,
  noStandIns,
  ownerSlotOf,
  replicaAt,
  type StandIn,
  targetOf
} from './put-stand-ins.ts'
import type { Replica } from '../ring/ring-index.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'

type SlotState = 'idle' | 'asked' | 'stored' | 'failed'

/**
 * A write: this host's vnode mints the dot, the other owners get the result in the same turn, and the client hears when W have it.
 * For each owner that is away or fails, the next healthy host beyond the preference list keeps a hint, and counts in its place unless
 * the quorum is to be strict. Where no owner can be reached, this host mints as a stand-in.
 * @see DeCandia et al., Dynamo (SOSP 2007), sections 4.5 and 4.6
 */
export class PutOperation implements Operation {
  readonly id: number
  readonly deadlineMs: number
  readonly bytes: number
  readonly #plan: PutPlan
  /** Owners now. */
  readonly #present: Quorum
  /** Owners to be, while hosts join: W of these, too, so that no quorum after the move misses the write. */
  readonly #future: Quorum | undefined
  readonly #slots: SlotState[]
  #lastFault: Fault | undefined
  #standIns: readonly StandIn[] = noStandIns
  /** What was minted. */
  #siblings: Uint8Array | undefined
  #context: CausalContext | undefined
  #isAnswered = false

  constructor(plan: PutPlan) {
    this.id = plan.id
    this.deadlineMs = plan.deadlineMs
    this.bytes = plan.value.length
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
    if (!set.mayFallBack) return
    const self = set.replicas[set.selfSlot]
    // A host that is no owner coordinates only where no owner is reachable; then it is itself the first to stand in for one.
    const selfAmong = self?.isPresent === true ? undefined : set.fallbacks.find(replica => replica.isSelf)
    for (const [slot, replica] of set.replicas.entries()) {
      if (replica.isPresent && !replica.isReachable) this.#reserve(slot, this.#standIns.length === 0 ? selfAmong : undefined)
    }
  }

  start(state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#verdict() === 'unmet') return this.#conclude(state, context, 0)
    const plan = this.#plan
    const slot = mintingSlot(plan.set, this.#standIns)
    const replica = this.#replicaAt(slot)
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
        owes: plan.elsewhere?.tags,
        resolver: plan.resolver,
        durability: plan.durability,
        standIn: replica.isFallback ? targetOf(plan.set, this.#standIns, slot) : undefined,
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
        this.#replicate(reply.siblings, context)
        return this.#ship(reply.siblings, slot, state, context)
      case 'stored':
        this.#slots[slot] = 'stored'
        this.#acknowledge(slot, reply.durability === 'flushed')
        if (this.#context !== undefined && this.#replicaAt(slot)?.isSelf === true)
          this.#plan.direct?.minted(slot, this.#context, context)
        break
      case 'failed':
        this.#lastFault = reply.fault
        this.#fail(slot)
        // Nothing was minted: nothing was sent to anybody.
        if (this.#context === undefined) return this.#refuse(reply.fault, state, context)
        this.#standInFor(slot, context)
        break
      default:
        this.#fail(slot)
    }
    this.#proceed(state, context)
  }

  told(slot: number, agoMs: number, state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#slots[slot] !== 'asked') return
    this.#slots[slot] = 'stored'
    this.#acknowledge(slot, this.#plan.durability === 'flushed')
    this.#plan.direct?.told()
    this.#proceed(state, context, agoMs)
  }

  missed(slot: number, reason: UndeliveredReason | 'unreachable', state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#slots[slot] !== 'asked') return
    this.#fail(slot)
    if (this.#context === undefined) {
      const code = reason === 'overloaded' ? 'overloaded' : 'unavailable'
      const detail = `the vnode of ${context.host} does not take the write (${reason}): try again, or another host`
      return this.#refuse(fault(code, detail, { outcome: 'refused' }), state, context)
    }
    this.#standInFor(slot, context)
    this.#proceed(state, context)
  }

  /** Owners that should have answered by now: others take it in their place, while the client waits. */
  overdue(_state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#isAnswered || this.#siblings === undefined) return
    for (const [slot, replica] of this.#plan.set.replicas.entries()) {
      if (this.#slots[slot] === 'asked' && !replica.isSelf && !hasStandIn(this.#standIns, slot)) this.#standInFor(slot, context)
    }
  }

  expired(state: CoordinatorState, context: CoordinatorContext): void {
    this.#remember(context)
    if (!this.#isAnswered) {
      const late = this.#present.verdict === 'met' ? this.#plan.elsewhere?.each?.late : undefined
      const why: Fault =
        late === undefined
          ? timeoutFault(this.#what(), this.#plan.needed, this.#stored(), 'indeterminate')
          : { ...late, outcome: 'indeterminate' }
      this.#refuse(why, state, context)
    }
    end(this, state)
  }

  waitsFor(thread: string): readonly number[] {
    const slots: number[] = []
    for (const [slot, slotState] of this.#slots.entries()) {
      if (slotState === 'asked' && this.#replicaAt(slot)?.vnode.address.startsWith(`${thread}.`) === true) slots.push(slot)
    }
    return slots
  }

  #replicaAt(slot: number): Replica | undefined {
    return replicaAt(this.#plan.set, this.#standIns, slot)
  }

  #ownerOf(slot: number): Replica | undefined {
    const { set } = this.#plan
    return set.replicas[ownerSlotOf(set, this.#standIns, slot)]
  }

  /** The next healthy host for the owner in `target`. @returns its slot; −1: there is none left */
  #reserve(target: number, preferred?: Replica): number {
    const { set } = this.#plan
    if (this.#slots.length >= slotsMax) return -1
    const replica = preferred ?? freeFallback(set, this.#standIns)
    if (replica === undefined) return -1
    this.#standIns = [...this.#standIns, { replica, target }]
    this.#slots.push('idle')
    if (this.#plan.isSloppy) {
      this.#present.askedAnother(false)
      if (set.replicas[target]?.isFuture === true) this.#future?.askedAnother(false)
    }
    return this.#slots.length - 1
  }

  /** The host in `slot` does not take it: a hint for the owner that it is, or stands in for, goes to the next one. */
  #standInFor(slot: number, context: CoordinatorContext): void {
    const { set } = this.#plan
    const target = ownerSlotOf(set, this.#standIns, slot)
    if (!set.mayFallBack || this.#siblings === undefined || set.replicas[target]?.isPresent !== true) return
    const standIn = this.#reserve(target)
    if (standIn >= 0) this.#give(standIn, this.#siblings, context)
  }

  /** Time is up, and some owners have neither taken it nor anyone in their place: they get it when they answer again. */
  #remember(context: CoordinatorContext): void {
    const { set, key, resolver, durability } = this.#plan
    if (!set.mayFallBack || this.#siblings === undefined) return
    for (const [slot, owner] of set.replicas.entries()) {
      if (this.#slots[slot] !== 'asked' || !owner.isPresent || owner.isSelf || hasStandIn(this.#standIns, slot)) continue
      const fallback = freeFallback(set, this.#standIns)
      if (fallback === undefined) return
      this.#standIns = [...this.#standIns, { replica: fallback, target: slot }]
      const replyTo = context.replyRef<VnodeReply>(0)
      const hint = { kind: 'hint', target: owner.host.uid, key, siblings: this.#siblings, resolver, durability, replyTo } as const
      context.send(fallback.vnode, hint, context.resources.settings.requestTimeoutMs)
    }
  }

  #what(): string {
    return this.#plan.tombstone ? 'delete' : 'write'
  }

  #stored(): number {
    let stored = 0
    for (let slot = 0; slot < this.#slots.length; slot++) if (this.#slots[slot] === 'stored' && this.#counts(slot)) stored++
    return stored
  }

  #storedAt(): { readonly replica: Replica; readonly durability: Durability }[] {
    const { durability } = this.#plan
    return this.#slots.flatMap((slotState, slot) => {
      const replica = this.#replicaAt(slot)
      return slotState === 'stored' && replica !== undefined && this.#counts(slot) ? [{ replica, durability }] : []
    })
  }

  #isPrimary(slot: number): boolean {
    return slot < this.#plan.set.replicas.length
  }

  /** A fallback counts only where the quorum may be sloppy. */
  #counts(slot: number): boolean {
    return this.#isPrimary(slot) || this.#plan.isSloppy
  }

  #acknowledge(slot: number, isFlushed: boolean): void {
    if (!this.#counts(slot)) return
    const owner = this.#ownerOf(slot)
    if (owner?.isPresent === true) this.#present.acknowledged(this.#isPrimary(slot), isFlushed)
    if (owner?.isFuture === true) this.#future?.acknowledged(this.#isPrimary(slot), isFlushed)
  }

  #fail(slot: number): void {
    this.#slots[slot] = 'failed'
    if (!this.#counts(slot)) return
    const owner = this.#ownerOf(slot)
    if (owner?.isPresent === true) this.#present.failed(this.#isPrimary(slot))
    if (owner?.isFuture === true) this.#future?.failed(this.#isPrimary(slot))
  }

  #verdict(): Verdict {
    const present = this.#present.verdict
    const future = this.#future?.verdict ?? 'met'
    const each = this.#plan.elsewhere?.each?.verdict ?? 'met'
    if (present === 'unmet' || future === 'unmet' || each === 'unmet') return 'unmet'
    return present === 'met' && future === 'met' && each === 'met' ? 'met' : 'waiting'
  }

  #replicate(siblings: Uint8Array, context: CoordinatorContext): void {
    this.#siblings = siblings
    for (let slot = 0; slot < this.#slots.length; slot++) if (this.#slots[slot] === 'idle') this.#give(slot, siblings, context)
  }

  #give(slot: number, siblings: Uint8Array, context: CoordinatorContext): void {
    const { key, resolver, durability, set, direct } = this.#plan
    const replica = this.#replicaAt(slot)
    if (replica === undefined) return
    this.#slots[slot] = 'asked'
    const replyTo = context.replyRef<VnodeReply>(correlationOf(this.id, slot))
    const message: VnodeMessage = replica.isFallback
      ? { kind: 'hint', target: targetOf(set, this.#standIns, slot), key, siblings, resolver, durability, replyTo }
      : { kind: 'replicate', key, siblings, resolver, durability, direct: direct?.ackOf(slot), replyTo }
    context.send(replica.vnode, message, budgetOf(this, context))
  }

  #ship(siblings: Uint8Array, slot: number, state: CoordinatorState, context: CoordinatorContext): void {
    const { elsewhere, key, deadlineMs } = this.#plan
    const minter = this.#replicaAt(slot)
    if (elsewhere === undefined || minter === undefined) return
    const watcher = elsewhere.each?.watched(() => this.#proceed(state, context))
    shipTo(elsewhere, { key, siblings, deadlineMs }, minter.host, watcher, state, context)
  }

  #proceed(state: CoordinatorState, context: CoordinatorContext, agoMs = 0): void {
    if (!this.#isAnswered && this.#verdict() !== 'waiting') this.#conclude(state, context, agoMs)
    if (this.#isAnswered && !this.#slots.includes('asked')) end(this, state)
  }

  /** @param agoMs when it was that the last of them had it */
  #conclude(state: CoordinatorState, context: CoordinatorContext, agoMs: number): void {
    const plan = this.#plan
    if (this.#verdict() === 'unmet') {
      const minted = this.#context !== undefined
      const outcome = minted ? 'indeterminate' : 'refused'
      const missing = this.#plan.elsewhere?.each?.missing
      if (missing !== undefined) return this.#refuse({ ...missing, outcome }, state, context)
      const { code } = this.#lastFault ?? {}
      // A disk that does not take it is what an operator has to know; else hosts are missing.
      const why: Fault =
        this.#lastFault !== undefined && (code === 'storage_full' || code === 'storage_failed')
          ? { ...this.#lastFault, outcome, needed: plan.needed, answered: this.#stored() }
          : quorumFault(this.#what(), plan.needed, this.#stored(), plan.set, outcome)
      return this.#refuse(why, state, context)
    }
    this.#isAnswered = true
    noteAnswer(state)
    const epoch = state.ring?.view.epoch ?? ''
    const written = this.#context ?? emptyContext
    const isSloppy = this.#present.primaries < plan.needed
    const grade = strength(plan.readsNeeded, plan.needed, plan.set.present, isSloppy)
    const reply: Written = {
      kind: 'written',
      context: written,
      strength: grade,
      answered: this.#stored(),
      epoch,
      receipt: plan.wantsReceipt
        ? withElsewhere(receiptOf(grade, plan.needed, this.#storedAt(), context, epoch), plan.elsewhere)
        : undefined
    }
    if (plan.direct?.ended(reply) !== false) context.send<PutReply>(plan.replyTo, reply)
    state.figures.put.record(Math.max(0, context.now() - agoMs - plan.startedMs) / 1000)
    if (state.door === undefined) return
    const accepted: Accepted = {
      kind: 'accepted',
      key: plan.key,
      operation: plan.tombstone ? 'delete' : 'put',
      contentType: plainType(plan.contentType),
      context: written
    }
    context.send(state.door as Ref<Accepted>, accepted)
  }

  #refuse(why: Fault, state: CoordinatorState, context: CoordinatorContext): void {
    this.#isAnswered = true
    noteAnswer(state)
    this.#plan.direct?.ended({ kind: 'refused', fault: why, epoch: state.ring?.view.epoch ?? '' })
    refuse(this.#plan.replyTo, why, state, context)
    if (!this.#slots.includes('asked')) end(this, state)
  }
}
