import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type NatsConnection } from 'nats'
import { tokenCheck } from '../api/http/authentication.ts'
import type { Credentials } from '../bus/nats-config.ts'
import { monitorSubject } from '../bus/subject.ts'
import { natsTls, type TlsMaterial } from '../bus/nats-tls.ts'

export interface MonitorDoorOptions {
  /** On 127.0.0.1; 0: any that is free. */
  readonly port: number
  readonly token: string
  /** The nats-server that is asked, with the credentials of its system account. */
  readonly server: string
  readonly credentials: Credentials
  readonly tls: TlsMaterial | undefined
}

/** As nats-server's own monitor names them. */
const pages = new Set(['varz', 'connz', 'routez', 'subsz', 'accountz', 'healthz'])
const answerMsMax = 2_000
const headerBytesMax = 8 * 1024

/** The monitor of a nats-server for those who have the token: the same pages, asked of its system account. */
export class MonitorDoor {
  readonly #server: Server
  readonly #nats: NatsConnection
  readonly #isAuthorized: (request: IncomingMessage) => boolean

  private constructor(server: Server, nats: NatsConnection, token: string) {
    this.#server = server
    this.#nats = nats
    this.#isAuthorized = tokenCheck(token)
    server.on('request', (request, response) => void this.#answer(request, response))
  }

  /** @throws {Error} the port is taken, or the server does not let it in */
  static async open({ port, token, server: url, credentials, tls }: MonitorDoorOptions): Promise<MonitorDoor> {
    const server = createServer({ maxHeaderSize: headerBytesMax, requestTimeout: 10_000, headersTimeout: 10_000 })
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(new Error(`the monitor port ${port} cannot be had: ${error.message}`)))
      server.listen({ host: '127.0.0.1', port }, resolve)
    })
    try {
      const nats = await connect({
        servers: url,
        user: credentials.user,
        pass: credentials.password,
        ...(tls === undefined ? {} : natsTls(tls, url)),
        name: 'carillon monitor',
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        noAsyncTraces: true,
        ignoreClusterUpdates: true
      })
      return new MonitorDoor(server, nats, token)
    } catch (error) {
      server.close()
      throw error
    }
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await Promise.all([new Promise(resolve => this.#server.close(resolve)), this.#nats.close()])
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const page = /^\/([a-z]{1,16})(?:\?|$)/.exec(request.url ?? '')?.[1] ?? ''
    if (page === 'healthz' && request.method === 'GET' && request.headers.authorization === undefined)
      return reply(response, this.#nats.isClosed() ? 503 : 200, { status: 'alive' })
    if (!this.#isAuthorized(request)) {
      response.setHeader('www-authenticate', 'Bearer')
      return reply(response, 401, { code: 'unauthorized', detail: 'send the header Authorization: Bearer TOKEN' })
    }
    if (request.method !== 'GET' || !pages.has(page))
      return reply(response, 404, { code: 'not_found', detail: `there are GET /${[...pages].join(', /')}` })
    try {
      const id = this.#nats.info?.server_id ?? ''
      const answer = await this.#nats.request(monitorSubject(id, page), '', { timeout: answerMsMax })
      const { data, error } = answer.json<{ data?: unknown; error?: unknown }>()
      reply(response, data === undefined ? 502 : 200, data ?? { code: 'internal', detail: String(error) })
    } catch {
      reply(response, 503, { code: 'unavailable', detail: 'the nats-server did not answer: it may be starting again' })
    }
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}
