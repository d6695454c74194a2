import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { fault, isFault } from '../../model/fault.ts'
import { bufferOf, bytesType } from '../json-value.ts'
import { type Reading, readingOf } from '../reading.ts'
import type { Door } from './door.ts'
import { multipartOf } from './multipart.ts'
import { headerOf, keyIn, operationOf, statusOfConditions, tellReading, tellWritten } from './operation.ts'
import { sendFault } from './problem.ts'
import { describeRaw } from './raw-schemas.ts'
import { siblingsArray } from './store-replies.ts'
import { contentTypeFault, deleteKey, pairFault, putValue } from './writing.ts'

const path = '/api/v1/buckets/:bucket/keys/:key'

type RawKey = { Params: { bucket: string; key: string } }

/** The raw door: a body is a value's bytes. In a context of its own, whose parser takes every content type. */
export function rawRoutes(app: FastifyInstance, door: Door): void {
  const { core, settings } = door
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: settings.pairBytesMax }, (_request, body, done) =>
    done(null, body)
  )

  app.get<RawKey>(path, { schema: describeRaw.get }, async (request, reply) => {
    const operation = operationOf(request, 'get', settings.requestTimeoutMs, request.params.bucket)
    if (isFault(operation)) return sendFault(reply, operation)
    const key = keyIn(operation, request.params.key)
    if (isFault(key)) return sendFault(reply, key)
    const got = await core.get(key, operation.options, operation.timeoutMs)
    const reading = readingOf(got, door.wallMs())
    tellReading(reply, got, reading)
    if (got.receipt !== undefined) reply.header('carillon-receipt', asHeader(got.receipt))
    const condition = statusOfConditions(request, reading)
    if (condition === 304) return reply.code(304).send()
    if (condition === 412) return sendFault(reply, fault('precondition_failed', 'the value is not the one that If-Match names'))
    return sendReading(request, reply, reading)
  })

  app.put<RawKey>(path, { schema: describeRaw.put, bodyLimit: settings.pairBytesMax }, async (request, reply) => {
    const operation = operationOf(request, 'put', settings.requestTimeoutMs, request.params.bucket)
    if (isFault(operation)) return sendFault(reply, operation)
    const key = keyIn(operation, request.params.key)
    if (isFault(key)) return sendFault(reply, key)
    const contentType = headerOf(request, 'content-type') ?? bytesType
    const wrongType = contentTypeFault(contentType)
    if (wrongType !== undefined) return sendFault(reply, wrongType)
    const bytes = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
    const tooLarge = pairFault(key, bytes.length, settings.pairBytesMax)
    if (tooLarge !== undefined) return sendFault(reply, tooLarge)
    const written = await putValue(core, operation, key, { bytes, contentType }, operation.context, 'put')
    if (isFault(written)) return sendFault(reply, written)
    tellWritten(reply, written)
    if (written.receipt !== undefined) reply.header('carillon-receipt', asHeader(written.receipt))
    return reply.code(201).send()
  })

  app.delete<RawKey>(path, { schema: describeRaw.delete }, async (request, reply) => {
    const operation = operationOf(request, 'delete', settings.requestTimeoutMs, request.params.bucket)
    if (isFault(operation)) return sendFault(reply, operation)
    const key = keyIn(operation, request.params.key)
    if (isFault(key)) return sendFault(reply, key)
    const written = await deleteKey(core, operation, key, operation.context)
    if (isFault(written)) return sendFault(reply, written)
    tellWritten(reply, written)
    if (written.receipt !== undefined) reply.header('carillon-receipt', asHeader(written.receipt))
    return reply.code(204).send()
  })
}

function sendReading(request: FastifyRequest, reply: FastifyReply, reading: Reading): FastifyReply {
  const { versions, context } = reading
  const newest = versions[0]
  if (newest === undefined) return sendFault(reply, fault('not_found', 'there is no value under this key'))
  // What users stored must not run as a page of this origin, where the console lives.
  reply
    .header('content-security-policy', "default-src 'none'; sandbox")
    .header('last-modified', new Date(newest.modifiedMs).toUTCString())
  if (versions.length === 1) return reply.header('content-type', newest.contentType || bytesType).send(bufferOf(newest.value))
  reply.code(300).header('vary', 'accept')
  if (wantsJson(request)) {
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .send(`{"siblings":${siblingsArray(reading)},"context":"${context}"}`)
  }
  const { boundary, body } = multipartOf(versions)
  return reply.header('content-type', `multipart/mixed; boundary=${boundary}`).send(body)
}

function wantsJson(request: FastifyRequest): boolean {
  const accept = request.headers.accept ?? ''
  return accept.includes('application/json') && !accept.includes('multipart/mixed')
}

/** Header values are ASCII; names of hosts and zones may not be. */
function asHeader(value: unknown): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
