import type { Ref } from '../../bus/bus.ts'
import { counterSeen, emptyContext, entriesOf } from '../../model/causal-context.ts'
import { type Fault, fault } from '../../model/fault.ts'
import {
  hintKeyOf,
  hintsEnd,
  hintsStart,
  hintsStartOf,
  keyOfHint,
  standInIdOf,
  targetOfHint,
  writeStandIn
} from '../../model/hint.ts'
import type { Key } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import {
  contextAfterWrite,
  emptySiblings,
  live,
  merge,
  newest,
  resolveLastWriteWins,
  type Siblings
} from '../../model/siblings.ts'
import { decodeSiblings, digestOf, encodeSiblings } from '../../model/siblings-codec.ts'
import type { Context } from '../../runtime/actor.ts'
import { type Completion, CorruptRecord, type Durability } from '../../storage/store.ts'
import { type HintLedger, hintLedgerOf, type PartitionHints } from './hint-ledger.ts'
import type { VnodeOwed } from '../replication/vnode-owed.ts'
import { mergedBytes } from './merged-bytes.ts'
import type { StoreResources } from '../store-resources.ts'
import type { HintInspected, HintMessage, VnodeMessage, VnodeReply } from './vnode-protocol.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>
type Write = Extract<VnodeMessage, { kind: 'write' }>

const scanPairs = 1_000
const pageBytesMax = 256 * 1024
const keyExists = fault('key_exists', 'the key exists: use PUT with its context to replace it', { outcome: 'refused' })

/**
 * What one vnode keeps for hosts that are away, until a handoff agent has delivered it. Hints lie in the partition's own records, so
 * they are as durable as any write; the ledger counts them.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.6
 */
export class VnodeHints {
  readonly #partition: number
  readonly #owed: VnodeOwed
  readonly #ledger: HintLedger
  readonly #hints: PartitionHints

  constructor(partition: number, owed: VnodeOwed, context: VnodeContext) {
    this.#owed = owed
    const { store, dots } = context.resources
    this.#partition = partition
    this.#ledger = hintLedgerOf(store, dots)
    this.#ledger.report(context.metrics)
    this.#hints = this.#ledger.partition(partition) ?? this.#ledger.open(partition, this.#count(context))
  }

  receive(message: HintMessage, context: VnodeContext): void {
    switch (message.kind) {
      case 'hint':
        return this.#keep(message, context)
      case 'hint-delivered':
        return this.#forget(message, context)
      case 'hints-page':
        return this.#page(message, context)
      case 'hints-held':
        return context.send<VnodeReply>(message.replyTo, {
          kind: 'held',
          partition: this.#partition,
          pending: this.#pending() + this.#hints.unsettled,
          standIn: standInIdOf(context.resources.dots.vnode)
        })
    }
  }

  /** `own` and all that is kept for others of the key: what a reader gets. Costs nothing where no hints are kept. */
  withHints(key: Key, own: Uint8Array | undefined, context: VnodeContext): Uint8Array | undefined {
    if (this.#hints.targets.size === 0) return own
    const kept = this.#of(key, context)
    if (kept === emptySiblings) return own
    return encodeSiblings(own === undefined ? kept : merge(decodeSiblings(own), kept))
  }

  /**
   * Mint in place of the owners, none of whom can be reached, and keep the result for `message.standIn`.
   * @param own what this host's own record of the key is, from a time when it was an owner
   */
  mint(message: Write, target: number, own: Uint8Array | undefined, context: VnodeContext): void {
    const { dots } = context.resources
    const local = this.#of(message.key, context)
    const seen = message.context ?? emptyContext
    const known = own === undefined ? local : merge(decodeSiblings(own), local)
    if (message.create && live(known, context.wallMs()).length > 0) return refuse(message, keyExists, context)
    const vnode = standInIdOf(dots.vnode)
    const counter = dots.next()
    if (counterSeen(seen, vnode) >= counter || counterSeen(local.context, vnode) >= counter) {
      const detail =
        'the context names writes of this host that never happened: read the key again and send the context of that read'
      return refuse(message, fault('bad_request', detail, { outcome: 'refused' }), context)
    }
    const { value, contentType, modifiedMs, expiresMs, tombstone } = message
    const sibling = { vnode, counter, value, contentType, modifiedMs, expiresMs, tombstone }
    const written = writeStandIn(local, seen, sibling, this.#hints.isComplete && dots.isWhole)
    const resolved = message.resolver === 'last-write-wins' ? resolveLastWriteWins(written) : written
    const why = refusalOf(resolved, local)
    if (why !== undefined) return refuse(message, why, context)
    const siblings = encodeSiblings(resolved)
    if (message.owes !== undefined) this.#owed.owe(message.key, message.owes, siblings, false, message.resolver, context)
    if (!this.#write(target, message.key, siblings, message.durability, message.replyTo, context)) return
    context.send<VnodeReply>(message.replyTo, {
      kind: 'minted',
      siblings,
      context: contextAfterWrite(resolved, seen, { vnode, counter })
    })
  }

  inspect(key: Key, context: VnodeContext): HintInspected[] {
    const found: HintInspected[] = []
    for (const target of this.#hints.targets) {
      const record = context.resources.store.read(this.#partition, hintKeyOf(target, key))
      if (record === undefined) continue
      const { modifiedMs = 0 } = newest(decodeSiblings(record)) ?? {}
      found.push({ target, ageMs: Math.max(0, context.wallMs() - modifiedMs) })
    }
    return found
  }

  get pending(): number {
    return this.#pending()
  }

  #pending(): number {
    let pending = 0
    for (const count of this.#hints.pending.values()) pending += count
    return pending
  }

  /** Once after the thread's start, before the vnode takes part: what is on the disk. */
  #count({ resources }: VnodeContext): ReadonlyMap<number, number> {
    const found = new Map<number, number>()
    let after: Key | undefined = hintsStart
    while (after !== undefined) {
      const { pairs, corrupt, next } = resources.store.scan(this.#partition, after, scanPairs)
      for (const key of [...pairs.map(pair => pair.key), ...corrupt]) {
        if (key >= hintsEnd) return found
        const target = targetOfHint(key)
        found.set(target, (found.get(target) ?? 0) + 1)
      }
      after = next
    }
    return found
  }

  #of(key: Key, context: VnodeContext): Siblings {
    let merged = emptySiblings
    for (const target of this.#hints.targets) {
      const record = context.resources.store.read(this.#partition, hintKeyOf(target, key))
      if (record !== undefined) merged = merge(merged, decodeSiblings(record))
    }
    return merged
  }

  #keep(message: Extract<HintMessage, { kind: 'hint' }>, context: VnodeContext): void {
    const { target, key, siblings, resolver, durability, replyTo } = message
    const before = context.resources.store.read(this.#partition, hintKeyOf(target, key))
    this.#write(target, key, mergedBytes(before, siblings, resolver), durability, replyTo, context)
  }

  /** @returns false where it was refused before anyone could see it */
  #write(
    target: number,
    key: Key,
    siblings: Uint8Array,
    durability: Durability,
    replyTo: Ref<VnodeReply>,
    context: VnodeContext
  ): boolean {
    const { store } = context.resources
    const hintKey = hintKeyOf(target, key)
    const replaces = store.read(this.#partition, hintKey) !== undefined
    this.#hints.targets.add(target)
    this.#hints.unsettled++
    const completion = new HintKept(this.#ledger, this.#hints, target, replaces, replyTo, durability, context)
    return store.write(this.#partition, hintKey, siblings, durability, completion)
  }

  #forget({ target, key, digest }: Extract<HintMessage, { kind: 'hint-delivered' }>, context: VnodeContext): void {
    const { store, dots } = context.resources
    const hintKey = hintKeyOf(target, key)
    const record = this.#readable(hintKey, context)
    // A later write was merged into it meanwhile: that has to arrive, too.
    if (record === undefined || digestOf(record) !== digest) return
    if (counterSeen(decodeSiblings(record).context, standInIdOf(dots.vnode)) > 0) this.#hints.isComplete = false
    this.#hints.unsettled++
    store.erase(this.#partition, hintKey, new HintErased(this.#ledger, this.#hints, target, context))
  }

  /** A hint that is corrupt was never delivered: it stays. */
  #readable(hintKey: Key, context: VnodeContext): Uint8Array | undefined {
    try {
      return context.resources.store.read(this.#partition, hintKey)
    } catch (error) {
      if (!(error instanceof CorruptRecord)) throw error
      context.log.error({ partition: this.#partition, target: targetOfHint(hintKey) }, error.message)
      return undefined
    }
  }

  #page(message: Extract<HintMessage, { kind: 'hints-page' }>, context: VnodeContext): void {
    const { target, after, pairsMax, replyTo } = message
    const start = hintsStartOf(target)
    const from = after === undefined ? start : hintKeyOf(target, after)
    const page = context.resources.store.scan(this.#partition, from, Math.min(pairsMax, limits.listPageMax))
    if (page.corrupt.length > 0) {
      context.log.error({ partition: this.#partition, target, hints: page.corrupt.length }, 'hints that fail their checksum stay')
    }
    const pairs: { key: Key; siblings: Uint8Array }[] = []
    let bytes = 0
    let next = page.next
    for (const { key, record } of page.pairs) {
      if (!key.startsWith(start)) {
        next = undefined
        break
      }
      bytes += key.length + record.length
      if (bytes > pageBytesMax && pairs.length > 0) {
        next = hintKeyOf(target, pairs.at(-1)!.key)
        break
      }
      pairs.push({ key: keyOfHint(key), siblings: record })
    }
    const goesOn = next?.startsWith(start) === true
    context.send<VnodeReply>(replyTo, { kind: 'hints', pairs, next: goesOn ? keyOfHint(next as Key) : undefined })
  }
}

function refusalOf(written: Siblings, local: Siblings): Fault | undefined {
  const size = local.versions.length
  if (written.versions.length > limits.siblingsMax && written.versions.length > size) {
    const detail = `the key has ${size} concurrent values, the limit is ${limits.siblingsMax}: read it and write the merged value with the context of that read`
    return fault('too_many_siblings', detail, { limit: limits.siblingsMax, size, outcome: 'refused' })
  }
  const entries = entriesOf(written.context)
  if (entries <= limits.standInEntriesMax || entries <= entriesOf(local.context)) return undefined
  const detail = `the owners of the key are away, and ${entries} writes were taken for them: the limit is ${limits.standInEntriesMax}; try again when they are back`
  return fault('unavailable', detail, { limit: limits.standInEntriesMax, size: entries, outcome: 'refused' })
}

function refuse(message: Write, why: Fault, context: VnodeContext): void {
  context.send<VnodeReply>(message.replyTo, { kind: 'failed', fault: why })
}

/** Counts the hint once it is as durable as was asked, and says so. */
class HintKept implements Completion {
  readonly #ledger: HintLedger
  readonly #hints: PartitionHints
  readonly #target: number
  readonly #replaces: boolean
  readonly #to: Ref<VnodeReply>
  readonly #durability: Durability
  readonly #context: VnodeContext

  constructor(
    ledger: HintLedger,
    hints: PartitionHints,
    target: number,
    replaces: boolean,
    to: Ref<VnodeReply>,
    durability: Durability,
    context: VnodeContext
  ) {
    this.#ledger = ledger
    this.#hints = hints
    this.#target = target
    this.#replaces = replaces
    this.#to = to
    this.#durability = durability
    this.#context = context
  }

  settled(why: Fault | undefined): void {
    if (why === undefined) this.#ledger.kept(this.#hints, this.#target, this.#replaces)
    this.#ledger.settled(this.#hints)
    if (why === undefined) {
      this.#context.send<VnodeReply>(this.#to, { kind: 'stored', durability: this.#durability })
    } else {
      // It may have been one that this host minted, and that others have.
      this.#hints.isComplete = false
      this.#context.send<VnodeReply>(this.#to, { kind: 'failed', fault: why })
    }
  }
}

class HintErased implements Completion {
  readonly #ledger: HintLedger
  readonly #hints: PartitionHints
  readonly #target: number
  readonly #context: VnodeContext

  constructor(ledger: HintLedger, hints: PartitionHints, target: number, context: VnodeContext) {
    this.#ledger = ledger
    this.#hints = hints
    this.#target = target
    this.#context = context
  }

  settled(why: Fault | undefined): void {
    if (why === undefined) this.#ledger.delivered(this.#hints, this.#target)
    this.#ledger.settled(this.#hints)
    if (why === undefined) return
    // It is still there, and will be delivered once more.
    this.#context.log.warn(
      { target: this.#target, code: why.code },
      `a hint that was delivered could not be erased: ${why.detail}`
    )
  }
}
