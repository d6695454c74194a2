import type { FastifyReply, FastifyRequest } from 'fastify'
import type { QuorumOptions, Written } from '../../actors/coordinator/coordinator-protocol.ts'
import { type CausalContext, decodeContext, encodeContext } from '../../model/causal-context.ts'
import { type Fault, fault, isFault } from '../../model/fault.ts'
import { bucketFault, type Key, keyOf } from '../../model/key.ts'
import { type KeyEncoding, keyBytesOf } from '../key-text.ts'
import type { Reading } from '../reading.ts'
import { badParameter, OptionsReader, oneOf, type StoreOperation } from '../request-options.ts'

const encodings: readonly KeyEncoding[] = ['utf8', 'base64url']
/** As `etagOf` writes them. */
const etag = /^"([0-9a-f]{1,14})"$/

/** What query and headers say of one operation; the key comes by path or body. */
export interface Operation {
  readonly bucket: string
  readonly encoding: KeyEncoding
  readonly options: QuorumOptions
  readonly timeoutMs: number
  readonly ttlSeconds: number
  /** As sent, by header or query; undefined: none. */
  readonly context: string | undefined
  /** The digest in `If-Match`, or `*` for any; '' where there is none. */
  readonly ifMatch: string
  /** `If-None-Match: *` */
  readonly create: boolean
}

/** @param bucket where the path names it; the query must not then */
export function operationOf(
  request: FastifyRequest,
  kind: StoreOperation,
  timeoutMsDefault: number,
  bucket?: string
): Operation | Fault {
  const reader = new OptionsReader()
  let encoding: KeyEncoding = 'utf8'
  let context = headerOf(request, 'carillon-context')
  let named = bucket
  const query = request.query as Readonly<Record<string, string | string[]>>
  for (const name in query) {
    const value = query[name]!
    if (typeof value !== 'string')
      return fault('bad_request', `the parameter ${name.slice(0, 64)} is given ${value.length} times: give it once`)
    const shownAs = `the parameter ${name}`
    if (name === 'bucket') {
      if (bucket !== undefined && bucket !== value)
        return badParameter(shownAs, value, `the bucket of the path, ${bucket}, or none`)
      named = value
    } else if (name === 'encoding') {
      const given = oneOf(shownAs, value, encodings)
      if (isFault(given)) return given
      encoding = given
    } else if (name === 'context') {
      context = value
    } else {
      const taken = reader.take(name, value, shownAs)
      if (taken === false) return unknownParameter(name)
      if (taken !== true) return taken
    }
  }
  const bucketName = named ?? 'default'
  const wrongBucket = bucketFault(bucketName)
  if (wrongBucket !== undefined) return wrongBucket
  const conditions = kind === 'get' ? none : conditionsOf(request)
  if (isFault(conditions)) return conditions
  return {
    bucket: bucketName,
    encoding,
    options: reader.optionsOf(kind),
    timeoutMs: reader.timeoutMs === 0 ? timeoutMsDefault : reader.timeoutMs,
    ttlSeconds: reader.ttlSeconds,
    context,
    ifMatch: conditions.ifMatch,
    create: conditions.create
  }
}

export function unknownParameter(name: string): Fault {
  const known = 'r w pr pw dw consistency durability timeout sloppy receipt ttl bucket encoding context'
  return fault('bad_request', `the parameter ${JSON.stringify(name.slice(0, 64))} is unknown: there are ${known}`)
}

export function keyIn(operation: Operation, text: string): Key | Fault {
  const bytes = keyBytesOf(text, operation.encoding)
  return isFault(bytes) ? bytes : keyOf(operation.bucket, bytes)
}

/** @returns a fault for whatever is no token of a read or write */
export function contextOf(token: string | undefined): CausalContext | undefined | Fault {
  return token === undefined ? undefined : decodeContext(token)
}

const none = Object.freeze({ ifMatch: '', create: false })

function conditionsOf(request: FastifyRequest): { ifMatch: string; create: boolean } | Fault {
  const match = headerOf(request, 'if-match')
  const noneMatch = headerOf(request, 'if-none-match')
  if (match === undefined && noneMatch === undefined) return none
  if (noneMatch !== undefined && noneMatch.trim() !== '*') {
    return badParameter('If-None-Match', noneMatch, '* for a write, which stores only where there is nothing')
  }
  if (match === undefined) return { ifMatch: '', create: true }
  if (noneMatch !== undefined) return fault('bad_request', 'If-Match and If-None-Match contradict each other: send one of them')
  const digest = match.trim() === '*' ? '*' : etag.exec(match.trim())?.[1]
  return digest === undefined
    ? badParameter('If-Match', match, 'one ETag of a read of this key, as "1a2b3c", or *')
    : { ifMatch: digest, create: false }
}

export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : value?.join(',')
}

/** Headers that tell of a read. */
export function tellReading(reply: FastifyReply, got: { strength: string; answered: number }, reading: Reading): void {
  reply.header('carillon-consistency', got.strength)
  reply.header('carillon-answered', String(got.answered))
  reply.header('carillon-siblings', String(reading.versions.length))
  if (reading.context !== undefined) reply.header('carillon-context', reading.context)
  if (reading.etag !== undefined && reading.versions.length > 0) reply.header('etag', reading.etag)
}

/** Headers that tell of a write. @returns the context's token */
export function tellWritten(reply: FastifyReply, written: Written): string {
  const context = encodeContext(written.context)
  reply.header('carillon-consistency', written.strength)
  reply.header('carillon-answered', String(written.answered))
  reply.header('carillon-context', context)
  return context
}

/** Conditions of a read, which the door can tell by itself. @returns the status to answer with, 0 for the value */
export function statusOfConditions(request: FastifyRequest, reading: Reading): 0 | 304 | 412 {
  const { etag: present, versions } = reading
  const match = headerOf(request, 'if-match')
  if (match !== undefined && !(versions.length > 0 && hasTag(match, present!))) return 412
  const noneMatch = headerOf(request, 'if-none-match')
  return noneMatch !== undefined && versions.length > 0 && hasTag(noneMatch, present!) ? 304 : 0
}

function hasTag(header: string, tag: string): boolean {
  return header.trim() === '*' || header.split(',').some(one => one.trim() === tag)
}
