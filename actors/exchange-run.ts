import type { Ref } from '../bus/bus.ts'
import type { Fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { levelOf, parentOf } from '../model/merkle-tree.ts'
import { digestOfRoots, decodeRoots, type RootEntry } from '../model/root-list.ts'
import { digestOf } from '../model/siblings-codec.ts'
import { differingChildren, differingKeys } from '../model/tree-codec.ts'
import type { BucketTable } from './bucket-table.ts'
import type { ExchangeMessage, ExchangeReply, NodesAnswer, ObsoleteKey, RecordsOf } from './exchange-protocol.ts'
import { askOf, ExchangeQueue, leftOf, type Portion } from './exchange-queue.ts'
import { mergeAsks, mergedOf, recordsOf } from './exchange-records.ts'
import { rootAsks, rootsOf, type Share, sharesOf } from './exchange-shares.ts'
import { classesHash, type KeyClasses } from './key-classes.ts'
import { sizeOfMessage } from './message-size.ts'
import type { HostView, RingView } from './ring-view.ts'
import type { SystemResources } from './system-resources.ts'
import type { AskTerms, VnodeAsk, VnodeReplies } from './vnode-desk.ts'
import type { VnodeReply } from './vnode-protocol.ts'

/** What a run needs of the actor that does it. */
export interface ExchangeDesk {
  readonly resources: SystemResources
  /** Ask vnodes, of this host or the peer. */
  askVnodes(asks: readonly VnodeAsk[], terms: AskTerms, done: (replies: VnodeReplies) => void): void
  /** Ask the peer's responder. Where it does not answer, the run is over. */
  askPeer(message: (replyTo: Ref<ExchangeReply>) => ExchangeMessage, timeoutMs: number, done: (reply: ExchangeReply) => void): void
  /** Go on when so many bytes have been earned. */
  pause(bytes: number, done: () => void): void
  wait(delayMs: number, done: () => void): void
  ended(again: boolean, why: Fault | undefined): void
}

export interface ExchangeFigures {
  /** Trees that both hosts have. */
  trees: number
  /** Of those, how many differed. */
  differing: number
  /** Records that were merged here, and at the peer. */
  pulled: number
  pushed: number
  /** Keys that were purged on one side, and are now on the other. */
  purged: number
  /** Records that could not be merged now: damaged here, or refused. */
  failed: number
}

interface OpenTree {
  readonly share: Share
  /** Levels that both trees have. */
  readonly depth: number
  /** Our root, as it was compared. */
  readonly high: number
  readonly low: number
  /** Keys are being written: what differs may only be on its way, and is looked at again before it is listed. */
  isBusy: boolean
  /** Leaves that differed at the first look, of a tree that is busy. */
  readonly doubtful: Set<number>
}

const rootsMs = 30_000
const treeMs = 12_000
const recordsMs = 10_000
const asksAtOnce = 16
const writesAtOnce = 64
/** What one message may ask: nodes to read (66 bytes each at most), nodes to list, keys to move. */
const readMax = 2_048
const listMax = 2_048
const moveMax = 512
/** A write has reached all replicas after this time, if it reaches them at all. */
const settleMs = 300
/** So many keys wait before they are moved. */
const movesWaitingMax = 4_096

/**
 * One exchange with a peer: compares the roots of all shared trees, goes down where they differ, lists the keys of the leaves that
 * do, and moves the records of keys that differ, both ways. Where one side's tree is empty the other's records are streamed.
 * Steps follow one another, each with one message to the peer: what waits in memory is bounded, and so is what travels.
 */
export class ExchangeRun {
  readonly figures: ExchangeFigures = { trees: 0, differing: 0, pulled: 0, pushed: 0, purged: 0, failed: 0 }
  readonly #desk: ExchangeDesk
  readonly #view: RingView
  readonly #table: BucketTable
  readonly #classes: KeyClasses
  readonly #self: HostView
  readonly #peer: HostView
  readonly #trees = new Map<string, OpenTree>()
  readonly #toRead = new ExchangeQueue()
  /** Nodes above leaves that are looked at a second time. */
  readonly #toConfirm = new ExchangeQueue()
  readonly #toList = new ExchangeQueue()
  readonly #wanted = new ExchangeQueue()
  readonly #given = new ExchangeQueue()
  /** Digests of the records that came: what is the same here now need not go back. */
  readonly #came = new Map<Key, number>()
  readonly #streams: { readonly share: Share; readonly isOurs: boolean }[] = []
  #isIncomplete = false

  constructor(
    desk: ExchangeDesk,
    view: RingView,
    table: BucketTable,
    classes: KeyClasses,
    self: HostView,
    peer: HostView
  ) {
    this.#desk = desk
    this.#view = view
    this.#table = table
    this.#classes = classes
    this.#self = self
    this.#peer = peer
  }

  begin(): void {
    const shares = sharesOf(this.#view, this.#classes, this.#self, this.#peer)
    this.figures.trees = shares.length
    if (shares.length === 0) return this.#desk.ended(false, undefined)
    const asks = rootAsks(this.#self, shares, this.#classes)
    this.#desk.askVnodes(asks, { inFlightMax: asksAtOnce, timeoutMs: rootsMs }, replies => {
      const ours = rootsOf(shares, replies, this.#classes)
      const { epoch } = this.#view
      const classes = classesHash(this.#classes)
      const digest = digestOfRoots(ours)
      const host = this.#self.name
      this.#desk.askPeer(
        replyTo => ({ kind: 'compare-roots', epoch, classes, host, digest, replyTo }),
        rootsMs,
        reply => {
          if (reply.kind === 'roots-same') return this.#desk.ended(ours.length < shares.length, undefined)
          if (reply.kind !== 'roots-differ') return
          this.#compareRoots(ours, decodeRoots(reply.roots))
          this.#desk.wait(settleMs, () => this.#findBusy())
        }
      )
    })
  }

  #compareRoots(ours: readonly RootEntry[], theirs: readonly RootEntry[]): void {
    const others = new Map(theirs.map(root => [nameOf(root), root]))
    for (const root of ours) {
      const { partition, n, high, low } = root
      const other = others.get(nameOf(root))
      if (other === undefined) this.#isIncomplete = true
      if (other === undefined || (other.high === high && other.low === low)) continue
      this.figures.differing++
      const share = { partition, n }
      if (isEmpty(root) || isEmpty(other)) {
        this.#streams.push({ share, isOurs: isEmpty(other) })
        continue
      }
      const depth = Math.min(root.depth, other.depth)
      this.#trees.set(nameOf(root), { share, depth, high, low, isBusy: false, doubtful: new Set() })
      this.#toRead.add(share, [0])
    }
    if (ours.length < this.figures.trees) this.#isIncomplete = true
  }

  /** A tree whose root changes from one moment to the next would seem to differ whenever it is compared. */
  #findBusy(): void {
    const shares = [...this.#trees.values()].map(({ share }) => share)
    const asks = rootAsks(this.#self, shares, this.#classes)
    this.#desk.askVnodes(asks, { inFlightMax: asksAtOnce, timeoutMs: rootsMs }, replies => {
      for (const root of rootsOf(shares, replies, this.#classes)) {
        const tree = this.#trees.get(nameOf(root))!
        tree.isBusy = tree.high !== root.high || tree.low !== root.low
      }
      this.#step()
    })
  }

  /** Whatever is furthest on comes first, so that little waits; but messages go out full. */
  readonly #step = (): void => {
    const moves = this.#wanted.size + this.#given.size
    const isReading = this.#toRead.size > 0 || this.#toConfirm.size > 0
    const isListing = this.#toList.size > 0
    if (moves >= movesWaitingMax || (moves > 0 && !isReading && !isListing)) return this.#move()
    this.#came.clear()
    if (this.#toList.size >= listMax || (isListing && !isReading)) return this.#list()
    if (this.#toRead.size > 0 && this.#toConfirm.size < readMax) return this.#read()
    if (this.#toConfirm.size > 0) return this.#desk.wait(settleMs, () => this.#confirm())
    const stream = this.#streams.pop()
    if (stream === undefined) return this.#desk.ended(this.#isIncomplete, undefined)
    if (stream.isOurs) this.#streamOut(stream.share, undefined)
    else this.#streamIn(stream.share, undefined)
  }

  #read(): void {
    const portions = this.#toRead.take(readMax)
    this.#compare('nodes', portions, (portion, ours, theirs) => {
      const { share, depth, isBusy, doubtful } = this.#trees.get(nameOf(portion.share))!
      const { children, alike } = differingChildren(portion.numbers, ours, theirs)
      if (!isBusy) this.#toList.add(share, alike)
      if (levelOf(portion.numbers[0]!) + 1 < depth) return this.#toRead.add(share, children)
      if (!isBusy) return this.#toList.add(share, children)
      for (const child of children) doubtful.add(child)
      this.#toConfirm.add(share, [...new Set(children.map(parentOf))])
    })
  }

  /** What differs at the second look as well is not just on its way. */
  #confirm(): void {
    const portions = this.#toConfirm.take(readMax)
    this.#compare('nodes', portions, ({ share, numbers }, ours, theirs) => {
      const { doubtful } = this.#trees.get(nameOf(share))!
      const { children } = differingChildren(numbers, ours, theirs)
      this.#toList.add(
        share,
        children.filter(child => doubtful.delete(child))
      )
    })
  }

  #list(): void {
    const portions = this.#toList.take(listMax)
    this.#compare('list', portions, ({ share }, ours, theirs) => {
      const { wanted, given } = differingKeys(ours, theirs)
      this.#wanted.add(share, wanted)
      this.#given.add(share, given)
    })
  }

  /** Read the same of both hosts, and compare what both have. Nodes of one level follow each other in a tree's portion. */
  #compare(
    kind: 'nodes' | 'list',
    taken: readonly Portion[],
    compared: (portion: Portion, ours: Uint8Array, theirs: Uint8Array) => void
  ): void {
    const portions = kind === 'nodes' ? taken.map(portion => this.#ofOneLevel(portion)) : taken
    const asks = portions.map(
      ({ share, numbers }): VnodeAsk => ({
        host: this.#self,
        partition: share.partition,
        message: replyTo => ({ kind, n: share.n, nodes: numbers, replyTo })
      })
    )
    this.#desk.askVnodes(asks, { inFlightMax: asksAtOnce, timeoutMs: treeMs }, replies => {
      const message = kind === 'nodes' ? 'read-nodes' : 'list-nodes'
      this.#desk.askPeer(
        replyTo => ({ kind: message, asks: portions.map(askOf), replyTo }),
        treeMs,
        reply => {
          const answers = new Map((reply.kind === 'nodes-read' ? reply.answers : []).map(answer => [answerName(answer), answer]))
          portions.forEach((portion, index) => {
            const ours = bytesOf(replies[index])
            const theirs = answers.get(nameOf(portion.share))?.[2]
            if (ours !== undefined && theirs !== undefined) compared(portion, ours, theirs)
            else this.#isIncomplete = true
          })
          this.#desk.pause(sizeOfMessage(reply), this.#step)
        }
      )
    })
  }

  /** Those of the first node's level; the others wait on. */
  #ofOneLevel({ share, numbers }: Portion): Portion {
    const level = levelOf(numbers[0]!)
    this.#toRead.add(
      share,
      numbers.filter(node => levelOf(node) !== level)
    )
    return { share, numbers: numbers.filter(node => levelOf(node) === level) }
  }

  #move(): void {
    if (this.#wanted.size > 0) this.#pull()
    else this.#push()
  }

  #pull(): void {
    const portions = this.#wanted.take(moveMax)
    this.#desk.askPeer(
      replyTo => ({ kind: 'fetch-records', asks: portions.map(askOf), replyTo }),
      recordsMs,
      reply => {
        if (reply.kind !== 'records') return this.#step()
        this.#putBack(this.#wanted, portions, reply.taken)
        for (const { pairs } of reply.records) for (const [key, siblings] of pairs) this.#came.set(key, digestOf(siblings))
        this.#mergeHere(reply.records, () => this.#desk.pause(sizeOfMessage(reply), this.#step))
      }
    )
  }

  #push(): void {
    const portions = this.#given.take(moveMax)
    let left: number = limits.exchangeBatchBytes
    const asks = portions.map(
      ({ share, numbers }): VnodeAsk => ({
        host: this.#self,
        partition: share.partition,
        message: replyTo => ({ kind: 'fetch', n: share.n, hashes: numbers, bytesMax: left, replyTo })
      })
    )
    const isEnough = (answer: VnodeReply) => {
      left -= sizeOfMessage(answer)
      return left <= 0
    }
    this.#desk.askVnodes(asks, { inFlightMax: 1, timeoutMs: recordsMs, isEnough }, replies => {
      const taken = replies.map(answer => (answer?.kind === 'fetched' ? answer.taken : undefined))
      this.#putBack(this.#given, portions, taken)
      const records = replies.flatMap(recordsOf).map(each => ({ ...each, pairs: each.pairs.filter(pair => this.#isNews(pair)) }))
      this.#mergeThere(
        records.filter(({ pairs }) => pairs.length > 0),
        this.#step
      )
    })
  }

  #isNews([key, siblings]: readonly [Key, Uint8Array]): boolean {
    return this.#came.get(key) !== digestOf(siblings)
  }

  /** What did not fit is asked for again; where nothing moved it never will: the next exchange looks again. */
  #putBack(queue: ExchangeQueue, portions: readonly Portion[], taken: readonly (number | undefined)[]): void {
    const { left, hasMoved } = leftOf(portions, taken)
    for (const { share, numbers } of left) {
      if (hasMoved) queue.add(share, numbers)
      else this.#isIncomplete = true
    }
  }

  #streamOut(share: Share, after: Key | undefined): void {
    const { partition, n } = share
    const ask: VnodeAsk = {
      host: this.#self,
      partition,
      message: replyTo => ({ kind: 'fetch-page', n, classes: this.#classes, after, replyTo })
    }
    this.#desk.askVnodes([ask], { inFlightMax: 1, timeoutMs: recordsMs }, ([reply]) => {
      if (reply?.kind !== 'fetched') {
        this.#isIncomplete = true
        return this.#step()
      }
      const { next } = reply
      this.#mergeThere(recordsOf(reply), next === undefined ? this.#step : () => this.#streamOut(share, next))
    })
  }

  #streamIn(share: Share, after: Key | undefined): void {
    const { partition, n } = share
    this.#desk.askPeer(
      replyTo => ({ kind: 'fetch-records-page', partition, n, after, replyTo }),
      recordsMs,
      reply => {
        if (reply.kind !== 'records') return this.#step()
        const { next } = reply
        const proceed = next === undefined ? this.#step : () => this.#streamIn(share, next)
        this.#mergeHere(reply.records, () => this.#desk.pause(sizeOfMessage(reply), proceed))
      }
    )
  }

  #mergeHere(records: readonly RecordsOf[], done: () => void): void {
    const asks = mergeAsks(this.#self, records, this.#table, this.#desk.resources)
    this.#desk.askVnodes(asks, { inFlightMax: writesAtOnce, timeoutMs: recordsMs }, replies => {
      const { stored, failed, obsolete } = mergedOf(records, replies)
      this.figures.pulled += stored
      this.figures.failed += failed
      this.#strip(this.#peer, obsolete, done)
    })
  }

  #mergeThere(records: readonly RecordsOf[], done: () => void): void {
    if (records.length === 0) return done()
    const bytes = sizeOfMessage(records)
    this.#desk.askPeer(
      replyTo => ({ kind: 'push-records', records, replyTo }),
      recordsMs,
      reply => {
        if (reply.kind !== 'records-pushed') return done()
        this.figures.pushed += reply.stored
        this.figures.failed += reply.failed
        this.#strip(this.#self, reply.obsolete, () => this.#desk.pause(bytes, done))
      }
    )
  }

  /** The other side knows these to be purged: so far as its floor goes, `host` forgets them, too. */
  #strip(host: HostView, keys: readonly ObsoleteKey[], done: () => void): void {
    if (keys.length === 0) return done()
    this.figures.purged += keys.length
    const asks = keys.map(
      ([partition, key, floor]): VnodeAsk => ({ host, partition, message: replyTo => ({ kind: 'strip', key, floor, replyTo }) })
    )
    this.#desk.askVnodes(asks, { inFlightMax: writesAtOnce, timeoutMs: recordsMs }, () => done())
  }
}

function nameOf({ partition, n }: Share): string {
  return `${partition}/${n}`
}

function answerName([partition, n]: NodesAnswer): string {
  return `${partition}/${n}`
}

function isEmpty({ high, low }: RootEntry): boolean {
  return high === 0 && low === 0
}

function bytesOf(reply: VnodeReply | undefined): Uint8Array | undefined {
  if (reply?.kind === 'nodes') return reply.children
  return reply?.kind === 'listed' ? reply.entries : undefined
}
