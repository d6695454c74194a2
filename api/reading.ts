import type { Got } from '../actors/coordinator/coordinator-protocol.ts'
import { emptyContext, encodeContext } from '../model/causal-context.ts'
import { fault } from '../model/fault.ts'
import { live, newest, type Sibling } from '../model/siblings.ts'
import { decodeSiblings, digestOf } from '../model/siblings-codec.ts'
import { MalformedValue, plainVersion, plainVersions } from '../model/value-coding.ts'
import { CorruptRecord } from './client/errors.ts'
import { valueMembers } from './json-value.ts'

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

/**
 * @param nowMs milliseconds since 1970: versions that have expired by then are hidden
 * @throws {CorruptRecord} a value that was stored compressed cannot be read
 */
export function readingOf(got: Got, nowMs: number): Reading {
  if (got.siblings.length === 0) return nothing
  const siblings = decodeSiblings(got.siblings)
  const shown = asWritten(live(siblings, nowMs))
  return {
    versions: shown.length > 1 ? shown.slice().sort(newestFirst) : shown,
    context: encodeContext(siblings.context),
    etag: `"${etagOf(got.siblings)}"`
  }
}

/** As they were given to be stored. @throws {CorruptRecord} */
export function asWritten(versions: readonly Sibling[]): readonly Sibling[] {
  try {
    return plainVersions(versions)
  } catch (error) {
    throw corruptRecord(error)
  }
}

/**
 * The newest value of a record as members of a JSON object, for a listing of pairs. One that cannot be read is `null` with the code
 * of its fault beside it, so that the listing goes on.
 * @returns undefined where there is nothing to show
 */
export function listedMembers(record: Uint8Array, nowMs: number): string | undefined {
  const versions = live(decodeSiblings(record), nowMs)
  const version = newest({ context: emptyContext, versions })
  if (version === undefined) return undefined
  try {
    const { value, contentType } = plainVersion(version)
    return valueMembers(value, contentType)
  } catch (error) {
    const { code, detail } = corruptRecord(error).fault
    return `"value":null,"code":"${code}","detail":${JSON.stringify(detail)}`
  }
}

/** @throws what is nothing of the kind */
function corruptRecord(error: unknown): CorruptRecord {
  if (!(error instanceof MalformedValue)) throw error
  return new CorruptRecord(fault('corrupt_record', error.message))
}

/** What `If-Match` compares: hex of the digest over context and dots, so it changes with every write. */
export function etagOf(siblings: Uint8Array): string {
  return digestOf(siblings).toString(16)
}

/** As `newest` in model/siblings decides: time, then dot. */
function newestFirst(a: Sibling, b: Sibling): number {
  return b.modifiedMs - a.modifiedMs || b.vnode - a.vnode || b.counter - a.counter
}
