import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { EventFeed } from '../../api/admin-events.ts'
import { buildHttp, type HttpOptions } from '../../api/http/http-door.ts'
import { SmallStore } from './small-store.ts'

export interface HttpRig {
  readonly store: SmallStore
  readonly app: FastifyInstance
  readonly feed: EventFeed
  ask(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<LightMyRequestResponse>
}

/** The HTTP door of a small store. */
export async function httpRig(t: Test, options: Partial<HttpOptions> = {}): Promise<HttpRig> {
  const store = new SmallStore()
  const feed = new EventFeed(Date.now)
  const app = await buildHttp({ core: store.core, admin: store.admin, feed, ...options })
  await app.ready()
  t.teardown(async () => {
    await app.close()
    await store.close()
  })
  return {
    store,
    app,
    feed,
    ask(method, url, body, headers = {}) {
      const isRaw = typeof body === 'string' || Buffer.isBuffer(body)
      const request: InjectOptions = {
        method,
        url,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }
      }
      if (body !== undefined) request.payload = isRaw ? body : JSON.stringify(body)
      return app.inject(request)
    }
  }
}

/** What a server says to bytes that no HTTP client would send; '' where it only closes. */
export async function rawAnswer(
  app: FastifyInstance,
  write: (send: (bytes: Uint8Array | string) => void) => void,
  withinMs = 5_000
): Promise<string> {
  const { port } = app.server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1' })
  let text = ''
  return new Promise(resolve => {
    const timer = setTimeout(() => {
      socket.destroy()
      resolve(`${text}<still open>`)
    }, withinMs)
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(text)
    })
    socket.on('connect', () => write(bytes => void (socket.writable && socket.write(bytes))))
  })
}

export function problemOf(response: LightMyRequestResponse): Record<string, unknown> {
  if (!String(response.headers['content-type']).startsWith('application/problem+json'))
    throw new Error(`no problem document: ${response.body}`)
  const problem = response.json<Record<string, unknown>>()
  if (problem['status'] !== response.statusCode || typeof problem['code'] !== 'string' || typeof problem['detail'] !== 'string') {
    throw new Error(`a problem document lacks its members: ${response.body}`)
  }
  return problem
}
