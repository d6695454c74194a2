import { dotsLength, MalformedBytes, readDots, writeDots, type Cursor } from './dot-codec.ts'
import { fault, type Fault } from './fault.ts'
import { hash32 } from './hash.ts'
import { limits } from './limits.ts'
import * as vectors from './version-vector.ts'
import type { Dot, VersionVector, VnodeId } from './version-vector.ts'

/**
 * What someone has seen of one key: a vector, and single dots beyond it.
 *
 * A vnode's counters rise, but are shared by its keys, so they have gaps within one key. An entry of the vector covers every event
 * of this key that its vnode minted up to there; a dot of the cloud covers only itself, and is absorbed by an entry that is at
 * least as high, never by being the next one.
 * @see Preguiça, Baquero, Almeida, Fonte, Gonçalves: Dotted Version Vectors (2010); Almeida et al., Scalable and Accurate Causality Tracking (DAIS 2014)
 */
export interface CausalContext {
  readonly vector: VersionVector
  /** Flat like a vector; ascending by vnode, then counter; holds no dot that the vector covers. */
  readonly cloud: readonly number[]
}

const none: readonly number[] = Object.freeze([])

/** Has seen nothing. A write with it is blind: it replaces nothing. */
export const emptyContext: CausalContext = Object.freeze({ vector: vectors.emptyVector, cloud: none })

export function isEmpty(context: CausalContext): boolean {
  return context.vector.length === 0 && context.cloud.length === 0
}

export function covers(context: CausalContext, vnode: VnodeId, counter: number): boolean {
  return vectors.counterOf(context.vector, vnode) >= counter || (context.cloud.length > 0 && holds(context.cloud, vnode, counter))
}

/** The highest counter of `vnode` in the context, 0 where there is none. A client's may not pass what the vnode has minted. */
export function counterSeen(context: CausalContext, vnode: VnodeId): number {
  let highest = vectors.counterOf(context.vector, vnode)
  const { cloud } = context
  for (let at = 0; at < cloud.length; at += 2) {
    if (cloud[at] === vnode && cloud[at + 1]! > highest) highest = cloud[at + 1]!
  }
  return highest
}

/** Whether `a` has seen all that `b` has. */
export function descends(a: CausalContext, b: CausalContext): boolean {
  if (a === b) return true
  if (!vectors.descends(a.vector, b.vector)) return false
  const { cloud } = b
  for (let at = 0; at < cloud.length; at += 2) {
    if (!covers(a, cloud[at]!, cloud[at + 1]!)) return false
  }
  return true
}

export function equal(a: CausalContext, b: CausalContext): boolean {
  return a === b || (same(a.vector, b.vector) && same(a.cloud, b.cloud))
}

/** What both have seen together; one of the arguments itself where that one has seen it all. */
export function join(a: CausalContext, b: CausalContext): CausalContext {
  if (a === b) return a
  const vector = vectors.join(a.vector, b.vector)
  if (a.cloud.length === 0 && b.cloud.length === 0) {
    return vector === a.vector ? a : vector === b.vector ? b : { vector, cloud: none }
  }
  if (vector === a.vector && descends(a, b)) return a
  if (vector === b.vector && descends(b, a)) return b
  return { vector, cloud: joinedClouds(vector, a.cloud, b.cloud) }
}

/** `context` and one single dot. */
export function withDot(context: CausalContext, vnode: VnodeId, counter: number): CausalContext {
  if (covers(context, vnode, counter)) return context
  return { vector: context.vector, cloud: joinedClouds(emptyContext.vector, context.cloud, [vnode, counter]) }
}

/** `context` and every event of `vnode` up to `counter`: only `vnode` itself can know that it has seen them. */
export function withCounter(context: CausalContext, vnode: VnodeId, counter: number): CausalContext {
  const vector = vectors.raised(context.vector, vnode, counter)
  if (vector === context.vector) return context
  return { vector, cloud: context.cloud.length === 0 ? none : joinedClouds(vector, context.cloud, none) }
}

/**
 * The causal history of one written value: what its writer had seen, and its own dot. A put's reply hands it back, so that a later
 * write with it replaces what that writer had seen and its own value, not the siblings that the coordinator happened to know.
 *
 * Where the write left no sibling, the coordinator's whole context is the same history in fewer entries: see `contextAfterWrite`.
 * Beyond `limits.contextEntriesMax` the oldest single dots are left out, the vnode's own first; a context that has seen less never loses
 * a value, it can only leave a sibling that the replicas' merge removes.
 */
export function contextOfWrite(context: CausalContext, dot: Dot): CausalContext {
  const grown = withDot(context, dot.vnode, dot.counter)
  const excess = entriesOf(grown) - limits.contextEntriesMax
  return excess > 0 ? withoutOldest(grown, dot, excess) : grown
}

/** Entries of the vector and the cloud. */
export function entriesOf(context: CausalContext): number {
  return (context.vector.length + context.cloud.length) / 2
}

const tokenVersion = 1
const tokenPattern = /^[A-Za-z0-9_-]+$/
const checksumSeed = 0x0c0_47e87
const checksumBytes = 4
/** An entry takes at most 5 + 3 + 8 bytes. */
const tokenCharactersMax = Math.ceil(((1 + 3 + 3 + limits.contextEntriesMax * 16 + checksumBytes) * 4) / 3)

/** An opaque token for clients: base64url of version, vector, cloud, XXH32. Equal contexts have equal tokens. */
export function encodeContext(context: CausalContext): string {
  const bodyBytes = 1 + dotsLength(context.vector) + dotsLength(context.cloud)
  const bytes = Buffer.allocUnsafe(bodyBytes + checksumBytes)
  bytes[0] = tokenVersion
  writeDots(bytes, writeDots(bytes, 1, context.vector), context.cloud)
  bytes.writeUInt32LE(hash32(bytes.subarray(0, bodyBytes), checksumSeed), bodyBytes)
  return bytes.toString('base64url')
}

/** @returns a fault for whatever `encodeContext` did not make: clients send these */
export function decodeContext(token: string): CausalContext | Fault {
  if (token.length === 0) return refused('is empty')
  if (token.length > tokenCharactersMax) return refused(`has ${token.length} characters, the limit is ${tokenCharactersMax}`)
  if (!tokenPattern.test(token)) return refused('is not base64url')
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.toString('base64url') !== token) return refused('is cut short or was altered')
  const bodyBytes = bytes.length - checksumBytes
  if (bodyBytes < 3) return refused('is cut short')
  const body = bytes.subarray(0, bodyBytes)
  if (hash32(body, checksumSeed) !== bytes.readUInt32LE(bodyBytes)) return refused('was altered: its checksum does not hold')
  if (body[0] !== tokenVersion) return refused(`has version ${body[0]}, this host knows ${tokenVersion}`)
  try {
    const cursor: Cursor = { bytes: body, at: 1 }
    const context = readContext(cursor)
    if (cursor.at !== bodyBytes) return refused('has bytes behind its end')
    const entries = entriesOf(context)
    return entries > limits.contextEntriesMax
      ? fault(
          'bad_request',
          `context has ${entries} entries, the limit is ${limits.contextEntriesMax}: read the key again and send the context of that read`,
          {
            limit: limits.contextEntriesMax,
            size: entries
          }
        )
      : context
  } catch (error) {
    if (error instanceof MalformedBytes) return refused(`is malformed: ${error.message}`)
    throw error
  }
}

/**
 * Vector and cloud from `cursor`, as `writeDots` wrote them, one behind the other.
 * @throws {MalformedBytes} also where the cloud holds a dot that the vector covers
 */
export function readContext(cursor: Cursor): CausalContext {
  const vector = readDots(cursor, true)
  const start = cursor.at
  const cloud = readDots(cursor, false)
  if (cloud.length === 0) return vector.length === 0 ? emptyContext : { vector, cloud: none }
  for (let at = 0; at < cloud.length; at += 2) {
    if (vectors.covers(vector, cloud[at]!, cloud[at + 1]!))
      throw new MalformedBytes('the cloud holds a dot that the vector covers', start)
  }
  return { vector, cloud }
}

function refused(why: string): Fault {
  return fault('bad_request', `context ${why}: send the token of a read or write back unchanged, or none for a blind write`)
}

function holds(cloud: readonly number[], vnode: VnodeId, counter: number): boolean {
  for (let at = 0; at < cloud.length; at += 2) {
    if (cloud[at] === vnode && cloud[at + 1] === counter) return true
  }
  return false
}

function same(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) {
    if (a[at] !== b[at]) return false
  }
  return true
}

/** Both clouds in order, each dot once, without what `vector` covers. */
function joinedClouds(vector: VersionVector, a: readonly number[], b: readonly number[]): readonly number[] {
  const joined: number[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const order = i >= a.length ? 1 : j >= b.length ? -1 : a[i]! - b[j]! || a[i + 1]! - b[j + 1]!
    const vnode = order <= 0 ? a[i]! : b[j]!
    const counter = order <= 0 ? a[i + 1]! : b[j + 1]!
    if (order <= 0) i += 2
    if (order >= 0) j += 2
    if (!vectors.covers(vector, vnode, counter)) joined.push(vnode, counter)
  }
  return joined.length === 0 ? none : joined
}

function withoutOldest(context: CausalContext, { vnode, counter }: Dot, excess: number): CausalContext {
  let left = excess
  const cloud = context.cloud.slice()
  for (const own of [true, false]) {
    for (let at = 0; at < cloud.length && left > 0; ) {
      // Ascending order brings a vnode's oldest first; the write's own dot is what the reply is about.
      const dropped = own ? cloud[at] === vnode && cloud[at + 1] !== counter : cloud[at] !== vnode
      if (dropped) {
        cloud.splice(at, 2)
        left--
      } else {
        at += 2
      }
    }
  }
  return { vector: context.vector, cloud }
}
