import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import {
  decodeOwed,
  encodeOwed,
  keyOfOwed,
  type Owed,
  owedEnd,
  owedKeyOf,
  owedStart,
  owedStartOf,
  tagOfOwed
} from '../../model/owed.ts'
import { digestOf } from '../../model/siblings-codec.ts'
import type { Context } from '../../runtime/actor.ts'
import { type Completion, CorruptRecord } from '../../storage/store.ts'
import type { NoteMended } from '../scrub/damage-protocol.ts'
import type { StoreResources } from '../store-resources.ts'
import { mergedBytes } from '../vnode/merged-bytes.ts'
import type { Resolver, VnodeMessage } from '../vnode/vnode-protocol.ts'
import { type OwedLedger, owedLedgerOf } from './owed-ledger.ts'
import type { OwedMessage, OwedPair } from './owed-protocol.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>

const scanPairs = 1_000
const recountMs = 1_000
const pageBytesMax = 256 * 1024
const nothing = new Uint8Array(0)

/**
 * What one vnode owes other datacenters: a note for each key that it has minted a version of, and that one of them has not acknowledged yet.
 * Notes lie in the partition's own records, before the write that they are of, so that no write survives a loss of power without its note.
 * @see docs/decisions/0025-datacenters.md
 */
export class VnodeOwed {
  readonly #partition: number
  readonly #ledger: OwedLedger
  #isRecounting = false

  constructor(partition: number, context: VnodeContext) {
    const { store } = context.resources
    this.#partition = partition
    this.#ledger = owedLedgerOf(store)
    this.#ledger.report(context.metrics, () => context.wallMs())
    if (!this.#ledger.isOpen(partition)) this.#ledger.open(partition, this.#found(context))
  }

  get pending(): number {
    return this.#ledger.pendingIn(this.#partition)
  }

  /**
   * To be told in the turn in which `siblings` was minted, before it is stored.
   * @param isKeptHere false: this host stands in for the owners and gives the record away, so the note keeps a copy
   */
  owe(
    key: Key,
    tags: readonly number[],
    siblings: Uint8Array,
    isKeptHere: boolean,
    resolver: Resolver,
    context: VnodeContext
  ): void {
    const { store } = context.resources
    const digest = digestOf(siblings)
    for (const tag of tags) {
      const owedKey = owedKeyOf(tag, key)
      const before = this.#read(owedKey, context)
      const copy = isKeptHere
        ? (before?.siblings ?? nothing)
        : mergedBytes(before === undefined || before.siblings.length === 0 ? undefined : before.siblings, siblings, resolver)
      const sinceMs = before?.sinceMs ?? context.wallMs()
      this.#ledger.kept(this.#partition, tag, sinceMs, before !== undefined)
      store.write(this.#partition, owedKey, encodeOwed({ sinceMs, digest, siblings: copy }), 'committed', this.#settled(context))
    }
  }

  /** Writes a damaged note anew, as of now: at worst what has arrived is given once more. */
  mend(owedKey: Key, context: VnodeContext): NoteMended {
    if (owedKey <= owedStart || owedKey >= owedEnd) return 'no-note'
    const { store } = context.resources
    const digest = this.#digestHere(keyOfOwed(owedKey), context)
    if (digest === undefined) {
      // What the note alone had, the comparison with the other datacenter brings from the owners.
      store.erase(this.#partition, owedKey, this.#settled(context))
    } else {
      const owed: Owed = { sinceMs: context.wallMs(), digest, siblings: nothing }
      store.write(this.#partition, owedKey, encodeOwed(owed), 'committed', this.#settled(context))
    }
    this.#ledger.open(this.#partition, this.#found(context))
    return digest === undefined ? 'lost' : 'mended'
  }

  /** 0: the record is damaged as well; what comes in its place will be given. undefined: there is none. */
  #digestHere(key: Key, { resources }: VnodeContext): number | undefined {
    try {
      const record = resources.store.read(this.#partition, key)
      return record === undefined ? undefined : digestOf(record)
    } catch (error) {
      if (error instanceof CorruptRecord) return 0
      throw error
    }
  }

  /** Whether some datacenter is still to be given this key from here. */
  isOwed(key: Key, context: VnodeContext): boolean {
    if (this.pending === 0) return false
    for (const { partition, tag } of this.#ledger.pending())
      if (partition === this.#partition && context.resources.store.read(partition, owedKeyOf(tag, key)) !== undefined) return true
    return false
  }

  receive(message: OwedMessage, context: VnodeContext): void {
    if (message.kind === 'owed-page') return this.#page(message, context)
    if (message.kind === 'owed-recount') {
      this.#isRecounting = false
      return this.#ledger.open(this.#partition, this.#found(context))
    }
    const { tag, key, digest, isDropped } = message
    const owed = this.#read(owedKeyOf(tag, key), context)
    // Minted since: that has to arrive, too.
    if (owed !== undefined && owed.digest === digest) this.#erase(tag, key, owed, isDropped !== true, context)
  }

  /** What was refused after all is there as it was: so all are counted anew, once for the many that fail together. */
  #settled(context: VnodeContext): Completion {
    return {
      settled: why => {
        if (why === undefined || this.#isRecounting) return
        this.#isRecounting = true
        context.log.warn({ partition: this.#partition, code: why.code }, `notes of what is owed were not written: ${why.detail}`)
        context.after(recountMs, { kind: 'owed-recount' })
      }
    }
  }

  #erase(tag: number, key: Key, { sinceMs }: Owed, isDelivered: boolean, context: VnodeContext): void {
    if (!context.resources.store.erase(this.#partition, owedKeyOf(tag, key), this.#settled(context))) return
    this.#ledger.settled(this.#partition, tag, sinceMs, isDelivered)
  }

  #page({ tag, after, pairsMax, keysOnly, replyTo }: Extract<OwedMessage, { kind: 'owed-page' }>, context: VnodeContext): void {
    const start = owedStartOf(tag)
    const from = after === undefined ? start : owedKeyOf(tag, after)
    const page = context.resources.store.scan(this.#partition, from, Math.min(pairsMax, limits.listPageMax))
    const pairs: OwedPair[] = []
    let damaged = page.corrupt.filter(key => key.startsWith(start)).length
    let bytes = 0
    let next = page.next
    for (const { key: owedKey, record } of page.pairs) {
      if (!owedKey.startsWith(start)) {
        next = undefined
        break
      }
      const owed = decodeOwed(record)
      const key = keyOfOwed(owedKey)
      const siblings = keysOnly ? nothing : this.#toGive(key, owed, context)
      if (siblings === undefined) {
        damaged++
        continue
      }
      // Its write was refused when it was minted, so nobody misses anything.
      if (!keysOnly && siblings.length === 0) {
        this.#erase(tag, key, owed, false, context)
        continue
      }
      bytes += key.length + siblings.length
      if (bytes > pageBytesMax && pairs.length > 0) {
        next = owedKeyOf(tag, pairs.at(-1)!.key)
        break
      }
      pairs.push({ key, sinceMs: owed.sinceMs, digest: owed.digest, siblings })
    }
    const goesOn = next?.startsWith(start) === true
    context.send(replyTo, { kind: 'owed', pairs, damaged, next: goesOn ? keyOfOwed(next as Key) : undefined })
  }

  /** The record of now: at least what was owed. undefined: it is damaged, and may be mended; empty: there is none. */
  #toGive(key: Key, { siblings }: Owed, { resources }: VnodeContext): Uint8Array | undefined {
    try {
      const own = resources.store.read(this.#partition, key)
      if (siblings.length === 0) return own ?? nothing
      return mergedBytes(own, siblings, 'siblings')
    } catch (error) {
      if (error instanceof CorruptRecord) return undefined
      throw error
    }
  }

  #read(owedKey: Key, context: VnodeContext): Owed | undefined {
    try {
      const record = context.resources.store.read(this.#partition, owedKey)
      return record === undefined ? undefined : decodeOwed(record)
    } catch (error) {
      if (!(error instanceof CorruptRecord)) throw error
      context.log.error({ partition: this.#partition, tag: tagOfOwed(owedKey) }, error.message)
      return undefined
    }
  }

  /** Once after the thread's start: what is on the disk. */
  #found({ resources }: VnodeContext): { tag: number; sinceMs: number }[] {
    const found: { tag: number; sinceMs: number }[] = []
    let after: Key | undefined = owedStart
    while (after !== undefined) {
      const { pairs, next } = resources.store.scan(this.#partition, after, scanPairs)
      for (const { key, record } of pairs) {
        if (key >= owedEnd) return found
        found.push({ tag: tagOfOwed(key), sinceMs: decodeOwed(record).sinceMs })
      }
      after = next
    }
    return found
  }
}
