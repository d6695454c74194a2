import type { Fault } from '../../model/fault.ts'
import { admitted, keptBeside } from '../../model/floor.ts'
import { type Key, systemKeysEnd } from '../../model/key.ts'
import type { Siblings } from '../../model/siblings.ts'
import { decodeSiblings, digestOf, encodeSiblings } from '../../model/siblings-codec.ts'
import type { Context } from '../../runtime/actor.ts'
import { CorruptRecord } from '../../storage/store.ts'
import type { StoreResources } from '../store-resources.ts'
import { mergedBytes } from './merged-bytes.ts'
import type { VnodeFloors } from './vnode-floor.ts'
import { SettledWrites } from './settled-writes.ts'
import type { IntakeMessage, IntakeReply, TakenPair, VnodeMessage } from './vnode-protocol.ts'
import type { VnodeTree } from './vnode-tree.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>

interface Page {
  readonly writes: SettledWrites
  /** false: the store has refused one of its writes at once. */
  isTaken: boolean
}

/** Keys of its own that a vnode compares in one turn. */
const ownKeysMax = 256

/**
 * Takes a partition over from an owner, page by page in key order: what the owner has is merged with what is here, and what is here of events
 * that the owner's floor covers, and that the owner does not hold, is dropped. So the floor is true here as well: at once for the keys
 * that were compared, and for all of them, and kept, with the last page.
 * @see docs/decisions/0009-tombstones-by-floors.md
 */
export class VnodeIntake {
  readonly #partition: number
  readonly #tree: VnodeTree
  readonly #floors: VnodeFloors

  constructor(partition: number, tree: VnodeTree, floors: VnodeFloors) {
    this.#partition = partition
    this.#tree = tree
    this.#floors = floors
  }

  receive(message: IntakeMessage, context: VnodeContext): void {
    const { intake, after, replyTo } = message
    if (after === undefined) this.#floors.beginIntake(intake, message.floors)
    const current = this.#floors.intake
    if (current?.isAt(intake, after ?? systemKeysEnd) !== true) return context.send(replyTo, lost)
    if (!current.areKept(message.floors)) return context.send(replyTo, lost)
    const own = this.#ownRecords(after ?? systemKeysEnd, message.upTo, context)
    const pairs = message.pairs.filter(
      ({ key }) => (after === undefined || key > after) && (own.upTo === undefined || key <= own.upTo)
    )
    if (pairs.some(pair => !isAsKnown(pair, own.records))) return context.send(replyTo, changed)
    const told = (why: Fault | undefined): void => {
      // It was let go meanwhile: what came before may be forgotten again.
      if (this.#floors.intake !== current) context.send(replyTo, lost)
      else this.#settled(message, own.upTo, why, context)
    }
    const page: Page = { writes: new SettledWrites(this.#partition, context.resources.store, told), isTaken: true }
    for (const pair of pairs) {
      this.#merge(pair, own.records.get(pair.key), page, context)
      own.records.delete(pair.key)
    }
    for (const [key, record] of own.records) this.#compare(key, record, page, context)
    if (page.isTaken) current.cameTo(own.upTo)
    page.writes.close()
  }

  /** What is here behind `after`, up to `upTo` or as far as one turn may go. */
  #ownRecords(
    after: Key,
    upTo: Key | undefined,
    { resources }: VnodeContext
  ): { readonly records: Map<Key, Uint8Array>; readonly upTo: Key | undefined } {
    const { pairs, corrupt, next } = resources.store.scan(this.#partition, after, ownKeysMax)
    const isBehind = next === undefined || (upTo !== undefined && upTo < next)
    const end = isBehind ? upTo : next
    for (const key of corrupt) if (end === undefined || key <= end) throw new CorruptRecord(key, 'a scan found it')
    const records = new Map<Key, Uint8Array>()
    for (const { key, record } of pairs) if (end === undefined || key <= end) records.set(key, record)
    return { records, upTo: end }
  }

  #merge(pair: TakenPair, before: Uint8Array | undefined, page: Page, context: VnodeContext): void {
    const { key, resolver } = pair
    const siblings = pair.digest === undefined ? pair.siblings : before!
    const theirs = decodeSiblings(siblings)
    const floor = this.#floors.intake?.theirsFor(key)
    const own = before === undefined ? undefined : decodeSiblings(before)
    const kept = own === undefined || floor === undefined ? own : keptBeside(own, floor, theirs)
    const ownFloor = this.#floors.vectorFor(key)
    const taken = ownFloor === undefined ? theirs : admitted(ownFloor, kept, theirs, floor)
    if (taken?.versions.some(({ tombstone }) => tombstone)) this.#floors.tombstoneCame()
    const ours = kept === own ? before : bytesOf(kept)
    if (taken === undefined) return this.#keep(key, before, ours, page, context)
    this.#keep(key, before, mergedBytes(ours, taken === theirs ? siblings : encodeSiblings(taken), resolver), page, context)
  }

  /** Of a key that the owner does not have. */
  #compare(key: Key, before: Uint8Array, page: Page, context: VnodeContext): void {
    const floor = this.#floors.intake?.theirsFor(key)
    if (floor === undefined) return
    const own = decodeSiblings(before)
    const kept = keptBeside(own, floor, undefined)
    if (kept !== own) this.#keep(key, before, bytesOf(kept), page, context)
  }

  #keep(key: Key, before: Uint8Array | undefined, record: Uint8Array | undefined, page: Page, context: VnodeContext): void {
    const { store } = context.resources
    if (record !== undefined) {
      // What is the same is written all the same: what is here may not be durable yet.
      if (!store.write(this.#partition, key, record, 'flushed', page.writes.expect())) page.isTaken = false
      else this.#tree.changed(key, before, record)
    } else if (before !== undefined) {
      if (!store.erase(this.#partition, key, page.writes.expect())) page.isTaken = false
      else this.#tree.changed(key, before, undefined)
    }
  }

  #settled({ upTo, replyTo }: IntakeMessage, came: Key | undefined, why: Fault | undefined, context: VnodeContext): void {
    if (why !== undefined) return context.send(replyTo, { kind: 'failed', fault: why })
    const taken: IntakeReply = { kind: 'taken', upTo: came }
    if (came !== undefined || upTo !== undefined) return context.send(replyTo, taken)
    this.#floors.endIntake(fault => {
      context.send(replyTo, fault === undefined ? taken : { kind: 'failed', fault })
    }, context)
  }
}

const lost: IntakeReply = Object.freeze({ kind: 'intake-lost' })
const changed: IntakeReply = Object.freeze({ kind: 'intake-changed' })

/** Whether what was said to be here already is here still. */
function isAsKnown({ key, digest }: TakenPair, records: ReadonlyMap<Key, Uint8Array>): boolean {
  if (digest === undefined) return true
  const record = records.get(key)
  return record !== undefined && digestOf(record) === digest
}

function bytesOf(siblings: Siblings | undefined): Uint8Array | undefined {
  return siblings === undefined ? undefined : encodeSiblings(siblings)
}
