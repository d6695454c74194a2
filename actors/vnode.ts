import type { Ref } from '../bus/bus.ts'
import { counterSeen, emptyContext } from '../model/causal-context.ts'
import { type Fault, fault } from '../model/fault.ts'
import type { Key } from '../model/key.ts'
import { limits } from '../model/limits.ts'
import { contextAfterWrite, emptySiblings, live, merge, resolveLastWriteWins, write } from '../model/siblings.ts'
import { decodeSiblings, digestOf, encodeSiblings } from '../model/siblings-codec.ts'
import { epochOf, uidOf } from '../model/version-vector.ts'
import type { Behaviour, Context } from '../runtime/actor.ts'
import type { Counter } from '../runtime/metrics.ts'
import { type Completion, CorruptRecord, type Durability } from '../storage/store.ts'
import type { StoreResources } from './store-resources.ts'
import type { Resolver, VnodeMessage, VnodeReply } from './vnode-protocol.ts'

type VnodeContext = Context<VnodeMessage, StoreResources>
type Write = Extract<VnodeMessage, { kind: 'write' }>
type Replicate = Extract<VnodeMessage, { kind: 'replicate' }>

interface VnodeState {
  readonly partition: number
  readonly corrupt: Counter
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
const pageBytesMax = 256 * 1024

/**
 * One replica of one partition: merges what it is given with what it has, mints dots, keeps the result.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.4
 */
export const vnode: Behaviour<VnodeState, VnodeMessage, { readonly partition: number }, StoreResources> = {
  kind: 'vnode',

  start({ partition }, context) {
    const corrupt = context.metrics.counter('corrupt_records_total', 'Records whose checksum did not hold; never served')
    return { partition, corrupt, writes: 0, reads: 0 }
  },

  receive(state, message, context) {
    try {
      switch (message.kind) {
        case 'write':
          return mint(state, message, context)
        case 'replicate':
          return replicate(state, message, context)
        case 'read':
          state.reads++
          return context.send(message.replyTo, { kind: 'record', siblings: read(state, message.key, context) ?? nothing })
        case 'compare':
          return compare(state, message, context)
        case 'scan':
          return scan(state, message, context)
        case 'inspect':
          return inspect(state, message, context)
      }
    } catch (error) {
      // A record that fails its checksum is this key's misfortune, not the vnode's: others go on, and a replica can mend it.
      if (!(error instanceof CorruptRecord)) throw error
      state.corrupt.add()
      context.log.error({ partition: state.partition, bytes: error.key.length }, error.message)
      context.send<VnodeReply>(message.replyTo, { kind: 'failed', fault: fault('corrupt_record', error.message) })
    }
  },

  summary: state => ({ partition: state.partition, writes: state.writes, reads: state.reads })
}

function read(state: VnodeState, key: Key, context: VnodeContext): Uint8Array | undefined {
  return context.resources.store.read(state.partition, key)
}

function mint(state: VnodeState, message: Write, context: VnodeContext): void {
  const { store, dots } = context.resources
  const before = read(state, message.key, context)
  const local = before === undefined ? emptySiblings : decodeSiblings(before)
  const seen = message.context ?? emptyContext
  if (message.create && live(local, context.wallMs()).length > 0) return refuse(message, keyExists, context)

  const counter = dots.next()
  if (counterSeen(seen, dots.vnode) >= counter || counterSeen(local.context, dots.vnode) >= counter) {
    const detail =
      'the context names writes of this host that never happened: read the key again and send the context of that read'
    return refuse(message, fault('bad_request', detail, { outcome: 'refused' }), context)
  }
  const { value, contentType, modifiedMs, expiresMs, tombstone } = message
  const written = write(local, seen, { vnode: dots.vnode, counter, value, contentType, modifiedMs, expiresMs, tombstone })
  const resolved = message.resolver === 'last-write-wins' ? resolveLastWriteWins(written) : written
  if (resolved.versions.length > limits.siblingsMax && resolved.versions.length > local.versions.length) {
    return refuse(message, tooManySiblings(local.versions.length), context)
  }
  const siblings = encodeSiblings(resolved)
  state.writes++
  store.write(
    state.partition,
    message.key,
    siblings,
    message.durability,
    new Acknowledgement(message.replyTo, message.durability, context)
  )
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
  const merged = mergedBytes(read(state, message.key, context), message.siblings, message.resolver)
  state.writes++
  // What adds nothing is written all the same: the acknowledgement promises that it is durable, and what is here may not be yet.
  store.write(
    state.partition,
    message.key,
    merged,
    message.durability,
    new Acknowledgement(message.replyTo, message.durability, context)
  )
}

function mergedBytes(before: Uint8Array | undefined, incoming: Uint8Array, resolver: Resolver): Uint8Array {
  const theirs = decodeSiblings(incoming)
  if (before === undefined) return incoming
  const ours = decodeSiblings(before)
  const merged = merge(ours, theirs)
  const resolved = resolver === 'last-write-wins' ? resolveLastWriteWins(merged) : merged
  if (resolved === theirs) return incoming
  return resolved === ours ? before : encodeSiblings(resolved)
}

function compare(state: VnodeState, message: Extract<VnodeMessage, { kind: 'compare' }>, context: VnodeContext): void {
  state.reads++
  const record = read(state, message.key, context)
  const digest = record === undefined ? 0 : digestOf(record)
  context.send<VnodeReply>(message.replyTo, digest === message.digest ? same : { kind: 'record', siblings: record ?? nothing })
}

function scan(state: VnodeState, message: Extract<VnodeMessage, { kind: 'scan' }>, context: VnodeContext): void {
  const pairsMax = Math.min(message.pairsMax, limits.listPageMax)
  const page = context.resources.store.scan(state.partition, message.after, pairsMax)
  const pairs: { key: Key; siblings: Uint8Array }[] = []
  let bytes = 0
  for (const { key, record } of page.pairs) {
    bytes += key.length + (message.keysOnly ? 0 : record.length)
    // One page is one bus message: where records are large, it ends early.
    if (bytes > pageBytesMax && pairs.length > 0)
      return context.send(message.replyTo, { kind: 'page', pairs, next: pairs.at(-1)?.key })
    if (!message.keysOnly) pairs.push({ key, siblings: record })
    else if (live(decodeSiblings(record), context.wallMs()).length > 0) pairs.push({ key, siblings: nothing })
  }
  context.send(message.replyTo, { kind: 'page', pairs, next: page.next })
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
    bytes: record?.length ?? 0
  })
}

/** Tells the coordinator when the write is as durable as it asked, or that it is not stored. */
class Acknowledgement implements Completion {
  readonly #to: Ref<VnodeReply>
  readonly #durability: Durability
  readonly #context: VnodeContext

  constructor(to: Ref<VnodeReply>, durability: Durability, context: VnodeContext) {
    this.#to = to
    this.#durability = durability
    this.#context = context
  }

  settled(why: Fault | undefined): void {
    this.#context.send(this.#to, why === undefined ? stored[this.#durability] : { kind: 'failed', fault: why })
  }
}
