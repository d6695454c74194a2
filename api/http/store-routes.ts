import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Fault, fault, isFault } from '../../model/fault.ts'
import { jsonTextOf, type JsonMembers, membersOf, textMember, unknownMember } from '../json-text.ts'
import { readingOf } from '../reading.ts'
import type { Door } from './door.ts'
import { keyIn, type Operation, operationOf, statusOfConditions, tellReading, tellWritten } from './operation.ts'
import { sendFault } from './problem.ts'
import { describeStore } from './store-schemas.ts'
import { readBody, storedBody } from './store-replies.ts'
import { deleteKey, givenContext, pairFault, putValue, valueOf } from './writing.ts'

const json = 'application/json; charset=utf-8'
const putMembers = ['key', 'value', 'context', 'encoding', 'content_type']
const deleteMembers = ['key', 'context']

type KeyInPath = { Params: { key?: string } }

/** `/api/v1/store`: values as JSON. */
export function storeRoutes(app: FastifyInstance, door: Door): void {
  const { core, settings } = door

  app.get<KeyInPath>('/api/v1/store/:key', { schema: describeStore.get }, async (request, reply) => {
    const operation = operationOf(request, 'get', settings.requestTimeoutMs)
    if (isFault(operation)) return sendFault(reply, operation)
    const text = request.params.key ?? ''
    const key = keyIn(operation, text)
    if (isFault(key)) return sendFault(reply, key)
    const got = await core.get(key, operation.options, operation.timeoutMs)
    const reading = readingOf(got, door.wallMs())
    tellReading(reply, got, reading)
    const condition = statusOfConditions(request, reading)
    if (condition === 304) return reply.code(304).send()
    if (condition === 412) return sendFault(reply, fault('precondition_failed', 'the value is not the one that If-Match names'))
    return reply
      .code(reading.versions.length === 0 ? 404 : 200)
      .header('content-type', json)
      .send(readBody(text, got, reading))
  })

  app.post('/api/v1/store', { schema: describeStore.post }, (request, reply) => put(request, reply, undefined, 'create'))
  app.put('/api/v1/store', { schema: describeStore.put }, (request, reply) => put(request, reply, undefined, 'put'))
  app.put<KeyInPath>('/api/v1/store/:key', { schema: describeStore.putKey }, (request, reply) =>
    put(request, reply, request.params.key, 'put')
  )
  app.delete('/api/v1/store', { schema: describeStore.delete }, (request, reply) => del(request, reply, undefined))
  app.delete<KeyInPath>('/api/v1/store/:key', { schema: describeStore.deleteKey }, (request, reply) =>
    del(request, reply, request.params.key)
  )

  async function put(
    request: FastifyRequest,
    reply: FastifyReply,
    pathKey: string | undefined,
    mode: 'put' | 'create'
  ): Promise<FastifyReply> {
    const operation = operationOf(request, 'put', settings.requestTimeoutMs)
    if (isFault(operation)) return sendFault(reply, operation)
    const members = bodyOf(request, putMembers)
    if (isFault(members)) return sendFault(reply, members)
    const text = keyTextOf(members, pathKey)
    if (isFault(text)) return sendFault(reply, text)
    const key = keyIn(operation, text)
    if (isFault(key)) return sendFault(reply, key)
    const value = valueOf(members)
    if (isFault(value)) return sendFault(reply, value)
    const tooLarge = pairFault(key, value.bytes.length, settings.pairBytesMax)
    if (tooLarge !== undefined) return sendFault(reply, tooLarge)
    const context = givenContext(operation, members)
    if (isFault(context)) return sendFault(reply, context)
    const written = await putValue(core, operation, key, value, context, mode)
    if (isFault(written)) return sendFault(reply, written)
    const token = tellWritten(reply, written)
    if (mode === 'create' && operation.encoding === 'utf8') reply.header('location', locationOf(text, operation))
    return reply
      .code(201)
      .header('content-type', json)
      .send(storedBody(text, value.shown, token, written.receipt))
  }

  async function del(request: FastifyRequest, reply: FastifyReply, pathKey: string | undefined): Promise<FastifyReply> {
    const operation = operationOf(request, 'delete', settings.requestTimeoutMs)
    if (isFault(operation)) return sendFault(reply, operation)
    const isEmpty = !Buffer.isBuffer(request.body) || request.body.length === 0
    if (isEmpty && pathKey === undefined)
      return sendFault(reply, fault('bad_request', 'the key is missing: DELETE /api/v1/store/{key}, or a body {"key":…}'))
    const members = isEmpty ? undefined : bodyOf(request, deleteMembers)
    if (isFault(members)) return sendFault(reply, members)
    const text = members === undefined ? pathKey! : keyTextOf(members, pathKey)
    if (isFault(text)) return sendFault(reply, text)
    const key = keyIn(operation, text)
    if (isFault(key)) return sendFault(reply, key)
    const context = givenContext(operation, members)
    if (isFault(context)) return sendFault(reply, context)
    const written = await deleteKey(core, operation, key, context)
    if (isFault(written)) return sendFault(reply, written)
    tellWritten(reply, written)
    return reply.code(204).send()
  }
}

/** The members of a body that is a JSON object. */
export function bodyOf(request: FastifyRequest, known: readonly string[]): JsonMembers | Fault {
  if (!Buffer.isBuffer(request.body) || request.body.length === 0)
    return fault('bad_request', `the body is missing: send a JSON object with ${known.join(', ')}`)
  const text = jsonTextOf(request.body)
  if (isFault(text)) return text
  const members = membersOf(text, 'the body')
  return isFault(members) ? members : (unknownMember(members, known, 'the body') ?? members)
}

/** The key of the path, of the body, or of both where they are the same. */
function keyTextOf(members: JsonMembers, pathKey: string | undefined): string | Fault {
  const inBody = textMember(members, 'key')
  if (isFault(inBody)) return inBody
  if (pathKey === undefined) return inBody ?? fault('bad_request', 'the body has no "key": send {"key":"…","value":…}')
  if (inBody !== undefined && inBody !== pathKey)
    return fault('bad_request', 'the key of the path and that of the body differ: leave the latter out')
  return pathKey
}

function locationOf(key: string, { bucket }: Operation): string {
  const path = `/api/v1/store/${encodeURIComponent(key)}`
  return bucket === 'default' ? path : `${path}?bucket=${bucket}`
}
