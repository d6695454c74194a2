import { hostOf, type Ref, type UndeliveredReason } from '../../bus/bus.ts'
import { fault } from '../../model/fault.ts'
import { bucketOf, type Key, partitionOf, positionOf } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { Quorum, quorumOf } from '../../model/quorum.ts'
import { propertiesOf } from '../ring/bucket-table.ts'

import {
  begin,
  budgetOf,
  type CoordinatorContext,
  type CoordinatorState,
  correlationOf,
  end,
  noteAnswer,
  type Operation
} from '../coordinator/coordinator-state.ts'
import { hostsOfAll } from '../ring/ring-view.ts'
import type { ReplicaSet } from '../ring/ring-index.ts'
import type { Resolver, VnodeReply } from '../vnode/vnode-protocol.ts'
import type { AdoptAck, AdoptMessage, AdoptReply } from './adopt-protocol.ts'

type Adopt = Extract<AdoptMessage, { kind: 'adopt' }>
type SlotState = 'asked' | 'stored' | 'failed'

const adoptMs = 2_000

/** A record comes from another datacenter, for the owners of this one. */
export function adopt(state: CoordinatorState, message: Adopt, context: CoordinatorContext): void {
  const refuse = (code: 'overloaded' | 'unavailable', detail: string) =>
    context.send<AdoptReply>(message.replyTo, { kind: 'not-adopted', fault: fault(code, detail) })
  const { ring } = state
  if (ring === undefined) return refuse('unavailable', `${context.host} does not know the ring yet`)
  if (state.operations.size >= limits.adoptsMax) return refuse('overloaded', `${context.host} has more than it can do`)
  // What comes from a host that nobody here knows would pass by those who ask all hosts before they forget what was deleted.
  const from = hostOf(message.replyTo.address)
  if (!hostsOfAll(ring.view).some(({ name }) => name === from))
    return refuse('unavailable', `${context.host} does not know ${from} yet`)
  const { key, siblings } = message
  const { n, resolver } = propertiesOf(state.buckets, bucketOf(key), context.resources.settings.defaults)
  const set = ring.replicasOf(partitionOf(positionOf(key), ring.view.partitions), n)
  if (set.present === 0) return refuse('unavailable', `datacenter ${context.host} is in has no ring yet`)
  const operation = new AdoptOperation(
    state.nextOperation++,
    key,
    siblings,
    set,
    resolver,
    context.now() + adoptMs,
    message.replyTo
  )
  begin(operation, state, context)
  operation.start(state, context)
}

/**
 * Gives a record of another datacenter to all owners here, and says so once a quorum of them, and of those to be, has flushed it. Nothing is
 * minted. An owner that is away gets it by an exchange.
 */
class AdoptOperation implements Operation {
  readonly id: number
  readonly deadlineMs: number
  readonly bytes: number
  readonly #key: Key
  #siblings: Uint8Array
  readonly #set: ReplicaSet
  readonly #resolver: Resolver
  readonly #replyTo: Ref<AdoptReply>
  readonly #present: Quorum
  readonly #future: Quorum | undefined
  readonly #slots: SlotState[]
  #isAnswered = false

  constructor(
    id: number,
    key: Key,
    siblings: Uint8Array,
    set: ReplicaSet,
    resolver: Resolver,
    deadlineMs: number,
    replyTo: Ref<AdoptReply>
  ) {
    this.id = id
    this.deadlineMs = deadlineMs
    this.bytes = siblings.length
    this.#key = key
    this.#siblings = siblings
    this.#set = set
    this.#resolver = resolver
    this.#replyTo = replyTo
    const quorum = (n: number) => new Quorum({ n, needed: quorumOf(n), primariesNeeded: 0, durableNeeded: 0, asked: n })
    this.#present = quorum(set.present)
    this.#future = set.future === 0 ? undefined : quorum(set.future)
    this.#slots = set.replicas.map(() => 'asked')
  }

  start(state: CoordinatorState, context: CoordinatorContext): void {
    for (const [slot, replica] of this.#set.replicas.entries()) {
      if (!replica.isReachable) {
        this.#settle(slot, false)
        continue
      }
      const replyTo = context.replyRef<VnodeReply>(correlationOf(this.id, slot))
      const [key, siblings, resolver] = [this.#key, this.#siblings, this.#resolver]
      context.send(
        replica.vnode,
        { kind: 'replicate', key, siblings, resolver, durability: 'flushed', replyTo },
        budgetOf(this, context)
      )
    }
    this.#siblings = nothing
    this.#proceed(state, context)
  }

  replied(slot: number, reply: VnodeReply, state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#slots[slot] !== 'asked') return
    // What was deleted and purged here has arrived before.
    this.#settle(slot, reply.kind === 'stored' || reply.kind === 'obsolete')
    this.#proceed(state, context)
  }

  missed(slot: number, _reason: UndeliveredReason | 'unreachable', state: CoordinatorState, context: CoordinatorContext): void {
    if (this.#slots[slot] !== 'asked') return
    this.#settle(slot, false)
    this.#proceed(state, context)
  }

  overdue(): void {}

  expired(state: CoordinatorState, context: CoordinatorContext): void {
    for (const [slot, slotState] of this.#slots.entries()) if (slotState === 'asked') this.#settle(slot, false)
    this.#proceed(state, context)
  }

  waitsFor(thread: string): readonly number[] {
    return this.#slots.flatMap((slotState, slot) =>
      slotState === 'asked' && this.#set.replicas[slot]?.vnode.address.startsWith(`${thread}.`) === true ? [slot] : []
    )
  }

  #settle(slot: number, isStored: boolean): void {
    this.#slots[slot] = isStored ? 'stored' : 'failed'
    const replica = this.#set.replicas[slot]
    const quorums = [
      replica?.isPresent === true ? this.#present : undefined,
      replica?.isFuture === true ? this.#future : undefined
    ]
    for (const quorum of quorums) {
      if (isStored) quorum?.acknowledged(true, true)
      else quorum?.failed()
    }
  }

  #proceed(state: CoordinatorState, context: CoordinatorContext): void {
    const verdicts = [this.#present.verdict, this.#future?.verdict ?? 'met']
    if (!this.#isAnswered && (verdicts.includes('unmet') || !verdicts.includes('waiting'))) {
      this.#isAnswered = true
      noteAnswer(state)
      context.send<AdoptReply>(
        this.#replyTo,
        verdicts.includes('unmet') ? this.#refusal() : { kind: 'adopted', acks: this.#acks() }
      )
    }
    if (this.#isAnswered && !this.#slots.includes('asked')) end(this, state)
  }

  #acks(): AdoptAck[] {
    return this.#set.replicas.flatMap(({ host }, slot) =>
      this.#slots[slot] === 'stored'
        ? [{ host: host.name, zone: host.zone, dc: host.dc, role: 'primary' as const, durability: 'flushed' as const }]
        : []
    )
  }

  #refusal(): AdoptReply {
    const { acknowledgements, needed } = this.#present
    const dc = this.#set.replicas[0]?.host.dc ?? ''
    const detail = `datacenter ${dc} needs ${needed} of ${this.#set.present} replicas, ${acknowledgements} answered`
    return { kind: 'not-adopted', fault: fault('quorum_unavailable', detail, { needed, answered: acknowledgements }) }
  }
}

const nothing = new Uint8Array(0)
