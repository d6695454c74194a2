import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { fault } from '../../model/fault.ts'
import { sendFault } from './problem.ts'

/** The one path that answers without credentials. */
const openPath = '/healthz'

const missing = fault('unauthorized', 'send the header Authorization: Bearer TOKEN with the token of this cluster')

/** @returns whether a request carries the token; always true where `token` is '' */
export function tokenCheck(token: string): (request: IncomingMessage) => boolean {
  if (token === '') return () => true
  const expected = digest(token)
  return request => {
    const header = request.headers.authorization
    // Digests have one length, so the comparison takes as long for every wrong token.
    return header !== undefined && /^bearer /i.test(header) && timingSafeEqual(digest(header.slice(7).trim()), expected)
  }
}

/** Refuse whoever lacks the token, before anything else is looked at: paths that don't exist are no exception. */
export function requireToken(app: FastifyInstance, isAuthorized: (request: IncomingMessage) => boolean): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (isOpen(request.raw) || isAuthorized(request.raw)) done()
    else sendFault(reply.header('connection', 'close'), missing)
  })
}

function isOpen(request: IncomingMessage): boolean {
  const { method, url } = request
  return (method === 'GET' || method === 'HEAD') && (url === openPath || url?.startsWith(`${openPath}?`) === true)
}

export { missing as credentialsMissing }

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
