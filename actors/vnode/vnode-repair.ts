import { addressOf, type Ref } from '../../bus/bus.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { hintsEnd, hintsStart } from '../../model/hint.ts'
import { type Key, keyBytesOf, systemKeysEnd } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { emptySiblings, merge } from '../../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import type { Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import { CorruptRecord } from '../../storage/store.ts'
import type { Settlement } from '../floor/floor-protocol.ts'
import type { MendWanted } from '../scrub/record-repairer-protocol.ts'
import type { StoreResources } from '../store-resources.ts'
import type { VnodeMessage } from './vnode-protocol.ts'
import type { NoteMended, RepairMessage, RepairReply } from '../scrub/damage-protocol.ts'
import type { VnodeTree } from './vnode-tree.ts'
import { writeFaultsOf } from './write-faults.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>

const scrubPairs = 64
/** Until the repairer is told again; it forgets what it was told when it is started anew. */
const remindMs = 10_000

/**
 * The damaged records of one vnode. Such a record is an error of its key: never served, never taken for 'nothing', never written over
 * by a merge that passes it over. It stays so until all other owners have said what they know of the key.
 * @see docs/decisions/0008-corrupt-records.md
 */
export class VnodeRepair {
  readonly #partition: number
  readonly #tree: VnodeTree
  readonly #mendNote: (key: Key) => NoteMended
  /** Keys that were counted, and that the repairer was told. What is beyond the limit is found again later. */
  readonly #quarantine = new Set<Key>()
  readonly #corrupt: Counter
  readonly #repaired: Counter
  readonly #lost: Counter
  #isReminding = false

  /** @param mendNote puts right what the vnode alone has: floors, and what it owes other datacenters */
  constructor(partition: number, tree: VnodeTree, mendNote: (key: Key) => NoteMended, { metrics }: VnodeContext) {
    this.#partition = partition
    this.#tree = tree
    this.#mendNote = mendNote
    this.#corrupt = metrics.counter('corrupt_records_total', 'Records whose checksum did not hold; never served')
    this.#repaired = metrics.counter('repaired_records_total', 'Damaged records put right from the other owners')
    this.#lost = metrics.counter('lost_records_total', 'Damaged records of which no other owner knew anything')
  }

  get size(): number {
    return this.#quarantine.size
  }

  receive(message: RepairMessage, context: VnodeContext): void {
    switch (message.kind) {
      case 'scrub':
        return this.#scrub(message.after, message.replyTo, context)
      case 'mend':
        return this.#mend(message.key, message.siblings, message.replyTo, context)
      case 'remind':
        return this.#remind(context)
    }
  }

  /** A read has found it. @returns the answer to whoever wanted the key */
  found({ key, message }: CorruptRecord, context: VnodeContext): Fault {
    const why = fault('corrupt_record', `${message}; it is being repaired from the other replicas: ask one of them meanwhile`, {
      outcome: 'refused'
    })
    if (this.#quarantine.has(key) || this.#isNote(key, message, context)) return why
    if (this.#quarantine.size >= limits.quarantineMax) {
      context.log.warn(
        { partition: this.#partition, limit: limits.quarantineMax },
        'more records are damaged than are kept track of'
      )
      return why
    }
    this.#quarantine.add(key)
    this.#corrupt.add()
    context.log.error({ partition: this.#partition, key: keyBytesOf(key).toString('base64url') }, message)
    // Whatever this thread minted for the key is not held here any more: see `DotClock`.
    context.resources.dots.abandon()
    this.#tree.forget()
    tellRepairer(this.#partition, key, context)
    if (!this.#isReminding) context.after(remindMs, { kind: 'remind' })
    this.#isReminding = true
    return why
  }

  #isNote(key: Key, message: string, context: VnodeContext): boolean {
    if (key > systemKeysEnd) return false
    const outcome = this.#mendNote(key)
    if (outcome === 'no-note') return false
    this.#corrupt.add()
    if (outcome === 'mended') this.#repaired.add()
    else this.#lost.add()
    const fields = { partition: this.#partition, key: Buffer.from(key, 'latin1').toString('base64url'), outcome }
    context.log.error(fields, `${message}; it is a note of this replica's own`)
    return true
  }

  /** A scan has found them. */
  foundAll(keys: readonly Key[], context: VnodeContext): void {
    for (const key of keys) this.found(new CorruptRecord(key, 'a scan found it'), context)
  }

  #remind(context: VnodeContext): void {
    for (const key of this.#quarantine) tellRepairer(this.#partition, key, context)
    this.#isReminding = this.#quarantine.size > 0
    if (this.#isReminding) context.after(remindMs, { kind: 'remind' })
  }

  #scrub(after: Key | undefined, replyTo: Ref<RepairReply | Settlement>, context: VnodeContext): void {
    const { pairs, corrupt, next } = context.resources.store.scan(this.#partition, after, scrubPairs)
    this.foundAll(corrupt, context)
    let bytes = 0
    for (const { key, record } of pairs) bytes += key.length + record.length
    const keys = pairs.length + corrupt.length
    context.send(replyTo, { kind: 'scrubbed', partition: this.#partition, keys, bytes, corrupt: corrupt.length, next })
  }

  #mend(key: Key, siblings: Uint8Array, replyTo: Ref<RepairReply | Settlement>, context: VnodeContext): void {
    const { store } = context.resources
    const sound = soundRecord(this.#partition, key, context)
    const isHint = key > hintsStart && key < hintsEnd
    if (sound === undefined && siblings.length === 0 && !isHint) {
      // Nothing to put in its place: what only this replica knew is lost, and an error for ever would help nobody.
      const done = new Mended(this.#partition, replyTo, () => this.#settled(key, this.#lost, context), context)
      if (store.erase(this.#partition, key, done)) this.#tree.forget()
      return
    }
    const known = siblings.length === 0 ? emptySiblings : decodeSiblings(siblings)
    // An empty hint is delivered like any other, so that the ledger of hints stays right.
    const mended =
      sound === undefined
        ? siblings.length === 0
          ? encodeSiblings(emptySiblings)
          : siblings
        : encodeSiblings(merge(decodeSiblings(sound), known))
    const done = new Mended(this.#partition, replyTo, () => this.#settled(key, this.#repaired, context), context)
    if (store.write(this.#partition, key, mended, 'flushed', done)) this.#tree.forget()
  }

  #settled(key: Key, counter: Counter, context: VnodeContext): void {
    if (!this.#quarantine.delete(key)) return
    counter.add()
    const fields = { partition: this.#partition, key: keyBytesOf(key).toString('base64url') }
    if (counter === this.#lost)
      context.log.error(fields, 'a damaged record was dropped: no other owner knows anything of its key')
    else context.log.info(fields, 'a damaged record was repaired from the other owners')
  }
}

function tellRepairer(partition: number, key: Key, context: VnodeContext): void {
  const repairer: Ref<MendWanted> = { address: addressOf(context.thread, 'record-repairer'), correlation: 0, incarnation: 0 }
  context.send(repairer, { kind: 'mend-wanted', partition, key })
}

/** undefined: it is damaged, or gone. */
function soundRecord(partition: number, key: Key, context: VnodeContext): Uint8Array | undefined {
  try {
    return context.resources.store.read(partition, key)
  } catch (error) {
    if (error instanceof CorruptRecord) return undefined
    throw error
  }
}

class Mended {
  readonly #partition: number
  readonly #replyTo: Ref<RepairReply | Settlement>
  readonly #done: () => void
  readonly #context: VnodeContext

  constructor(partition: number, replyTo: Ref<RepairReply | Settlement>, done: () => void, context: VnodeContext) {
    this.#partition = partition
    this.#replyTo = replyTo
    this.#done = done
    this.#context = context
  }

  settled(why: Fault | undefined): void {
    if (why === undefined) this.#done()
    else writeFaultsOf(this.#context.resources.store).add(this.#partition)
    this.#context.send(
      this.#replyTo,
      why === undefined ? { kind: 'stored', durability: 'flushed' } : { kind: 'failed', fault: why }
    )
  }
}
