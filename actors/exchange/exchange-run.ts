import { levelOf, parentOf } from '../../model/merkle-tree.ts'
import { decodeRoots, digestOfRoots, type RootEntry } from '../../model/root-list.ts'
import { differingChildren, differingKeys, encodeWords } from '../../model/tree-codec.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import type { ExchangeDesk, ExchangeFigures } from './exchange-desk.ts'
import { ExchangeMoves } from './exchange-moves.ts'
import type { NodesAnswer } from './exchange-protocol.ts'
import { askOf, ExchangeQueue, type Portion } from './exchange-queue.ts'
import { gainedShares, rootAsks, rootsOf, type Share, sharesAcross, sharesOf, sharesWithin } from './exchange-shares.ts'
import { classesHash, type KeyClasses, keyClassesOf } from '../vnode/key-classes.ts'
import { sizeOfMessage } from '../message-size.ts'
import { bridgedPartitions } from '../replication/bridge.ts'
import type { HostView, RingView } from '../ring/ring-view.ts'
import type { VnodeAsk } from '../vnode/vnode-desk.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

/** Who compares what, as things are when the run begins. */
export interface ExchangeParties {
  readonly view: RingView
  readonly table: BucketTable
  readonly self: HostView
  readonly peer: HostView
  /** What this host has taken over from the peer for the ring to be, see `arrivalOf`; undefined: what both own now. */
  readonly arrival?: string | undefined
  /** Compare these partitions alone, see `partOfReturned`. */
  readonly part?: readonly number[] | undefined
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
const asksAtOnce = 16
/** What one message may ask: nodes to read (66 bytes each at most), nodes to list. */
const readMax = 2_048
const listMax = 2_048
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
  readonly #classes: KeyClasses
  readonly #self: HostView
  readonly #peer: HostView
  readonly #arrival: string | undefined
  readonly #part: readonly number[] | undefined
  readonly #trees = new Map<string, OpenTree>()
  readonly #toRead = new ExchangeQueue()
  /** Nodes above leaves that are looked at a second time. */
  readonly #toConfirm = new ExchangeQueue()
  readonly #toList = new ExchangeQueue()
  readonly #moves: ExchangeMoves
  readonly #streams: { readonly share: Share; readonly isOurs: boolean }[] = []
  #isIncomplete = false

  constructor(desk: ExchangeDesk, { view, table, self, peer, arrival, part }: ExchangeParties) {
    this.#desk = desk
    this.#view = view
    this.#classes = keyClassesOf(table, view.replicas)
    this.#self = self
    this.#peer = peer
    this.#arrival = arrival
    this.#part = part
    // Who was away has old records of most keys that differ: to be asked for only where they turn out to say something else.
    const givesFirst = arrival === undefined && peer.isBack && !self.isBack
    this.#moves = new ExchangeMoves(desk, this.figures, { self, peer, table, classes: this.#classes, givesFirst })
  }

  begin(): void {
    const across = this.#peer.dc === this.#self.dc ? undefined : bridgedPartitions(this.#view, this.#self, this.#peer)
    const sharesWith = this.#arrival === undefined ? sharesOf : gainedShares
    const all =
      across === undefined
        ? sharesWith(this.#view, this.#classes, this.#self, this.#peer)
        : sharesAcross(this.#view, this.#classes, this.#self, across)
    const shares = this.#part === undefined ? all : sharesWithin(all, this.#part)
    const meant = across ?? this.#part
    const partitions = meant === undefined ? undefined : encodeWords(meant)
    this.figures.trees = shares.length
    if (shares.length === 0) return this.#desk.ended(false, undefined)
    const asks = rootAsks(this.#self, shares, this.#classes)
    this.#desk.askVnodes(asks, { inFlightMax: asksAtOnce, timeoutMs: rootsMs }, replies => {
      const ours = rootsOf(shares, replies, this.#classes)
      const { epoch } = this.#view
      const classes = classesHash(this.#classes)
      const digest = digestOfRoots(ours)
      const host = this.#self.name
      const arrival = this.#arrival
      this.#desk.askPeer(
        replyTo => ({ kind: 'compare-roots', epoch, arrival, classes, host, digest, partitions, replyTo }),
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
    const moves = this.#moves.waiting
    const isReading = this.#toRead.size > 0 || this.#toConfirm.size > 0
    const isListing = this.#toList.size > 0
    if (moves >= movesWaitingMax || (moves > 0 && !isReading && !isListing)) return this.#moves.move(this.#step)
    this.#moves.rest()
    if (this.#toList.size >= listMax || (isListing && !isReading)) return this.#list()
    if (this.#toRead.size > 0 && this.#toConfirm.size < readMax) return this.#read()
    if (this.#toConfirm.size > 0) return this.#desk.wait(settleMs, () => this.#confirm())
    const stream = this.#streams.pop()
    if (stream !== undefined) return this.#moves.stream(stream.share, stream.isOurs, this.#step)
    // What a vnode did not take, since it was being restarted or its disk was full, is tried again soon.
    this.#desk.ended(this.#isIncomplete || this.#moves.isIncomplete || this.figures.failed > 0, undefined)
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
      this.#moves.add(share, wanted, given)
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
