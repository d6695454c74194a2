import type { Got } from '../actors/coordinator/coordinator-protocol.ts'
import { encodeContext } from '../model/causal-context.ts'
import { live, type Sibling } from '../model/siblings.ts'
import { decodeSiblings, digestOf } from '../model/siblings-codec.ts'

/** What a get found, as the doors show it. */
export interface Reading {
  /** Newest first; empty where there is nothing, or only what was deleted or has expired. */
  readonly versions: readonly Sibling[]
  /** Token of what was seen; undefined where no replica knows the key. Also of a deleted key: a put with it follows the delete. */
  readonly context: string | undefined
  /** With its quotes; undefined where no replica knows the key. */
  readonly etag: string | undefined
}

const nothing: Reading = Object.freeze({ versions: Object.freeze([]), context: undefined, etag: undefined })

/** @param nowMs milliseconds since 1970: versions that have expired by then are hidden */
export function readingOf(got: Got, nowMs: number): Reading {
  if (got.siblings.length === 0) return nothing
  const siblings = decodeSiblings(got.siblings)
  const shown = live(siblings, nowMs)
  return {
    versions: shown.length > 1 ? shown.slice().sort(newestFirst) : shown,
    context: encodeContext(siblings.context),
    etag: `"${etagOf(got.siblings)}"`
  }
}

/** What `If-Match` compares: hex of the digest over context and dots, so it changes with every write. */
export function etagOf(siblings: Uint8Array): string {
  return digestOf(siblings).toString(16)
}

/** As `newest` in model/siblings decides: time, then dot. */
function newestFirst(a: Sibling, b: Sibling): number {
  return b.modifiedMs - a.modifiedMs || b.vnode - a.vnode || b.counter - a.counter
}
