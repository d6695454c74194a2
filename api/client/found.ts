import type { Got, Receipt, Strength, Written } from '../../actors/coordinator/coordinator-protocol.ts'
import { encodeContext, type CausalContext } from '../../model/causal-context.ts'
import { live, type Sibling } from '../../model/siblings.ts'
import { decodeSiblings, digestOf } from '../../model/siblings-codec.ts'
import { asWritten } from '../reading.ts'
import type { ValueCodec } from './value-codec.ts'

/** One of the concurrent values of a key. */
export interface Version<T> {
  readonly value: T
  readonly contentType: string
  /** Milliseconds since 1970 by the clock of the coordinator that wrote it; for show. */
  readonly modifiedMs: number
}

/** What a read found. */
export interface Found<T> {
  /** The newest of the concurrent values. */
  readonly value: T
  /** All concurrent values, newest first; more than one where writes did not know of each other. */
  readonly siblings: readonly Version<T>[]
  /** Give it back with the next write, which then replaces what was read. */
  readonly context: string
  /** For `ifMatch`; changes with every write. */
  readonly etag: string
  /** How much the reply can be relied on. */
  readonly consistency: Strength
  /** Where the read asked for one. */
  readonly receipt: Receipt | undefined
}

/** What became of an accepted write. */
export interface Stored {
  /** Give it back with the next write, which then replaces this one. */
  readonly context: string
  readonly consistency: Strength
  /** Replicas that had acknowledged by the time of the reply. */
  readonly answered: number
  /** Where the write asked for one. */
  readonly receipt: Receipt | undefined
}

/** What a coordinator knows of a key, decoded as far as a decision needs it. */
export interface Reading {
  /** Newest first; empty where there is nothing to show. */
  readonly versions: readonly Sibling[]
  /** Also of a deleted key; undefined where no replica knows it. */
  readonly context: CausalContext | undefined
}

const nothing: Reading = Object.freeze({ versions: Object.freeze([]), context: undefined })

/**
 * @param nowMs milliseconds since 1970: versions that have expired by then are hidden
 * @throws {CorruptRecord} a value that was stored compressed cannot be read
 */
export function readingOf(got: Got, nowMs: number): Reading {
  if (got.siblings.length === 0) return nothing
  const siblings = decodeSiblings(got.siblings)
  const shown = asWritten(live(siblings, nowMs))
  return { versions: shown.length > 1 ? shown.slice().sort(newestFirst) : shown, context: siblings.context }
}

export function etagOf(got: Got): string {
  return hexOf(digestOf(got.siblings))
}

const hexPairs: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const twoTo32 = 2 ** 32

/** As `number.toString(16)`, which takes a microsecond. @param number 0 ≤ number < 2^53 */
function hexOf(number: number): string {
  const high = Math.floor(number / twoTo32)
  const low = number >>> 0
  let text = hexPairs[low >>> 24]! + hexPairs[(low >>> 16) & 0xff]! + hexPairs[(low >>> 8) & 0xff]! + hexPairs[low & 0xff]!
  if (high > 0) text = hexPairs[high >>> 16]! + hexPairs[(high >>> 8) & 0xff]! + hexPairs[high & 0xff]! + text
  let zeros = 0
  while (zeros < text.length - 1 && text.charCodeAt(zeros) === 48) zeros++
  return zeros === 0 ? text : text.slice(zeros)
}

/** @returns undefined where there is nothing to show */
export function foundOf<T>(got: Got, reading: Reading, codec: ValueCodec<T>): Found<T> | undefined {
  if (reading.versions.length === 0 || reading.context === undefined) return undefined
  const siblings = reading.versions.map(version => versionOf(version, codec))
  return {
    value: siblings[0]!.value,
    siblings,
    context: encodeContext(reading.context),
    etag: etagOf(got),
    consistency: got.strength,
    receipt: got.receipt
  }
}

function versionOf<T>({ value, contentType, modifiedMs }: Sibling, codec: ValueCodec<T>): Version<T> {
  return { value: codec.decode(value, contentType), contentType, modifiedMs }
}

export function storedOf(written: Written): Stored {
  return {
    context: encodeContext(written.context),
    consistency: written.strength,
    answered: written.answered,
    receipt: written.receipt
  }
}

/** As `newest` in model/siblings decides: time, then dot. */
function newestFirst(a: Sibling, b: Sibling): number {
  return b.modifiedMs - a.modifiedMs || b.vnode - a.vnode || b.counter - a.counter
}
