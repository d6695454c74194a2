import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { treeHashOf } from '../../model/merkle-tree.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import { decodeWords } from '../../model/tree-codec.ts'
import type { BucketTable } from '../ring/bucket-table.ts'
import type { ExchangeDesk, ExchangeFigures } from './exchange-desk.ts'
import type { NodesAsk, ObsoleteKey, RecordsOf } from './exchange-protocol.ts'
import { askOf, ExchangeQueue, leftOf, type Portion } from './exchange-queue.ts'
import { mergeAsks, mergedOf, recordsOf } from './exchange-records.ts'
import type { Share } from './exchange-shares.ts'
import type { KeyClasses } from '../vnode/key-classes.ts'
import { sizeOfMessage } from '../message-size.ts'
import type { HostView } from '../ring/ring-view.ts'
import type { VnodeAsk } from '../vnode/vnode-desk.ts'
import type { VnodeReply } from '../vnode/vnode-protocol.ts'

/** Between whom, and by which rules. */
export interface MoveTerms {
  readonly self: HostView
  readonly peer: HostView
  readonly table: BucketTable
  readonly classes: KeyClasses
  /** Of keys that both have otherwise: give ours, and ask for theirs where that was not all; else the other way round. */
  readonly givesFirst: boolean
}

const recordsMs = 10_000
const writesAtOnce = 64
/** Keys that one message asks for. */
const moveMax = 512

/** Moves the records of keys that differ, both ways, a batch at a time, and has them merged. */
export class ExchangeMoves {
  /** Some did not move: there is more to do. */
  isIncomplete = false
  readonly #desk: ExchangeDesk
  readonly #figures: ExchangeFigures
  readonly #self: HostView
  readonly #peer: HostView
  readonly #table: BucketTable
  readonly #classes: KeyClasses
  readonly #givesFirst: boolean
  readonly #wanted = new ExchangeQueue()
  readonly #given = new ExchangeQueue()
  /** Digests of the records that came: what is the same here now need not go back. */
  readonly #came = new Map<Key, number>()

  constructor(desk: ExchangeDesk, figures: ExchangeFigures, { self, peer, table, classes, givesFirst }: MoveTerms) {
    this.#desk = desk
    this.#figures = figures
    this.#self = self
    this.#peer = peer
    this.#table = table
    this.#classes = classes
    this.#givesFirst = givesFirst
  }

  /** Keys that wait to be moved. */
  get waiting(): number {
    return this.#wanted.size + this.#given.size
  }

  /** @param wanted, given hashes of keys whose records are to come, and to go */
  add(share: Share, wanted: readonly number[], given: readonly number[]): void {
    const later = this.#givesFirst ? new Set(given) : undefined
    this.#wanted.add(share, later === undefined ? wanted : wanted.filter(hash => !later.has(hash)))
    this.#given.add(share, given)
  }

  /** Move some: as a rule first those that are to come, since what they become here may have to go. */
  move(done: () => void): void {
    if (this.#wanted.size > 0 && !(this.#givesFirst && this.#given.size > 0)) this.#pull(done)
    else this.#push(done)
  }

  /** Nothing is under way: what is to come next is another matter. */
  rest(): void {
    this.#came.clear()
  }

  /** Move all records of a tree. */
  stream(share: Share, isOurs: boolean, done: () => void): void {
    if (isOurs) this.#streamOut(share, undefined, done)
    else this.#streamIn(share, undefined, done)
  }

  #pull(done: () => void): void {
    const portions = this.#wanted.take(moveMax)
    this.#desk.askPeer(
      replyTo => ({ kind: 'fetch-records', asks: portions.map(askOf), replyTo }),
      recordsMs,
      reply => {
        if (reply.kind !== 'records') return done()
        this.#putBack(this.#wanted, portions, reply.taken)
        for (const { pairs } of reply.records) for (const [key, siblings] of pairs) this.#came.set(key, digestOf(siblings))
        this.#mergeHere(reply.records, () => this.#desk.pause(sizeOfMessage(reply), done))
      }
    )
  }

  #push(done: () => void): void {
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
        this.#givesFirst,
        richer => {
          if (this.#givesFirst) this.#askBack(portions, taken, records, richer)
          done()
        }
      )
    })
  }

  /** Of what was to be given: what did not go, as no record may be too large, or was not all that there is to know, is to come instead. */
  #askBack(
    portions: readonly Portion[],
    taken: readonly (number | undefined)[],
    records: readonly RecordsOf[],
    richer: readonly NodesAsk[] | undefined
  ): void {
    portions.forEach(({ share, numbers }, index) => {
      const isOf = ({ partition, n }: Share): boolean => partition === share.partition && n === share.n
      const asked = numbers.slice(0, taken[index] ?? 0)
      const told = new Set(records.filter(isOf).flatMap(({ pairs }) => pairs.map(([key]) => treeHashOf(key))))
      const more = richer?.filter(([partition, n]) => isOf({ partition, n })).flatMap(([, , hashes]) => decodeWords(hashes))
      const isSettled = (hash: number): boolean => told.has(hash) && more?.includes(hash) === false
      this.#wanted.add(
        share,
        asked.filter(hash => !isSettled(hash))
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
      else this.isIncomplete = true
    }
  }

  #streamOut(share: Share, after: Key | undefined, done: () => void): void {
    const { partition, n } = share
    const ask: VnodeAsk = {
      host: this.#self,
      partition,
      message: replyTo => ({ kind: 'fetch-page', n, classes: this.#classes, after, replyTo })
    }
    this.#desk.askVnodes([ask], { inFlightMax: 1, timeoutMs: recordsMs }, ([reply]) => {
      if (reply?.kind !== 'fetched') {
        this.isIncomplete = true
        return done()
      }
      const { next } = reply
      this.#mergeThere(recordsOf(reply), false, () => (next === undefined ? done() : this.#streamOut(share, next, done)))
    })
  }

  #streamIn(share: Share, after: Key | undefined, done: () => void): void {
    const { partition, n } = share
    this.#desk.askPeer(
      replyTo => ({ kind: 'fetch-records-page', partition, n, after, replyTo }),
      recordsMs,
      reply => {
        if (reply.kind !== 'records') return done()
        const { next } = reply
        const proceed = next === undefined ? done : () => this.#streamIn(share, next, done)
        this.#mergeHere(reply.records, () => this.#desk.pause(sizeOfMessage(reply), proceed))
      }
    )
  }

  #mergeHere(records: readonly RecordsOf[], done: () => void): void {
    const asks = mergeAsks(this.#self, records, this.#table, this.#desk.resources)
    this.#desk.askVnodes(asks, { inFlightMax: writesAtOnce, timeoutMs: recordsMs }, replies => {
      const { stored, failed, obsolete } = mergedOf(records, replies)
      this.#figures.pulled += stored
      this.#figures.failed += failed
      this.#strip(this.#peer, obsolete, done)
    })
  }

  /** @param done told what the peer has more of, where it was asked that */
  #mergeThere(records: readonly RecordsOf[], asksBack: boolean, done: (richer: readonly NodesAsk[] | undefined) => void): void {
    if (records.length === 0) return done(undefined)
    const bytes = sizeOfMessage(records)
    this.#desk.askPeer(
      replyTo => ({ kind: 'push-records', records, ...(asksBack && { asksBack }), replyTo }),
      recordsMs,
      reply => {
        if (reply.kind !== 'records-pushed') return done(undefined)
        this.#figures.pushed += reply.stored
        this.#figures.failed += reply.failed
        this.#strip(this.#self, reply.obsolete, () => this.#desk.pause(bytes, () => done(reply.richer)))
      }
    )
  }

  /** The other side knows these to be purged: so far as its floor goes, `host` forgets them, too. */
  #strip(host: HostView, keys: readonly ObsoleteKey[], done: () => void): void {
    if (keys.length === 0) return done()
    this.#figures.purged += keys.length
    const asks = keys.map(
      ([partition, key, floor]): VnodeAsk => ({ host, partition, message: replyTo => ({ kind: 'strip', key, floor, replyTo }) })
    )
    this.#desk.askVnodes(asks, { inFlightMax: writesAtOnce, timeoutMs: recordsMs }, () => done())
  }
}
