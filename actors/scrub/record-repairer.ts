import { addressOf, type Ref, threadAddressOf, type UndeliveredReason } from '../../bus/bus.ts'
import { hintsEnd, hintsStart, keyOfHint, targetOfHint } from '../../model/hint.ts'
import { bucketOf, type Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { emptySiblings, merge, resolveLastWriteWins, type Siblings } from '../../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import { type BucketProperties, type BucketTable, propertiesOf } from '../ring/bucket-table.ts'
import type { MendWanted } from './record-repairer-protocol.ts'
import { preferenceOf } from '../ring/ring-index.ts'
import { type RingKeeperMessage, ringLeaseMs, type RingNews } from '../ring/ring-keeper-protocol.ts'
import { isReachable, type RingView, vnodeAddressOf, vnodeNameOf } from '../ring/ring-view.ts'
import type { StoreResources } from '../store-resources.ts'
import type { VnodeMessage, VnodeReply } from '../vnode/vnode-protocol.ts'

type RepairerMessage =
  | MendWanted
  | VnodeReply
  | RingNews
  | { readonly kind: 'renew' }
  | { readonly kind: 'over'; readonly attempt: number }
type RepairerContext = Context<RepairerMessage, StoreResources>

/** One key that is asked for. */
interface Attempt {
  readonly id: number
  readonly partition: number
  readonly key: Key
  readonly properties: BucketProperties
  /** Slots of the owners that have not answered. */
  readonly missing: Set<number>
  known: Siblings
  /** All have answered: the vnode was told. */
  isMending: boolean
}

interface RepairerState {
  view: RingView | undefined
  table: BucketTable
  isSubscribed: boolean
  nextAttempt: number
  /** By name of the key and its partition, in the order in which they were wanted. */
  readonly wanted: Map<string, MendWanted>
  readonly attempts: Map<number, Attempt>
}

const attemptsMax = 8
const attemptMs = 5_000
const slots = 64
const mendSlot = slots - 1

/**
 * Puts damaged records right: asks all other owners of the key, merges what they know, and gives that to the vnode. One to a data thread.
 * All of them, not a quorum: this replica may be the one that made a write's quorum full, with any other of the owners. Where there is no
 * other, what was damaged is lost.
 * A key that cannot be done now (an owner is away) is dropped, and wanted again by its vnode some time later.
 * @see docs/decisions/0008-corrupt-records.md
 */
export const recordRepairer: Behaviour<RepairerState, RepairerMessage, undefined, StoreResources> = {
  kind: 'record-repairer',

  start() {
    return { view: undefined, table: {}, isSubscribed: false, nextAttempt: 1, wanted: new Map(), attempts: new Map() }
  },

  receive(state, message, context) {
    switch (message.kind) {
      case 'mend-wanted':
        return want(state, message, context)
      case 'ring':
        state.view = message.view
        return proceed(state, context)
      case 'buckets':
        state.table = message.table
        return
      case 'renew':
        return subscribe(state, context)
      case 'over':
        state.attempts.delete(message.attempt)
        return proceed(state, context)
      default:
        return replied(state, message, context)
    }
  },

  undelivered(state, _reason: UndeliveredReason, context) {
    const id = Math.floor(context.correlation / slots)
    if (id > 0 && state.attempts.delete(id)) proceed(state, context)
  },

  summary: state => ({ wanted: state.wanted.size, attempts: state.attempts.size })
}

function want(state: RepairerState, message: MendWanted, context: RepairerContext): void {
  const name = `${message.partition}/${message.key}`
  if (state.wanted.size >= limits.quarantineMax && !state.wanted.has(name)) return
  state.wanted.set(name, message)
  if (!state.isSubscribed) subscribe(state, context)
  proceed(state, context)
}

/** As long as there is something to do. */
function subscribe(state: RepairerState, context: RepairerContext): void {
  state.isSubscribed = state.wanted.size > 0 || state.attempts.size > 0
  if (!state.isSubscribed) {
    state.view = undefined
    return
  }
  const keeper: Ref<RingKeeperMessage> = {
    address: addressOf(threadAddressOf(context.host, 'system'), 'ring-keeper'),
    correlation: 0,
    incarnation: 0
  }
  context.signal(keeper, { kind: 'subscribe', have: state.view?.revision ?? '', replyTo: context.replyRef<RingNews>(0) })
  context.after(state.view === undefined ? ringLeaseMs / 8 : ringLeaseMs, { kind: 'renew' })
}

function proceed(state: RepairerState, context: RepairerContext): void {
  const { view } = state
  if (view === undefined) return
  const open = new Set([...state.attempts.values()].map(attempt => `${attempt.partition}/${attempt.key}`))
  for (const [name, wanted] of state.wanted) {
    if (state.attempts.size >= attemptsMax) return
    if (open.has(name)) continue
    state.wanted.delete(name)
    begin(state, view, wanted, context)
  }
}

function begin(state: RepairerState, view: RingView, { partition, key }: MendWanted, context: RepairerContext): void {
  const isHint = key > hintsStart && key < hintsEnd
  const about = isHint ? keyOfHint(key) : key
  const properties = propertiesOf(state.table, bucketOf(about), context.resources.settings.defaults)
  const owners = preferenceOf(view.owners, partition, properties.n).flatMap(index => view.hosts[index] ?? [])
  const target = isHint ? targetOfHint(key) : undefined
  const others = owners.filter(host => host.name !== context.host && host.uid !== target)
  // One is away, and has to come back first: it may be the only one that knows. A ring without owners is none yet.
  if (owners.length === 0 || !others.every(isReachable)) return
  const id = state.nextAttempt++
  const missing = new Set(others.keys())
  const isAlone = others.length === 0
  const attempt = { id, partition, key, properties, missing, known: emptySiblings, isMending: isAlone }
  state.attempts.set(id, attempt)
  for (const [slot, host] of others.entries()) {
    const replyTo = context.replyRef<VnodeReply>(id * slots + slot)
    const to: Ref<VnodeMessage> = { address: vnodeAddressOf(host, partition), correlation: 0, incarnation: 0 }
    context.send(to, { kind: 'read', key: about, replyTo }, attemptMs)
  }
  context.after(attemptMs, { kind: 'over', attempt: id })
  // Nobody else will ever know: the key is good for new writes again, and hosts that join need not wait for what cannot be copied.
  if (isAlone) mend(attempt, context)
}

function replied(state: RepairerState, reply: VnodeReply, context: RepairerContext): void {
  const attempt = state.attempts.get(Math.floor(context.correlation / slots))
  if (attempt === undefined) return
  const slot = context.correlation % slots
  if (slot === mendSlot) {
    state.attempts.delete(attempt.id)
    return proceed(state, context)
  }
  if (reply.kind !== 'record') {
    // Damaged there, too, or overloaded: another time.
    state.attempts.delete(attempt.id)
    return proceed(state, context)
  }
  if (!attempt.missing.delete(slot) || attempt.isMending) return
  if (reply.siblings.length > 0) attempt.known = merge(attempt.known, decodeSiblings(reply.siblings))
  if (attempt.missing.size > 0) return
  attempt.isMending = true
  mend(attempt, context)
}

function mend(attempt: Attempt, context: RepairerContext): void {
  const { id, key, partition, known, properties } = attempt
  const resolved = properties.resolver === 'last-write-wins' ? resolveLastWriteWins(known) : known
  const vnode: Ref<VnodeMessage> = { address: addressOf(context.thread, vnodeNameOf(partition)), correlation: 0, incarnation: 0 }
  const siblings = known === emptySiblings ? nothing : encodeSiblings(resolved)
  context.send(vnode, { kind: 'mend', key, siblings, replyTo: context.replyRef<VnodeReply>(id * slots + mendSlot) }, attemptMs)
}

const nothing = new Uint8Array(0)
