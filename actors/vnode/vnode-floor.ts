import type { Ref } from '../../bus/bus.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { admitted, type Floor, isPurgeable, stripped } from '../../model/floor.ts'
import { hintsStart, standInIdOf } from '../../model/hint.ts'
import { type Key, systemKeysEnd } from '../../model/key.ts'
import { owedEnd } from '../../model/owed.ts'
import { emptySiblings, type Siblings } from '../../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import { counterOf, join } from '../../model/version-vector.ts'
import type { Context } from '../../runtime/actor.ts'
import type { Counter } from '../../runtime/metrics.ts'
import { type Completion, retiredMs, type Store } from '../../storage/store.ts'
import { decodeFloor, encodeFloor, floorKeysOf, floorsEnd, floorsStart, type KeptFloor } from '../floor/floor-codec.ts'
import { type CameVersions, noteCame } from './came-versions.ts'
import { ClassLookup, classesHash, classesIn, type KeyClasses } from './key-classes.ts'
import { FloorIntake, type LookedUpFloor, vectorIn, withLookup } from './kept-floors.ts'
import { SettledWrites } from './settled-writes.ts'
import type { StoreResources } from '../store-resources.ts'
import type { NoteMended } from '../scrub/damage-protocol.ts'
import type { FloorMessage, FloorReply, Settlement } from '../floor/floor-protocol.ts'
import type { VnodeMessage } from './vnode-protocol.ts'
import { isRestoreOpen } from './vnode-restore.ts'
import type { VnodeTree } from './vnode-tree.ts'
import { writeFaultsOf } from './write-faults.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>
type FloorRef = Ref<FloorReply | Settlement>
type Raise = Extract<FloorMessage, { kind: 'raise-floor' }>

/** What has come since a floor was prepared. */
interface Prepared {
  readonly token: string
  readonly failures: number
  readonly came: CameVersions
}

interface Sweep {
  /** Every owner keeps the floor. false: only count. */
  readonly purges: boolean
  after: Key | undefined
  purged: number
  /** Tombstones that stay, by class. */
  readonly left: Map<number, number>
  readonly waiting: FloorRef[]
}

const slicePairs = 128
const slicePauseMs = 5
const floorsMax = 64

/**
 * The floors of one vnode: what they purge, and what they keep from coming back.
 * A vnode without tombstones has none; then a write costs one comparison more.
 * @see docs/decisions/0009-tombstones-by-floors.md
 */
export class VnodeFloors {
  readonly #partition: number
  readonly #tree: VnodeTree
  readonly #store: Store
  readonly #purged: Counter
  readonly #refused: Counter
  readonly #kept: LookedUpFloor[] = []
  #prepared: Prepared | undefined
  #intake: FloorIntake | undefined
  #prepares = 0
  /** Floors that are being written. */
  #enforcing = 0
  #tombstones = 0
  /** Of the last sweep; undefined: there was none yet. */
  #left: ReadonlyMap<number, number> | undefined
  #tombstonesThen = 0
  #classes: KeyClasses | undefined
  #sweep: Sweep | undefined

  constructor(partition: number, tree: VnodeTree, context: VnodeContext) {
    this.#partition = partition
    this.#tree = tree
    this.#store = context.resources.store
    this.#purged = context.metrics.counter(
      'tombstones_purged_total',
      'Tombstones erased since every owner has proved to know them'
    )
    this.#refused = context.metrics.counter(
      'obsolete_records_total',
      'Records that came back after they were purged, and were not taken'
    )
    this.#load(context)
  }

  get isAny(): boolean {
    return this.#kept.length > 0 || this.#prepared !== undefined || this.#intake !== undefined
  }

  /** As they are kept here, to be taken over with the partition. */
  get kept(): readonly KeptFloor[] {
    return this.#kept.map(({ n, vector, classes }) => ({ n, vector, classes }))
  }

  get tombstones(): number {
    return [...(this.#left?.values() ?? [])].reduce((sum, count) => sum + count, this.#tombstones - this.#tombstonesThen)
  }

  /** The floor of the key's class as it holds here; undefined: none. */
  vectorFor(key: Key): Floor | undefined {
    const floor = vectorIn(this.#kept, key)
    const theirs = this.#intake?.vectorFor(key)
    return floor === undefined || theirs === undefined ? (floor ?? theirs) : join(floor, theirs)
  }

  /** The partition is being taken over from another owner; undefined: not now. */
  get intake(): FloorIntake | undefined {
    return this.#intake
  }

  /** The first page comes. @param floors what the owner kept before any of its records was read */
  beginIntake(id: string, floors: readonly KeptFloor[]): void {
    this.#intake = new FloorIntake(id, floors, systemKeysEnd, this.#store)
  }

  /** All has come: from here on the owner's floors are this vnode's own. `told` when they are flushed, or why not. */
  endIntake(told: (why: Fault | undefined) => void, context: VnodeContext): void {
    const adopted = this.#intake?.floors ?? []
    this.#intake = undefined
    const all = new SettledWrites(this.#partition, this.#store, told)
    for (const { n, vector, classes } of adopted) {
      const own = this.#kept.find(kept => kept.n === n)
      const isSame = own !== undefined && classesHash(own.classes) === classesHash(classes)
      const completion = all.expect()
      this.#enforce(
        own,
        { n, vector: isSame ? join(own.vector, vector) : vector, classes },
        why => completion.settled(why),
        context
      )
    }
    all.close()
  }

  /**
   * The partition is given away: nothing is in force from here on, and an intake or a round that is under way comes to nothing.
   * @returns false: a floor is being written just now, and nothing was done
   */
  letGo(): boolean {
    if (this.#enforcing > 0) return false
    this.#kept.length = 0
    this.#prepared = undefined
    this.#intake = undefined
    // Counted anew when somebody asks.
    this.#left = undefined
    return true
  }

  /** A tombstone is written here. */
  tombstoneCame(): void {
    this.#tombstones++
  }

  /**
   * What of a record from elsewhere is to be merged with what is here. To be asked only where there `isAny` floor.
   * @returns `incoming` itself where it may all come in; undefined: none of it, and the sender was told
   */
  admit(
    key: Key,
    before: Uint8Array | undefined,
    incoming: Siblings,
    senders: Floor | undefined,
    replyTo: FloorRef,
    context: VnodeContext
  ): Siblings | undefined {
    const local = before === undefined ? undefined : decodeSiblings(before)
    const floor = this.vectorFor(key)
    const taken = floor === undefined ? incoming : admitted(floor, local, incoming, senders)
    if (taken === undefined && floor !== undefined) {
      this.#refused.add()
      context.send(replyTo, { kind: 'obsolete', floor })
      return undefined
    }
    if (this.#prepared !== undefined && taken !== undefined) noteCame(this.#prepared.came, local ?? emptySiblings, taken)
    return taken
  }

  receive(message: FloorMessage, context: VnodeContext): void {
    switch (message.kind) {
      case 'strip':
        return this.#strip(message.key, message.floor, message.replyTo, context)
      case 'want-floor':
        return this.#want(message.classes, message.replyTo, context)
      case 'guard-floor':
        return context.send(message.replyTo, this.#guard(context))
      case 'prepare-floor':
        return this.#prepare(message.n, message.replyTo, context)
      case 'raise-floor':
        return this.#raise(message, context)
      case 'sweep':
        return this.#startSweep(true, message.replyTo, context)
      case 'sweep-slice':
        return this.#slice(context)
    }
  }

  #load(context: VnodeContext): void {
    const { pairs, corrupt } = context.resources.store.scan(this.#partition, floorsStart, floorsMax)
    for (const { key, record } of pairs) {
      if (key >= floorsEnd) break
      const kept = decodeFloor(record)
      // One that covers nothing was about to be erased, see `VnodeStrays`.
      if (kept !== undefined && kept.vector.length > 0) this.#keep(kept)
      else if (kept === undefined)
        context.log.error({ partition: this.#partition }, 'a floor of an unknown format is passed over')
    }
    for (const key of corrupt) {
      if (key < floorsEnd) context.log.error({ partition: this.#partition }, 'a copy of a floor is damaged; the other one holds')
    }
  }

  /** Writes a damaged copy of a floor anew from the other one. */
  mend(key: Key, context: VnodeContext): NoteMended {
    if (key <= floorsStart || key >= floorsEnd) return 'no-note'
    const kept = this.#kept.find(({ n }) => floorKeysOf(n).includes(key))
    if (kept !== undefined) this.#enforce(kept, kept, nobody, context)
    return kept === undefined ? 'lost' : 'mended'
  }

  /** Two copies of a class are one floor: what either proves holds. */
  #keep(floor: KeptFloor): void {
    const at = this.#kept.findIndex(({ n }) => n === floor.n)
    if (at < 0) this.#kept.push(withLookup(floor))
    else this.#kept[at] = withLookup(floor)
  }

  #want(classes: KeyClasses, replyTo: FloorRef, context: VnodeContext): void {
    this.#classes = classes
    if (this.#left === undefined && this.#sweep === undefined) this.#startSweep(false, undefined, context)
    const wanted = new Set<number>()
    for (const [n, count] of this.#left ?? []) if (count > 0) wanted.add(n)
    if (this.#left !== undefined && this.#tombstones > this.#tombstonesThen) for (const n of classesIn(classes)) wanted.add(n)
    context.send(replyTo, {
      kind: 'floor-wanted',
      partition: this.#partition,
      classes: [...wanted].sort((a, b) => a - b),
      tombstones: this.#tombstones
    })
  }

  #guard(context: VnodeContext): FloorReply {
    const { dots, store } = context.resources
    const { pairs, corrupt } = store.scan(this.#partition, hintsStart, 1)
    // What is owed to another datacenter lies right behind the hints, and is as much on its way as they are.
    const hints = (pairs[0]?.key ?? owedEnd) < owedEnd || (corrupt[0] ?? owedEnd) < owedEnd
    const users = store.scan(this.#partition, systemKeysEnd, 1)
    const records = users.pairs.length + users.corrupt.length > 0
    const ids: number[] = []
    // Of an id that has lost something, nobody knows what else of it is on its way.
    const counter = dots.isWhole ? dots.counter : 0
    ids.push(dots.vnode, counter, standInIdOf(dots.vnode), counter)
    for (const { vnode, atMs } of dots.retired) if (context.now() - atMs < retiredMs) ids.push(vnode, 0, standInIdOf(vnode), 0)
    const restore = isRestoreOpen(store, this.#partition)
    // A leader of an earlier release knows only of hints.
    return { kind: 'floor-guarded', partition: this.#partition, hints: hints || restore, restore, records, ids }
  }

  #prepare(n: number, replyTo: FloorRef, context: VnodeContext): void {
    const { failures } = context.resources.store
    const token = `${context.incarnation}-${++this.#prepares}`
    this.#prepared = { token, failures, came: new Map() }
    const floor = this.#kept.find(kept => kept.n === n)?.vector ?? []
    context.send(replyTo, { kind: 'floor-prepared', partition: this.#partition, token, floor })
  }

  #raise({ n, classes, token, floor, replyTo }: Raise, context: VnodeContext): void {
    const prepared = this.#prepared
    const { store } = context.resources
    if (prepared?.token !== token) return fail(replyTo, outdated, context)
    this.#prepared = undefined
    if (prepared.failures !== store.failures) return fail(replyTo, changed, context)
    for (const [vnode, lowest] of prepared.came) if (counterOf(floor, vnode) >= lowest) return fail(replyTo, changed, context)
    const before = this.#kept.find(kept => kept.n === n)
    const kept: KeptFloor = { n, vector: join(before?.vector ?? [], floor), classes }
    const told = (why: Fault | undefined): void =>
      context.send(replyTo, why === undefined ? stored : { kind: 'failed', fault: why })
    this.#enforce(before, kept, told, context)
  }

  /** Keep a floor in the place of `before`. */
  #enforce(
    before: LookedUpFloor | undefined,
    floor: KeptFloor,
    told: (why: Fault | undefined) => void,
    context: VnodeContext
  ): void {
    this.#enforcing++
    const settled = (why: Fault | undefined): void => {
      this.#enforcing--
      if (why !== undefined) {
        // It is true all the same, but after a crash nobody would know it.
        const at = this.#kept.findIndex(({ n }) => n === floor.n)
        if (at >= 0) this.#kept.splice(at, 1)
        if (before !== undefined) this.#keep(before)
      }
      told(why)
    }
    const record = encodeFloor(floor)
    const [first, second] = floorKeysOf(floor.n)
    // In force at once: from here on, what it covers and is not here must not come in any more.
    this.#keep(floor)
    this.#store.write(this.#partition, first, record, 'flushed', ignored)
    this.#store.write(this.#partition, second, record, 'flushed', new Settled(this.#partition, settled, context))
  }

  #startSweep(purges: boolean, replyTo: FloorRef | undefined, context: VnodeContext): void {
    const isRunning = this.#sweep !== undefined
    // One that runs may have passed keys that are to go now: begin again.
    const waiting = this.#sweep?.waiting ?? []
    this.#sweep = { purges: purges || this.#sweep?.purges === true, after: systemKeysEnd, purged: 0, left: new Map(), waiting }
    if (replyTo !== undefined) this.#sweep.waiting.push(replyTo)
    this.#tombstonesThen = this.#tombstones
    if (!isRunning) context.after(slicePauseMs, { kind: 'sweep-slice' })
  }

  #slice(context: VnodeContext): void {
    const sweep = this.#sweep
    if (sweep === undefined) return
    const page = context.resources.store.scan(this.#partition, sweep.after, slicePairs)
    const lookup = new ClassLookup(this.#classes ?? { replicas: context.resources.settings.defaults.n, others: [] })
    for (const { key, record } of page.pairs) this.#consider(sweep, key, record, lookup, context)
    sweep.after = page.next
    if (page.next !== undefined) return void context.after(slicePauseMs, { kind: 'sweep-slice' })
    this.#sweep = undefined
    this.#left = sweep.left
    const left = [...sweep.left.values()].reduce((sum, count) => sum + count, 0)
    for (const to of sweep.waiting) context.send(to, { kind: 'swept', partition: this.#partition, purged: sweep.purged, left })
  }

  #consider(sweep: Sweep, key: Key, record: Uint8Array, lookup: ClassLookup, context: VnodeContext): void {
    const siblings = decodeSiblings(record)
    if (!siblings.versions.some(({ tombstone }) => tombstone)) return
    const floor = this.vectorFor(key)
    if (sweep.purges && floor !== undefined && isPurgeable(floor, siblings)) {
      this.#erase(key, record, new Settled(this.#partition, nobody, context), context)
      this.#purged.add()
      sweep.purged++
    } else {
      const n = lookup.of(key)
      sweep.left.set(n, (sweep.left.get(n) ?? 0) + 1)
    }
  }

  #erase(key: Key, record: Uint8Array, done: Completion, context: VnodeContext): void {
    if (context.resources.store.erase(this.#partition, key, done)) this.#tree.changed(key, record, undefined)
  }

  #strip(key: Key, others: Floor, replyTo: FloorRef, context: VnodeContext): void {
    const { store } = context.resources
    const record = store.read(this.#partition, key)
    const held = record === undefined ? undefined : decodeSiblings(record)
    if (record === undefined || held === undefined) return context.send(replyTo, stored)
    const left = stripped(held, this.vectorFor(key), others)
    if (left === held) return context.send(replyTo, stored)
    const settled = (why: Fault | undefined): void =>
      context.send(replyTo, why === undefined ? stored : { kind: 'failed', fault: why })
    const done = new Settled(this.#partition, settled, context)
    if (left === undefined) return this.#erase(key, record, done, context)
    const bytes = encodeSiblings(left)
    if (store.write(this.#partition, key, bytes, 'flushed', done)) this.#tree.changed(key, record, bytes)
  }
}

const stored: Settlement = Object.freeze({ kind: 'stored', durability: 'flushed' })
const outdated = fault('unavailable', 'the floor was prepared anew meanwhile, or the vnode was', { outcome: 'refused' })
const changed = fault('unavailable', 'something came or was lost for which the floor would be wrong', { outcome: 'refused' })
const nobody = (): void => {}
const ignored: Completion = Object.freeze({ settled() {} })

function fail(to: FloorRef, why: Fault, context: VnodeContext): void {
  context.send(to, { kind: 'failed', fault: why })
}

class Settled implements Completion {
  readonly #partition: number
  readonly #told: (why: Fault | undefined) => void
  readonly #context: VnodeContext

  constructor(partition: number, told: (why: Fault | undefined) => void, context: VnodeContext) {
    this.#partition = partition
    this.#told = told
    this.#context = context
  }

  settled(why: Fault | undefined): void {
    if (why !== undefined) writeFaultsOf(this.#context.resources.store).add(this.#partition)
    this.#told(why)
  }
}
