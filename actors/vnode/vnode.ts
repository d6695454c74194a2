import type { Ref } from '../../bus/bus.ts'
import { counterSeen, emptyContext } from '../../model/causal-context.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { type Key, systemKeysEnd } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { contextAfterWrite, emptySiblings, live, resolveLastWriteWins, write } from '../../model/siblings.ts'
import { NodeSet } from '../../model/node-set.ts'
import { decodeSiblings, digestOf, encodeSiblings, outlineOf } from '../../model/siblings-codec.ts'
import { epochOf, uidOf, type VersionVector } from '../../model/version-vector.ts'
import type { Behaviour, Context } from '../../runtime/actor.ts'
import { type Completion, CorruptRecord, type Durability } from '../../storage/store.ts'
import type { NoteMended } from '../scrub/damage-protocol.ts'
import type { StoreResources } from '../store-resources.ts'
import { ackLedgerOf } from './ack-ledger.ts'
import type { Acked, DirectAck } from './ack-protocol.ts'
import type { PeekMessage } from './peek-protocol.ts'
import type { VnodeMessage, VnodeReply } from './vnode-protocol.ts'
import { mergedBytes } from './merged-bytes.ts'
import { type Wholeness, wholenessOf } from './wholeness.ts'
import { VnodeFloors } from './vnode-floor.ts'
import { VnodeOwed } from '../replication/vnode-owed.ts'
import { VnodeHints } from './vnode-hints.ts'
import { VnodeIntake } from './vnode-intake.ts'
import { markRestore } from './vnode-restore.ts'
import { VnodeRepair } from './vnode-repair.ts'
import { VnodeStrays } from './vnode-strays.ts'
import { VnodeTree } from './vnode-tree.ts'
import { writeFaultsOf } from './write-faults.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>
type Write = Extract<VnodeMessage, { kind: 'write' }>
type Replicate = Extract<VnodeMessage, { kind: 'replicate' }>
type Failed = Extract<VnodeReply, { kind: 'failed' }>

interface VnodeState {
  readonly partition: number
  readonly repair: VnodeRepair
  readonly floors: VnodeFloors
  /** To be told of every write of a user's key. */
  readonly tree: VnodeTree
  readonly hints: VnodeHints
  readonly intake: VnodeIntake
  readonly strays: VnodeStrays
  readonly owed: VnodeOwed
  readonly wholeness: Wholeness
  writes: number
  reads: number
}

const nothing = new Uint8Array(0)
const same: VnodeReply = Object.freeze({ kind: 'same' })
const stored: Readonly<Record<Durability, VnodeReply>> = Object.freeze({
  committed: Object.freeze({ kind: 'stored', durability: 'committed' }),
  flushed: Object.freeze({ kind: 'stored', durability: 'flushed' })
})
const keyExists = fault('key_exists', 'the key exists: use PUT with its context to replace it', { outcome: 'refused' })
const beginsEpoch = fault(
  'unavailable',
  'this host has lost a write and begins a new epoch: try again, or another host meanwhile',
  { outcome: 'refused' }
)
const pageBytesMax = 256 * 1024
const tellAcks: VnodeMessage = Object.freeze({ kind: 'tell-acks' })

/**
 * One replica of one partition: merges what it is given with what it has, mints dots, keeps the result.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.4
 */
export const vnode: Behaviour<VnodeState, VnodeMessage, { readonly partition: number }, StoreResources> = {
  kind: 'vnode',

  start({ partition }, context) {
    const tree = new VnodeTree(partition)
    const owed = new VnodeOwed(partition, context)
    const floors = new VnodeFloors(partition, tree, context)
    const mendNote = (key: Key): NoteMended => {
      const outcome = floors.mend(key, context)
      return outcome === 'no-note' ? owed.mend(key, context) : outcome
    }
    return {
      partition,
      tree,
      floors,
      hints: new VnodeHints(partition, owed, context),
      repair: new VnodeRepair(partition, tree, mendNote, context),
      intake: new VnodeIntake(partition, tree, floors),
      strays: new VnodeStrays(partition, tree, floors, owed, context),
      owed,
      wholeness: wholenessOf(context.resources.store),
      writes: 0,
      reads: 0
    }
  },

  receive(state, message, context) {
    if (state.strays.isClearing) state.strays.heard(message.kind)
    try {
      switch (message.kind) {
        case 'write':
          return mint(state, message, context)
        case 'replicate':
          return replicate(state, message, context)
        case 'read':
          if (!state.wholeness.isWhole) return refusePartial(message, context)
          state.reads++
          return context.send(message.replyTo, recordOf(state, message.key, readMerged(state, message.key, context)))
        case 'compare':
          if (!state.wholeness.isWhole) return refusePartial(message, context)
          return compare(state, message, context)
        case 'peek':
          return peek(state, message, context)
        case 'tell-acks':
          return ackLedgerOf(context.resources.store).tell(context)
        case 'scan':
          return scan(state, message, context)
        case 'inspect':
          return inspect(state, message, context)
        case 'hint':
        case 'hint-delivered':
        case 'hints-page':
        case 'hints-held':
          return state.hints.receive(message, context)
        case 'roots':
        case 'nodes':
        case 'list':
        case 'fetch':
        case 'fetch-page':
        case 'slice':
        case 'forget-listed':
          return state.tree.receive(message, key => state.floors.vectorFor(key), context)
        case 'scrub':
        case 'mend':
        case 'remind':
          return state.repair.receive(message, context)
        case 'strip':
        case 'want-floor':
        case 'guard-floor':
        case 'prepare-floor':
        case 'raise-floor':
        case 'sweep':
        case 'sweep-slice':
          return state.floors.receive(message, context)
        case 'take':
          return state.intake.receive(message, context)
        case 'begin-clearing':
        case 'forget-strays':
          return state.strays.receive(message, context)
        case 'open-restore':
        case 'close-restore':
          return markRestore(state.partition, message, context)
        case 'owed-page':
        case 'owed-delivered':
        case 'owed-recount':
          return state.owed.receive(message, context)
      }
    } catch (error) {
      // A record that fails its checksum is this key's misfortune, not the vnode's: others go on, and a replica can mend it.
      if (!(error instanceof CorruptRecord)) throw error
      const why = state.repair.found(error, context)
      if (message.kind === 'peek') context.send(message.replyTo, { kind: 'refused', fault: why, epoch: '' })
      else if ('replyTo' in message) context.send<Failed>(message.replyTo, { kind: 'failed', fault: why })
    }
  },

  stop(_state, _reason, context) {
    ackLedgerOf(context.resources.store).tell(context)
  },

  summary: state => ({ partition: state.partition, writes: state.writes, reads: state.reads, hints: state.hints.pending })
}

/** Who asks takes this host for one that it replaces, or does not know yet that it only joins. */
function refusePartial(message: Extract<VnodeMessage, { kind: 'read' | 'compare' }>, context: VnodeContext): void {
  context.send<VnodeReply>(message.replyTo, { kind: 'failed', fault: partial(context) })
}

function partial({ host }: VnodeContext): Fault {
  return fault('unavailable', `${host} does not have all its data yet: another replica has it`, { outcome: 'refused' })
}

/** To a client; see `PeekRequest`. */
function peek(state: VnodeState, message: PeekMessage, context: VnodeContext): void {
  const { key, slot, isDigest, needed, strength, replyTo } = message
  if (!state.wholeness.isWhole) return context.send(replyTo, { kind: 'refused', fault: partial(context), epoch: '' })
  state.reads++
  const record = readMerged(state, key, context)
  const digest = isDigest && record !== undefined ? digestOf(record) : 0
  const siblings = isDigest || record === undefined ? nothing : record
  context.send(replyTo, { kind: 'peeked', slot, needed, strength, digest, siblings })
}

function read(state: VnodeState, key: Key, context: VnodeContext): Uint8Array | undefined {
  return context.resources.store.read(state.partition, key)
}

/** With what is kept here for hosts that are away. */
function readMerged(state: VnodeState, key: Key, context: VnodeContext): Uint8Array | undefined {
  return state.hints.withHints(key, read(state, key, context), context)
}

function recordOf(state: VnodeState, key: Key, record: Uint8Array | undefined): VnodeReply {
  const siblings = record ?? nothing
  return state.floors.isAny ? { kind: 'record', siblings, floor: state.floors.vectorFor(key) } : { kind: 'record', siblings }
}

function mint(state: VnodeState, message: Write, context: VnodeContext): void {
  const { store, dots } = context.resources
  const before = read(state, message.key, context)
  if (message.standIn !== undefined) return state.hints.mint(message, message.standIn, before, context)
  const local = before === undefined ? emptySiblings : decodeSiblings(before)
  const seen = message.context ?? emptyContext
  if (message.create && live(local, context.wallMs()).length > 0) return refuse(message, keyExists, context)

  if (!dots.isWhole && local.context.cloud.length / 2 > limits.brokenEpochDotsMax) return refuse(message, beginsEpoch, context)
  const counter = dots.next()
  if (counterSeen(seen, dots.vnode) >= counter || counterSeen(local.context, dots.vnode) >= counter) {
    const detail =
      'the context names writes of this host that never happened: read the key again and send the context of that read'
    return refuse(message, fault('bad_request', detail, { outcome: 'refused' }), context)
  }
  const { value, contentType, modifiedMs, expiresMs, tombstone } = message
  const sibling = { vnode: dots.vnode, counter, value, contentType, modifiedMs, expiresMs, tombstone }
  const written = write(local, seen, sibling, dots.isWhole)
  const resolved = message.resolver === 'last-write-wins' ? resolveLastWriteWins(written) : written
  if (resolved.versions.length > limits.siblingsMax && resolved.versions.length > local.versions.length) {
    return refuse(message, tooManySiblings(local.versions.length), context)
  }
  const siblings = encodeSiblings(resolved)
  state.writes++
  const done = new Acknowledgement(message.replyTo, message.durability, state.partition, context)
  if (message.owes !== undefined) state.owed.owe(message.key, message.owes, siblings, true, message.resolver, context)
  // Refused at once: nobody has heard of the dot, so the write is refused as a whole.
  if (!store.write(state.partition, message.key, siblings, message.durability, done)) return
  state.tree.changed(message.key, before, siblings)
  if (tombstone) state.floors.tombstoneCame()
  context.send(message.replyTo, {
    kind: 'minted',
    siblings,
    context: contextAfterWrite(resolved, seen, { vnode: dots.vnode, counter })
  })
}

function refuse(message: Write, why: Fault, context: VnodeContext): void {
  context.send<VnodeReply>(message.replyTo, { kind: 'failed', fault: why })
}

function tooManySiblings(size: number): Fault {
  const detail = `the key has ${size} concurrent values, the limit is ${limits.siblingsMax}: read it and write the merged value with the context of that read`
  return fault('too_many_siblings', detail, { limit: limits.siblingsMax, size, outcome: 'refused' })
}

function replicate(state: VnodeState, message: Replicate, context: VnodeContext): void {
  const { store } = context.resources
  const before = read(state, message.key, context)
  let incoming = message.siblings
  let outline = outlineOf(incoming)
  let purged: VersionVector | undefined
  if (state.floors.isAny) {
    const theirs = decodeSiblings(incoming)
    const taken = state.floors.admit(message.key, before, theirs, message.floor, message.replyTo, context)
    if (taken === undefined) return
    if (taken !== theirs) {
      // The sender still has what was purged here.
      if (taken.context !== theirs.context) purged = state.floors.vectorFor(message.key)
      incoming = encodeSiblings(taken)
      outline = outlineOf(incoming)
    }
  }
  // It says nothing, so there is nothing to keep.
  if (before === undefined && outline.dots.length === 0) return context.send<VnodeReply>(message.replyTo, stored.flushed)
  if (outline.hasTombstone) state.floors.tombstoneCame()
  const merged = mergedBytes(before, incoming, message.resolver, outline)
  state.writes++
  // What adds nothing is written all the same: the acknowledgement promises that it is durable, and what is here may not be yet.
  const { replyTo, durability, direct } = message
  const done = new Acknowledgement(replyTo, durability, state.partition, context, purged, direct)
  if (store.write(state.partition, message.key, merged, durability, done)) state.tree.changed(message.key, before, merged)
}

function compare(state: VnodeState, message: Extract<VnodeMessage, { kind: 'compare' }>, context: VnodeContext): void {
  state.reads++
  const record = readMerged(state, message.key, context)
  const digest = record === undefined ? 0 : digestOf(record)
  context.send<VnodeReply>(message.replyTo, digest === message.digest ? same : recordOf(state, message.key, record))
}

function scan(state: VnodeState, message: Extract<VnodeMessage, { kind: 'scan' }>, context: VnodeContext): void {
  const pairsMax = Math.min(message.pairsMax, limits.listPageMax)
  const page = context.resources.store.scan(state.partition, message.after ?? systemKeysEnd, pairsMax)
  if (page.corrupt.length > 0) state.repair.foundAll(page.corrupt, context)
  const known = message.known === undefined ? undefined : new Map(message.known)
  const pairs: { key: Key; siblings: Uint8Array; digest?: number }[] = []
  let { next } = page
  let bytes = 0
  const wanted = message.below === undefined ? undefined : new NodeSet(message.below)
  for (const { key, record } of page.pairs) {
    if (wanted?.has(key) === false) continue
    const asked = message.digestsOnly === true || known?.has(key) === true ? digestOf(record) : undefined
    const digest = message.digestsOnly === true || asked === known?.get(key) ? asked : undefined
    bytes += key.length + (message.keysOnly || digest !== undefined ? 0 : record.length)
    // One page is one bus message: where records are large, it ends early.
    if (bytes > pageBytesMax && pairs.length > 0) {
      next = pairs.at(-1)?.key
      break
    }
    if (digest !== undefined) pairs.push({ key, siblings: nothing, digest })
    else if (!message.keysOnly) pairs.push({ key, siblings: record })
    else if (live(decodeSiblings(record), context.wallMs()).length > 0) pairs.push({ key, siblings: nothing })
  }
  const floors = !message.keysOnly && message.digestsOnly !== true && state.floors.isAny ? state.floors.kept : undefined
  context.send(message.replyTo, { kind: 'page', pairs, next, corrupt: page.corrupt.length, floors })
}

function inspect(state: VnodeState, message: Extract<VnodeMessage, { kind: 'inspect' }>, context: VnodeContext): void {
  const record = read(state, message.key, context)
  const { versions } = record === undefined ? emptySiblings : decodeSiblings(record)
  context.send(message.replyTo, {
    kind: 'inspected',
    found: record !== undefined,
    dots: versions.map(
      version => [`${uidOf(version.vnode)}.${state.partition}.${epochOf(version.vnode)}`, version.counter] as const
    ),
    siblings: versions.length,
    tombstone: versions.length > 0 && versions.every(version => version.tombstone),
    digest: record === undefined ? '' : digestOf(record).toString(16),
    bytes: record?.length ?? 0,
    hints: state.hints.inspect(message.key, context)
  })
}

/** Tells the coordinator when the write is as durable as it asked, or that it is not stored. */
class Acknowledgement implements Completion {
  readonly #to: Ref<VnodeReply>
  readonly #durability: Durability
  readonly #partition: number
  readonly #context: VnodeContext
  readonly #purged: VersionVector | undefined
  readonly #direct: DirectAck | undefined

  constructor(
    to: Ref<VnodeReply>,
    durability: Durability,
    partition: number,
    context: VnodeContext,
    purged?: VersionVector,
    direct?: DirectAck
  ) {
    this.#to = to
    this.#durability = durability
    this.#partition = partition
    this.#context = context
    this.#purged = purged
    this.#direct = direct
  }

  settled(why: Fault | undefined): void {
    if (why === undefined) this.#context.resources.dots.recovered()
    else writeFaultsOf(this.#context.resources.store).add(this.#partition)
    if (why === undefined && this.#direct !== undefined && this.#tellClient(this.#direct)) return
    this.#context.send(this.#to, why === undefined ? this.#stored() : { kind: 'failed', fault: why })
  }

  /**
   * By the ring of now, not of when it came: once this thread has settled by another one, owners to be fetch from here, and what is stored later
   * may reach no quorum of theirs.
   */
  #tellClient({ client, slot, epoch }: DirectAck): boolean {
    const { store } = this.#context.resources
    const wholeness = wholenessOf(store)
    if (wholeness.epoch !== epoch || !wholeness.isWhole || this.#purged !== undefined) return false
    this.#context.send<Acked>(client, { kind: 'acked', slot })
    if (ackLedgerOf(store).add(this.#to, this.#context)) this.#context.after(limits.lateAcksMs, tellAcks)
    return true
  }

  #stored(): VnodeReply {
    return this.#purged === undefined
      ? stored[this.#durability]
      : { kind: 'stored', durability: this.#durability, purged: this.#purged }
  }
}
