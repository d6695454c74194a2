import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import { type Fault, fault } from '../../model/fault.ts'
import type { Log } from '../../runtime/log.ts'
import { CorruptRecord, errorOf, StoreError } from '../client/errors.ts'
import { problemOf, problemType, sendFault } from './problem.ts'
import { headerBytesMax, type HttpSettings } from './settings.ts'

/** Everything that is thrown on the way of a request ends as a problem document here. */
export function answerFailures(app: FastifyInstance, settings: HttpSettings, log: Log): void {
  app.setErrorHandler((error: FastifyError | StoreError, request, reply) => {
    if (reply.raw.headersSent) {
      log.warn({ route: request.routeOptions.url, error: error.message }, 'a reply broke off')
      request.raw.destroy()
      return reply
    }
    const why = error instanceof StoreError ? error.fault : isTooLarge(error) ? bodyFault(request, settings) : faultOf(error)
    noteUnreadable(error, request.url, log)
    if (why.code === 'internal')
      log.error({ route: request.routeOptions.url, error: error.stack ?? String(error) }, 'a request failed unexpectedly')
    return sendFault(reply, why)
  })
  app.setNotFoundHandler((request, reply) =>
    sendFault(
      reply,
      fault('not_found', `there is nothing at ${request.method} ${shownPath(request.url)}: see /docs for what there is`)
    )
  )
}

/** Of a value that this door could not make plain nobody else has told; of a write that was refused its host has. */
export function noteUnreadable(error: Error, url: string, log: Log): void {
  if (error instanceof CorruptRecord && error.outcome === undefined)
    log.error({ path: shownPath(url), error: error.message }, 'a stored value cannot be read')
}

function isTooLarge(error: FastifyError): boolean {
  return error.code === 'FST_ERR_CTP_BODY_TOO_LARGE'
}

/** Of a body that was not read to its end: the limit told is the one that counts, not where reading stopped. */
function bodyFault(request: FastifyRequest, { batchBytesMax, pairBytesMax }: HttpSettings): Fault {
  const isBatch = request.routeOptions.bodyLimit === batchBytesMax
  const limit = isBatch ? batchBytesMax : pairBytesMax
  const what = isBatch ? 'a batch has at most' : 'key and value together have at most'
  const size = Number(request.headers['content-length'])
  const detail = `the body is too large, ${what} ${limit} bytes: ${isBatch ? 'send several' : 'store less in one value, or split it'}`
  return fault('too_large', detail, Number.isFinite(size) ? { limit, size, outcome: 'refused' } : { limit, outcome: 'refused' })
}

/** A fault for what Fastify itself refuses. */
export function faultOf(error: FastifyError): Fault {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return fault(
        'unsupported_media_type',
        'this door takes JSON: send Content-Type: application/json; for other bytes there is /api/v1/buckets/{bucket}/keys/{key}'
      )
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return fault('bad_request', 'the body is not as long as its Content-Length says')
    case 'FST_ERR_BAD_URL':
      return fault(
        'bad_request',
        'the path is not percent-encoded UTF-8: encode each byte of the key as %XX, or any bytes by ?encoding=base64url'
      )
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return fault('too_large', 'a part of the path is too long')
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500)
    return fault('bad_request', error.message)
  return fault('internal', 'the host failed at this request: the log says why')
}

/** One address asks more than it may. @param retryAfterMs until its next second begins */
export function tooManyOfOneClient(limit: number, retryAfterMs: number): StoreError {
  const detail = `this host takes ${limit} requests a second from one address: try again in ${retryAfterMs} ms`
  return errorOf(fault('rate_limited', detail, { limit, retryAfterMs, outcome: 'refused' }))
}

/** What is no HTTP at all gets an answer where one can still be given, and the connection ends. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const [status, why] = brokenRequest(error)
  const body = JSON.stringify(problemOf(why, status))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Bad Request'}`,
    `content-type: ${problemType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close'
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function brokenRequest(error: NodeJS.ErrnoException): [number, Fault] {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    return [
      431,
      fault('too_large', `the request line and headers are larger than ${headerBytesMax} bytes`, { limit: headerBytesMax })
    ]
  }
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return [408, fault('timeout', 'the request did not arrive in time')]
  return [400, fault('bad_request', 'this is no HTTP/1.1 request')]
}

function shownPath(url: string): string {
  const end = url.indexOf('?')
  const path = end < 0 ? url : url.slice(0, end)
  return path.length > 120 ? `${path.slice(0, 120)}…` : path
}
