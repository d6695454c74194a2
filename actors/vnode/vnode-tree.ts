import type { Ref } from '../../bus/bus.ts'
import { fault, type Fault } from '../../model/fault.ts'
import { type Key, systemKeysEnd } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { depthFor, levelOf, MerkleTree, nodeAt, treeHashOf } from '../../model/merkle-tree.ts'
import { contextOfBytes, digestOf } from '../../model/siblings-codec.ts'
import { encodeChildren, encodeListed, type ListedKey } from '../../model/tree-codec.ts'
import type { VersionVector } from '../../model/version-vector.ts'
import type { Context } from '../../runtime/actor.ts'
import { CorruptRecord, type StoredPair } from '../../storage/store.ts'
import { ClassLookup, classesHash, classesIn, type KeyClasses } from './key-classes.ts'
import type { StoreResources } from '../store-resources.ts'
import type { VnodeMessage } from './vnode-protocol.ts'
import type { FetchedPair, TreeFailure, TreeMessage, TreeReply } from './merkle-protocol.ts'
import { writeFaultsOf } from './write-faults.ts'

type TreeContext = Context<VnodeMessage, StoreResources>
type ListMessage = Extract<TreeMessage, { kind: 'list' }>
type FetchMessage = Extract<TreeMessage, { kind: 'fetch' }>
type PageMessage = Extract<TreeMessage, { kind: 'fetch-page' }>
type FloorOf = (key: Key) => VersionVector | undefined

interface Waiter {
  readonly to: Ref<TreeReply | TreeFailure>
  readonly deadlineMs: number
}

interface Listing extends Waiter {
  readonly n: number
  readonly nodes: ReadonlySet<number>
  readonly levels: readonly number[]
  readonly found: ListedKey[]
  after: Key | undefined
}

/** Pairs read in one slice; requests are served between slices. */
const slicePairs = 256
const slicePauseMs = 1
/** Built with so many levels; cut to what suits when the keys are counted. */
const buildDepth = 3
/**
 * A tree is trusted for so long, a little less for some than for others. Then it is built anew, since a record may have vanished from
 * the disk without anybody's doing, which no write tells.
 */
const trustMs = 6 * 3_600_000
const waitersMax = 16
/** Keys that were listed are asked for soon, or not at all. */
const listedMs = 30_000
const listingsMax = 16
const nothingBuilt = fault('unavailable', 'the tree is not built: ask for its roots first')

/**
 * The Merkle trees of one vnode, one for each class. Built by a scan when first asked for, a slice at a time; then kept exact by every
 * write of the vnode. A write whose key the scan has not reached is found by the scan. A tree that nobody asked for costs a write one
 * branch, and no tree outlives its vnode: after a crash it is built from what is stored.
 */
export class VnodeTree {
  readonly #partition: number
  #trees: Map<number, MerkleTree> | undefined
  #classes: KeyClasses = { replicas: 0, others: [] }
  #classesHash = 0
  #lookup = new ClassLookup(this.#classes)
  /** The scan has passed the keys up to here; undefined: all of them. */
  #position: Key | undefined
  #faults = 0
  #trustedUntilMs = 0
  #corrupt = 0
  #depth = buildDepth
  #waiters: Waiter[] = []
  readonly #listings: Listing[] = []
  /** Keys that were listed not long ago, by hash. */
  readonly #listed = new Map<number, Key[]>()
  #listedUntilMs = 0
  #isScheduled = false

  constructor(partition: number) {
    this.#partition = partition
  }

  /** A record has taken the place of another. To be called with each write of a user's key, in the turn in which it was made. */
  changed(key: Key, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    if (this.#trees === undefined || before === after) return
    if (key <= systemKeysEnd || (this.#position !== undefined && key > this.#position)) return
    this.#put(key, before, after)
  }

  /** What the trees hold of a key is not known any more, as with a record that turned out to be damaged: build them anew when asked. */
  forget(): void {
    this.#trees = undefined
  }

  /** @param floorOf what is known to be purged of the key's class */
  receive(message: TreeMessage, floorOf: FloorOf, context: TreeContext): void {
    switch (message.kind) {
      case 'roots':
        return this.#roots(message.classes, { to: message.replyTo, deadlineMs: context.deadlineMs }, context)
      case 'nodes': {
        const tree = this.#built(message.n, context)
        if (tree === undefined || message.nodes.some(node => levelOf(node) >= tree.depth))
          return fail(message.replyTo, nothingBuilt, context)
        const children = encodeChildren(tree, message.nodes)
        return context.send(message.replyTo, { kind: 'nodes', partition: this.#partition, n: message.n, children })
      }
      case 'list':
        return this.#list(message, context)
      case 'fetch':
        return this.#handOut(message, floorOf, context)
      case 'fetch-page':
        return this.#handOutPage(message, floorOf, context)
      case 'slice':
        this.#isScheduled = false
        return this.#slice(context)
      case 'forget-listed':
        return this.#forgetListed(context)
    }
  }

  /** @returns the tree of a class, where there are trees that can be trusted */
  #built(n: number, context: TreeContext): MerkleTree | undefined {
    return this.#isTrusted(context) && this.#position === undefined ? this.#trees?.get(n) : undefined
  }

  #isTrusted(context: TreeContext): boolean {
    return this.#trees !== undefined && this.#faults === writeFaultsOf(context.resources.store).of(this.#partition)
  }

  #roots(classes: KeyClasses, waiter: Waiter, context: TreeContext): void {
    const hash = classesHash(classes)
    const isFresh = this.#position !== undefined || context.now() < this.#trustedUntilMs
    const isRight = isFresh && this.#isTrusted(context) && this.#classesHash === hash
    if (isRight && this.#position === undefined && !this.#hasOutgrown()) return this.#answer(waiter, context)
    if (this.#waiters.length >= waitersMax)
      return fail(waiter.to, fault('overloaded', 'too many wait for this tree', { limit: waitersMax }), context)
    this.#waiters.push(waiter)
    if (isRight && this.#position !== undefined) return
    this.#classes = classes
    this.#classesHash = hash
    this.#lookup = new ClassLookup(classes)
    this.#begin(context)
  }

  /** The leaves have become so long that to list them costs more than to go down to shorter ones. It seldom is: a tree is built anew once for each sixteenfold. */
  #hasOutgrown(): boolean {
    for (const tree of this.#trees?.values() ?? []) if (depthFor(tree.keys) > tree.depth) return true
    return false
  }

  #begin(context: TreeContext): void {
    let most = 0
    for (const tree of this.#trees?.values() ?? []) most = Math.max(most, tree.keys)
    this.#depth = Math.max(buildDepth, depthFor(most))
    this.#trees = new Map(classesIn(this.#classes).map(n => [n, new MerkleTree(this.#depth)]))
    this.#position = systemKeysEnd
    this.#faults = writeFaultsOf(context.resources.store).of(this.#partition)
    this.#corrupt = 0
    this.#schedule(context)
  }

  #schedule(context: TreeContext): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    context.after(slicePauseMs, { kind: 'slice' })
  }

  #slice(context: TreeContext): void {
    const nowMs = context.now()
    this.#waiters = this.#waiters.filter(waiter => waiter.deadlineMs > nowMs)
    if (this.#position !== undefined || this.#waiters.length > 0) this.#build(context)
    else this.#goOnListing(context)
    if ((this.#trees !== undefined && this.#position !== undefined) || this.#listings.length > 0) this.#schedule(context)
  }

  #build(context: TreeContext): void {
    if (!this.#isTrusted(context)) {
      // Whatever was refused is out of the store again; nobody waits: whoever asks next builds.
      if (this.#waiters.length > 0) return this.#begin(context)
      this.#trees = undefined
      this.#position = undefined
      return
    }
    const page = context.resources.store.scan(this.#partition, this.#position, slicePairs)
    for (const { key, record } of page.pairs) this.#put(key, undefined, record)
    this.#corrupt += page.corrupt.length
    this.#position = page.next
    if (page.next === undefined) this.#finish(context)
  }

  #finish(context: TreeContext): void {
    const trees = this.#trees!
    if (this.#hasOutgrown()) return this.#begin(context)
    this.#trustedUntilMs = context.now() + trustMs * (0.75 + 0.25 * context.random())
    for (const [n, tree] of trees) trees.set(n, tree.cut(depthFor(tree.keys)))
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) this.#answer(waiter, context)
  }

  #answer(waiter: Waiter, context: TreeContext): void {
    const trees = [...this.#trees!].map(([n, tree]) => {
      const { depth, keys, seen } = tree
      return { n, depth, keys, high: tree.high(0), low: tree.low(0), seen }
    })
    context.send(waiter.to, {
      kind: 'roots',
      partition: this.#partition,
      classes: this.#classesHash,
      trees,
      corrupt: this.#corrupt
    })
  }

  #put(key: Key, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const tree = this.#trees!.get(this.#lookup.of(key))!
    if (after === undefined) {
      if (before !== undefined) tree.remove(key, digestOf(before))
      return
    }
    if (before === undefined) tree.add(key, digestOf(after))
    else tree.replace(key, digestOf(before), digestOf(after))
    const { vector, cloud } = contextOfBytes(after)
    tree.see(vector)
    if (cloud.length > 0) tree.see(cloud)
  }

  #list({ n, nodes, replyTo }: ListMessage, context: TreeContext): void {
    if (this.#built(n, context) === undefined) return fail(replyTo, nothingBuilt, context)
    if (this.#listings.length >= listingsMax)
      return fail(replyTo, fault('overloaded', 'too many list this partition', { limit: listingsMax }), context)
    this.#listings.push({
      to: replyTo,
      deadlineMs: context.deadlineMs,
      n,
      nodes: new Set(nodes),
      levels: [...new Set(nodes.map(levelOf))],
      found: [],
      after: systemKeysEnd
    })
    this.#schedule(context)
  }

  #goOnListing(context: TreeContext): void {
    const listing = this.#listings[0]
    if (listing === undefined) return
    if (listing.deadlineMs <= context.now()) {
      this.#listings.shift()
      return
    }
    const page = context.resources.store.scan(this.#partition, listing.after, slicePairs)
    for (const pair of page.pairs) this.#consider(listing, pair)
    listing.after = page.next
    if (listing.found.length > limits.treeListMax) {
      this.#listings.shift()
      const detail = `the nodes hold more than ${limits.treeListMax} keys: ask for fewer nodes`
      return fail(listing.to, fault('overloaded', detail, { limit: limits.treeListMax }), context)
    }
    if (page.next !== undefined) return
    this.#listings.shift()
    if (this.#listedUntilMs === 0) context.after(listedMs, { kind: 'forget-listed' })
    this.#listedUntilMs = context.now() + listedMs
    const entries = encodeListed(listing.found)
    context.send(listing.to, { kind: 'listed', partition: this.#partition, n: listing.n, entries })
  }

  #consider(listing: Listing, { key, record }: StoredPair): void {
    if (this.#lookup.of(key) !== listing.n) return
    const hash = treeHashOf(key)
    if (!listing.levels.some(level => listing.nodes.has(nodeAt(level, hash)))) return
    listing.found.push({ hash, digest: digestOf(record) })
    if (this.#listed.size >= limits.treeListMax) this.#listed.clear()
    const keys = this.#listed.get(hash)
    if (keys === undefined) this.#listed.set(hash, [key])
    else if (!keys.includes(key)) keys.push(key)
  }

  #forgetListed(context: TreeContext): void {
    const leftMs = this.#listedUntilMs - context.now()
    if (leftMs > 0) return void context.after(leftMs, { kind: 'forget-listed' })
    this.#listed.clear()
    this.#listedUntilMs = 0
  }

  #handOut({ n, hashes, bytesMax, replyTo }: FetchMessage, floorOf: FloorOf, context: TreeContext): void {
    const pairs: FetchedPair[] = []
    let taken = 0
    let bytes = 0
    for (const hash of hashes) {
      const found = this.#recordsOf(n, hash, context)
      const size = found.reduce((sum, { key, siblings }) => sum + key.length + siblings.length, 0)
      // The first one goes, however large, where the message is empty so far: else it never would.
      if (bytes + size > bytesMax && !(taken === 0 && bytesMax >= limits.exchangeBatchBytes)) break
      taken++
      bytes += size
      pairs.push(...found)
    }
    const floor = pairs[0] === undefined ? undefined : floorOf(pairs[0].key)
    context.send(replyTo, { kind: 'fetched', partition: this.#partition, n, pairs, floor, taken, next: undefined })
  }

  #recordsOf(n: number, hash: number, context: TreeContext): FetchedPair[] {
    const found: FetchedPair[] = []
    for (const key of this.#listed.get(hash) ?? []) {
      if (this.#lookup.of(key) !== n) continue
      const siblings = readSound(this.#partition, key, context)
      if (siblings !== undefined && siblings.length <= limits.exchangeRecordBytesMax) found.push({ key, siblings })
    }
    return found
  }

  #handOutPage({ n, classes, after, replyTo }: PageMessage, floorOf: FloorOf, context: TreeContext): void {
    const lookup = classesHash(classes) === this.#classesHash ? this.#lookup : new ClassLookup(classes)
    const page = context.resources.store.scan(this.#partition, after ?? systemKeysEnd, slicePairs)
    const pairs: FetchedPair[] = []
    let { next } = page
    let bytes = 0
    for (const { key, record } of page.pairs) {
      if (lookup.of(key) !== n || record.length > limits.exchangeRecordBytesMax) continue
      bytes += key.length + record.length
      if (bytes > limits.exchangeBatchBytes && pairs.length > 0) {
        next = pairs.at(-1)?.key
        break
      }
      pairs.push({ key, siblings: record })
    }
    const floor = pairs[0] === undefined ? undefined : floorOf(pairs[0].key)
    context.send(replyTo, { kind: 'fetched', partition: this.#partition, n, pairs, floor, taken: 0, next })
  }
}

/** A damaged record is no one's to hand out; the scan that verifies records reports it. */
function readSound(partition: number, key: Key, context: TreeContext): Uint8Array | undefined {
  try {
    return context.resources.store.read(partition, key)
  } catch (error) {
    if (error instanceof CorruptRecord) return undefined
    throw error
  }
}

function fail(to: Ref<TreeReply | TreeFailure>, why: Fault, context: TreeContext): void {
  context.send(to, { kind: 'failed', fault: why })
}
