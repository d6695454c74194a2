import type { FastifyReply } from 'fastify'
import { type Fault, type FaultCode, faultStatus } from '../../model/fault.ts'

/** @see RFC 9457 */
export const problemType = 'application/problem+json'

const titles: Readonly<Record<FaultCode, string>> = Object.freeze({
  bad_request: 'Bad request',
  unauthorized: 'Credentials are needed',
  forbidden: 'Not permitted',
  not_found: 'Not found',
  not_allowed: 'Method not allowed',
  key_exists: 'The key exists',
  too_many_siblings: 'Too many concurrent values',
  already_running: 'Already running',
  precondition_failed: 'Precondition failed',
  too_large: 'Too large',
  unsupported_media_type: 'Unsupported media type',
  rate_limited: 'Too many requests',
  internal: 'Internal error',
  overloaded: 'Overloaded',
  unavailable: 'Unavailable',
  quorum_unavailable: 'Quorum unavailable',
  timeout: 'Time-out',
  storage_full: 'Storage is full',
  storage_failed: 'Storage failed',
  corrupt_record: 'Corrupt record'
})

/** A fault as members of a problem document; the order is for people. */
export function problemOf(fault: Fault, status: number = statusOf(fault)): Readonly<Record<string, unknown>> {
  const { code, detail, needed, answered, limit, size, retryAfterMs, outcome } = fault
  const type = `urn:carillon:error:${code}`
  return {
    type,
    title: titles[code] ?? code,
    status,
    code,
    detail,
    needed,
    answered,
    limit,
    size,
    retry_after_ms: retryAfterMs,
    outcome
  }
}

/** A later version may send a code that this one does not know. */
export function statusOf(fault: Fault): number {
  return Object.hasOwn(faultStatus, fault.code) ? faultStatus[fault.code] : 500
}

/** @param status where it is not the code's own: 431 */
export function sendFault(reply: FastifyReply, fault: Fault, status: number = statusOf(fault)): FastifyReply {
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="carillon"')
  if (fault.code === 'overloaded' || fault.code === 'unavailable' || fault.code === 'rate_limited')
    reply.header('retry-after', String(Math.max(1, Math.ceil((fault.retryAfterMs ?? 0) / 1000))))
  return reply
    .code(status)
    .header('content-type', problemType)
    .send(JSON.stringify(problemOf(fault, status)))
}
