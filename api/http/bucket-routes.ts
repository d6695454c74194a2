import type { FastifyInstance } from 'fastify'
import { fault, isFault } from '../../model/fault.ts'
import { isUtf8 } from 'node:buffer'
import { limits } from '../../model/limits.ts'
import type { KeysPage } from '../admin-keys.ts'
import { jsonTextOf } from '../json-text.ts'
import { listedMembers } from '../reading.ts'
import { oneOf, wholeNumber } from '../request-options.ts'
import type { Fault } from '../../model/fault.ts'
import type { Door } from './door.ts'
import { describeBucket, describeKeys } from './bucket-schemas.ts'
import { sendFault } from './problem.ts'

const json = 'application/json; charset=utf-8'
const keysPerPageDefault = 100
/** Bytes of keys and values of one page. */
const pageBytesMax = 4 * 1024 * 1024

type InBucket = { Params: { bucket: string } }

/** Properties of buckets, and the keys in one. */
export function bucketRoutes(app: FastifyInstance, { admin, wallMs }: Door): void {
  app.get('/api/v1/buckets', { schema: describeBucket.list }, async (_request, reply) => {
    return reply.header('content-type', json).send(JSON.stringify({ buckets: await admin.buckets() }))
  })

  app.get<InBucket>('/api/v1/buckets/:bucket', { schema: describeBucket.get }, async (request, reply) => {
    const { bucket } = request.params
    const properties = await admin.bucket(bucket)
    return reply.header('content-type', json).send(JSON.stringify({ bucket, ...properties }))
  })

  app.put<InBucket>('/api/v1/buckets/:bucket', { schema: describeBucket.put }, async (request, reply) => {
    const { bucket } = request.params
    if (!Buffer.isBuffer(request.body))
      return sendFault(reply, fault('bad_request', 'the body is missing: send a JSON object of bucket properties'))
    const text = jsonTextOf(request.body)
    if (isFault(text)) return sendFault(reply, text)
    const properties = await admin.setBucket(bucket, withoutName(JSON.parse(text), bucket))
    return reply.header('content-type', json).send(JSON.stringify({ bucket, ...properties }))
  })

  app.get<InBucket>('/api/v1/buckets/:bucket/keys', { schema: describeKeys }, async (request, reply) => {
    const { bucket } = request.params
    const query = keysQueryOf(request.query as Readonly<Record<string, string | string[]>>)
    if (isFault(query)) return sendFault(reply, query)
    const page = await admin.keys({ bucket, ...query, bytesMax: pageBytesMax })
    const shown = page.pairs.map(pair => shownPair(pair, query, wallMs())).filter(text => text !== undefined)
    reply.header('content-type', json)
    const cursor = page.cursor === undefined ? 'null' : JSON.stringify(page.cursor)
    const list = query.values ? 'pairs' : 'keys'
    return reply.send(`{"bucket":"${bucket}","${list}":[${shown.join(',')}],"cursor":${cursor},"coverage":${page.coverage}}`)
  })
}

interface KeysParameters {
  readonly prefix: Uint8Array
  readonly cursor: string
  readonly limit: number
  readonly strict: boolean
  readonly values: boolean
  readonly encoding: 'utf8' | 'base64url'
}

function keysQueryOf(query: Readonly<Record<string, string | string[]>>): KeysParameters | Fault {
  let prefix = ''
  let cursor = ''
  let limit: number | Fault = keysPerPageDefault
  let strict: 'true' | 'false' | Fault = 'false'
  let values: 'true' | 'false' | Fault = 'false'
  let encoding: 'utf8' | 'base64url' | Fault = 'utf8'
  for (const name in query) {
    const value = query[name]!
    if (typeof value !== 'string')
      return fault('bad_request', `the parameter ${name.slice(0, 64)} is given ${value.length} times: give it once`)
    const shownAs = `the parameter ${name}`
    if (name === 'prefix') prefix = value
    else if (name === 'cursor') cursor = value
    else if (name === 'limit') limit = wholeNumber(shownAs, value, 1, limits.listPageMax)
    else if (name === 'strict') strict = oneOf(shownAs, value, ['true', 'false'])
    else if (name === 'values') values = oneOf(shownAs, value, ['true', 'false'])
    else if (name === 'encoding') encoding = oneOf(shownAs, value, ['utf8', 'base64url'])
    else
      return fault(
        'bad_request',
        `the parameter ${JSON.stringify(name.slice(0, 64))} is unknown: there are prefix, cursor, limit, strict, values, encoding`
      )
  }
  for (const checked of [limit, strict, values, encoding]) if (isFault(checked)) return checked
  const bytes = Buffer.from(prefix, encoding === 'base64url' ? 'base64url' : 'utf8')
  if (bytes.length > limits.keyBytesMax) {
    return fault('too_large', `the prefix has ${bytes.length} bytes, a key has at most ${limits.keyBytesMax}`, {
      limit: limits.keyBytesMax,
      size: bytes.length
    })
  }
  return {
    prefix: bytes,
    cursor,
    limit: limit as number,
    strict: strict === 'true',
    values: values === 'true',
    encoding: encoding as 'utf8' | 'base64url'
  }
}

/** @returns undefined where a pair with its value was deleted or has expired */
function shownPair(pair: KeysPage['pairs'][number], { values, encoding }: KeysParameters, nowMs: number): string | undefined {
  const { key } = pair
  if (!values) return shownKey(key, encoding)
  const members = listedMembers(pair.siblings, nowMs)
  return members === undefined ? undefined : `{"key":${shownKey(key, encoding)},${members}}`
}

/** A key that is no text is shown as an object, so that it is not taken for another one. */
function shownKey(key: Buffer, encoding: 'utf8' | 'base64url'): string {
  if (encoding === 'base64url') return `"${key.toString('base64url')}"`
  return isUtf8(key) ? JSON.stringify(key.toString('utf8')) : `{"key_base64":"${key.toString('base64')}"}`
}

/** What GET gives can be sent back as it is. */
function withoutName(input: unknown, bucket: string): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input) || (input as { bucket?: unknown }).bucket !== bucket)
    return input
  const { bucket: _, ...properties } = input as { bucket: unknown }
  return properties
}
