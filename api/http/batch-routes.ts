import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Fault, fault, isFault } from '../../model/fault.ts'
import { encodeContext } from '../../model/causal-context.ts'
import { bucketFault } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import { StoreError } from '../client/errors.ts'
import { elementsOf, type JsonMembers, membersOf, requiredText, unknownMember } from '../json-text.ts'
import { readingOf } from '../reading.ts'
import { describeBatch } from './bucket-schemas.ts'
import type { Door } from './door.ts'
import { noteUnreadable } from './failures.ts'
import { keyIn, type Operation, operationOf } from './operation.ts'
import { problemOf, sendFault, statusOf } from './problem.ts'
import { bodyOf } from './store-routes.ts'
import { readBody, storedBody } from './store-replies.ts'
import { deleteKey, givenContext, pairFault, putValue, valueOf } from './writing.ts'

const operationMembers = ['op', 'key', 'value', 'context', 'encoding', 'content_type']

/** Many operations in one request. Each stands for itself: the batch is no transaction, and its operations run side by side. */
export function batchRoutes(app: FastifyInstance, door: Door): void {
  const { settings } = door
  app.post<{ Params: { bucket: string } }>(
    '/api/v1/buckets/:bucket/batch',
    { schema: describeBatch, bodyLimit: settings.batchBytesMax },
    async (request, reply) => {
      const wrongBucket = bucketFault(request.params.bucket)
      if (wrongBucket !== undefined) return sendFault(reply, wrongBucket)
      const levels = levelsOf(request, door)
      if (isFault(levels)) return sendFault(reply, levels)
      const members = bodyOf(request, ['operations'])
      if (isFault(members)) return sendFault(reply, members)
      const raw = members.get('operations')
      if (raw === undefined) return sendFault(reply, fault('bad_request', 'the body has no "operations"'))
      const operations = elementsOf(raw, '"operations"', limits.batchOperationsMax)
      if (isFault(operations)) return sendFault(reply, operations)
      const results = await Promise.all(operations.map(text => resultOf(door, levels, text, request.url)))
      return reply.header('content-type', 'application/json; charset=utf-8').send(`{"results":[${results.join(',')}]}`)
    }
  )
}

interface Levels {
  readonly get: Operation
  readonly put: Operation
  readonly delete: Operation
}

/** The query holds for every operation of the batch. */
function levelsOf(request: FastifyRequest<{ Params: { bucket: string } }>, door: Door): Levels | Fault {
  const of = (kind: 'get' | 'put' | 'delete') => operationOf(request, kind, door.settings.requestTimeoutMs, request.params.bucket)
  const get = of('get')
  const put = of('put')
  const del = of('delete')
  if (isFault(get)) return get
  if (isFault(put)) return put
  if (isFault(del)) return del
  if (put.ifMatch !== '' || put.create || put.context !== undefined) {
    return fault(
      'bad_request',
      'conditions and contexts belong to one key: give "context" with each operation, and no If-Match, If-None-Match or Carillon-Context'
    )
  }
  return { get, put, delete: del }
}

async function resultOf(door: Door, levels: Levels, text: string, url: string): Promise<string> {
  try {
    const result = await run(door, levels, text)
    return isFault(result) ? faultResult(result) : result
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    noteUnreadable(error, url, door.log)
    return faultResult(error.fault)
  }
}

async function run(door: Door, levels: Levels, text: string): Promise<string | Fault> {
  const members = membersOf(text, 'an operation')
  if (isFault(members)) return members
  const unknown = unknownMember(members, operationMembers, 'an operation')
  if (unknown !== undefined) return unknown
  const op = requiredText(members, 'op', 'an operation')
  if (isFault(op)) return op
  const shownKey = requiredText(members, 'key', 'an operation')
  if (isFault(shownKey)) return shownKey
  switch (op) {
    case 'get': {
      const key = keyIn(levels.get, shownKey)
      if (isFault(key)) return key
      const got = await door.core.get(key, levels.get.options, levels.get.timeoutMs)
      const reading = readingOf(got, door.wallMs())
      return withStatus(reading.versions.length === 0 ? 404 : 200, op, readBody(shownKey, got, reading))
    }
    case 'put':
    case 'create':
      return write(door, levels.put, op, shownKey, members)
    case 'delete': {
      const key = keyIn(levels.delete, shownKey)
      if (isFault(key)) return key
      const context = givenContext(levels.delete, members)
      if (isFault(context)) return context
      const written = await deleteKey(door.core, levels.delete, key, context)
      if (isFault(written)) return written
      return withStatus(
        204,
        op,
        `{"message":"deleted","key":${JSON.stringify(shownKey)},"context":"${encodeContext(written.context)}"}`
      )
    }
    default:
      return fault('bad_request', `"op" is ${JSON.stringify(op.slice(0, 64))}: allowed is get, put, create, delete`)
  }
}

async function write(
  door: Door,
  operation: Operation,
  op: 'put' | 'create',
  shownKey: string,
  members: JsonMembers
): Promise<string | Fault> {
  const key = keyIn(operation, shownKey)
  if (isFault(key)) return key
  const value = valueOf(members)
  if (isFault(value)) return value
  const tooLarge = pairFault(key, value.bytes.length, door.settings.pairBytesMax)
  if (tooLarge !== undefined) return tooLarge
  const context = givenContext(operation, members)
  if (isFault(context)) return context
  const written = await putValue(door.core, operation, key, value, context, op)
  if (isFault(written)) return written
  return withStatus(201, op, storedBody(shownKey, value.shown, encodeContext(written.context), written.receipt))
}

/** @param body of the single operation */
function withStatus(status: number, op: string, body: string): string {
  return `{"status":${status},"op":"${op}",${body.slice(1)}`
}

function faultResult(why: Fault): string {
  return JSON.stringify(problemOf(why, statusOf(why)))
}
