import { headers, type MsgHdrs } from 'nats'
import type { Got, Written } from '../../actors/coordinator/coordinator-protocol.ts'
import { encodeContext } from '../../model/causal-context.ts'
import { type Fault, fault, faultStatus } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { bytesType, jsonType, valueMembers } from '../json-value.ts'
import { CorruptRecord } from '../client/errors.ts'
import { type Reading, readingOf } from '../reading.ts'
import { headerText } from './connection.ts'

/** What goes back to whoever asked. */
export interface KvReply {
  readonly payload: Uint8Array
  readonly headers: MsgHdrs
}

const nothing = new Uint8Array(0)
const textEncoder = new TextEncoder()
/** Headers of a reply, with a context of `limits.contextEntriesMax` entries. */
const headerBytesMax = 64 * 1024

const notFound = fault('not_found', 'there is no value under this key')

/** @returns a fault where the value cannot be read, or is too much for one message */
export function gotReply(got: Got, wantsSiblings: boolean, nowMs: number): KvReply | Fault {
  try {
    return readReply(got, readingOf(got, nowMs), wantsSiblings)
  } catch (error) {
    if (error instanceof CorruptRecord) return error.fault
    throw error
  }
}

function readReply(got: Got, { versions, context, etag }: Reading, wantsSiblings: boolean): KvReply | Fault {
  const newest = versions[0]
  const head = newest === undefined ? faultHeaders(notFound) : headers()
  if (context !== undefined) head.set('Carillon-Context', context)
  head.set('Carillon-Siblings', String(versions.length))
  if (got.receipt !== undefined) head.set('Carillon-Receipt', JSON.stringify(got.receipt))
  head.set('Carillon-Consistency', got.strength)
  if (newest === undefined) return { payload: problemBytes(notFound), headers: head }
  if (etag !== undefined) head.set('Carillon-ETag', etag)
  if (!wantsSiblings) {
    head.set('Content-Type', headerText(newest.contentType || bytesType))
    return { payload: newest.value, headers: head }
  }
  head.set('Content-Type', jsonType)
  const payload = textEncoder.encode(
    `[${versions.map(version => `{${valueMembers(version.value, version.contentType)}}`).join(',')}]`
  )
  const limit = limits.busMessageBytesMax - headerBytesMax
  if (payload.length > limit) {
    const detail = `the ${versions.length} siblings together have ${payload.length} bytes, one message takes ${limit}: read them over HTTP`
    return fault('too_large', detail, { limit, size: payload.length })
  }
  return { payload, headers: head }
}

export function writtenReply(written: Written): KvReply {
  const head = headers()
  head.set('Carillon-Context', encodeContext(written.context))
  head.set('Carillon-Consistency', written.strength)
  if (written.receipt !== undefined) head.set('Carillon-Receipt', JSON.stringify(written.receipt))
  return { payload: nothing, headers: head }
}

/** By the convention of NATS services; the payload says it all once more, for programs. */
export function faultReply(why: Fault): KvReply {
  const head = faultHeaders(why)
  head.set('Content-Type', 'application/problem+json')
  return { payload: problemBytes(why), headers: head }
}

/** One client asks more than it may. */
export function tooManyOfOne(limit: number, retryAfterMs: number): Fault {
  const detail = `this host takes ${limit} requests a second from one connection, each of its threads a part: try again in ${retryAfterMs} ms`
  return fault('rate_limited', detail, { limit, retryAfterMs, outcome: 'refused' })
}

function faultHeaders(why: Fault): MsgHdrs {
  const head = headers()
  head.set('Nats-Service-Error', headerText(why.detail))
  head.set('Nats-Service-Error-Code', String(statusOf(why)))
  head.set('Carillon-Code', why.code)
  if (why.retryAfterMs !== undefined) head.set('Carillon-Retry-After-Ms', String(why.retryAfterMs))
  return head
}

function problemBytes(why: Fault): Uint8Array {
  const { retryAfterMs, ...figures } = why
  return textEncoder.encode(JSON.stringify({ status: statusOf(why), ...figures, retry_after_ms: retryAfterMs }))
}

function statusOf(why: Fault): number {
  return Object.hasOwn(faultStatus, why.code) ? faultStatus[why.code] : 500
}
