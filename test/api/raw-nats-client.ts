import { connect, type Socket } from 'node:net'

/** A message as the server sent it. */
export interface RawMessage {
  readonly subject: string
  readonly reply: string
  /** Names in lower case; each with its values. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  /** `503` of `NATS/1.0 503` where nobody listens; '' usually. */
  readonly status: string
  readonly payload: Buffer
}

export interface RawRequest {
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly payload?: Uint8Array | string | undefined
  readonly timeoutMs?: number | undefined
}

const lineEnd = Buffer.from('\r\n', 'latin1')

/**
 * A NATS client of nothing but a socket, as someone would write it in any language: what the doors promise to "any NATS client"
 * must not rest on our own library. Speaks CONNECT, PING, SUB, UNSUB, PUB, HPUB, MSG, HMSG.
 */
export class RawNatsClient {
  readonly #socket: Socket
  readonly #inbox: string
  readonly #takers = new Map<number, (message: RawMessage) => void>()
  readonly #waiting = new Map<string, (message: RawMessage) => void>()
  readonly #pongs: (() => void)[] = []
  readonly errors: string[] = []
  #received: Buffer = Buffer.alloc(0)
  #sid = 1
  #request = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#inbox = `_INBOX.raw${Math.random().toString(36).slice(2)}`
    socket.on('data', chunk => this.#take(chunk))
  }

  /** @throws {Error} nobody listens there, or the server refuses */
  static async connect(
    port: number,
    credentials: { readonly user?: string; readonly pass?: string; readonly auth_token?: string } = {}
  ): Promise<RawNatsClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject)
      // INFO comes first.
      socket.once('readable', resolve)
    })
    const client = new RawNatsClient(socket)
    socket.on('error', error => client.errors.push(error.message))
    const options = {
      verbose: false,
      pedantic: false,
      lang: 'socket',
      version: '1',
      headers: true,
      no_responders: true,
      ...credentials
    }
    socket.write(`CONNECT ${JSON.stringify(options)}\r\n`)
    await client.ping()
    client.#takers.set(client.#sid, message => {
      const waiting = client.#waiting.get(message.subject)
      client.#waiting.delete(message.subject)
      waiting?.(message)
    })
    socket.write(`SUB ${client.#inbox}.* ${client.#sid}\r\n`)
    return client
  }

  /** Resolves when the server has read all that was sent before. @throws {Error} it closed the connection */
  ping(): Promise<void> {
    return new Promise((resolve, reject) => {
      const closed = (): void => reject(new Error(`the server closed the connection: ${this.errors.join('; ')}`))
      if (this.#socket.destroyed) return closed()
      this.#socket.once('close', closed)
      this.#pongs.push(() => {
        this.#socket.off('close', closed)
        resolve()
      })
      this.#socket.write('PING\r\n')
    })
  }

  /** Bytes as they are. */
  write(bytes: Uint8Array | string): void {
    this.#socket.write(bytes)
  }

  async subscribe(subject: string, take: (message: RawMessage) => void): Promise<number> {
    const sid = ++this.#sid
    this.#takers.set(sid, take)
    this.#socket.write(`SUB ${subject} ${sid}\r\n`)
    await this.ping()
    return sid
  }

  publish(subject: string, { headers, payload = '' }: RawRequest = {}, reply = ''): void {
    const body = Buffer.from(payload as string)
    const to = reply === '' ? subject : `${subject} ${reply}`
    if (headers === undefined) {
      this.#socket.write(Buffer.concat([Buffer.from(`PUB ${to} ${body.length}\r\n`), body, lineEnd]))
      return
    }
    const head = Buffer.from(
      `NATS/1.0\r\n${Object.entries(headers)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('')}\r\n`
    )
    this.#socket.write(
      Buffer.concat([Buffer.from(`HPUB ${to} ${head.length} ${head.length + body.length}\r\n`), head, body, lineEnd])
    )
  }

  /** @throws {Error} no answer in time */
  request(subject: string, request: RawRequest = {}): Promise<RawMessage> {
    const reply = `${this.#inbox}.${++this.#request}`
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(reply)
        reject(new Error(`no answer on ${subject}`))
      }, request.timeoutMs ?? 5_000)
      this.#waiting.set(reply, message => {
        clearTimeout(timer)
        resolve(message)
      })
      this.publish(subject, request, reply)
    })
  }

  /** Every answer to one request, until one was awaited for `quietMs`. */
  async requestMany(subject: string, count: number): Promise<RawMessage[]> {
    const answers: RawMessage[] = []
    const reply = `${this.#inbox}many${++this.#request}`
    let through = (): void => {}
    const enough = new Promise<void>(resolve => {
      through = resolve
    })
    await this.subscribe(reply, message => {
      answers.push(message)
      if (answers.length >= count) through()
    })
    this.publish(subject, {}, reply)
    await enough
    return answers
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return
    await new Promise<void>(resolve => {
      this.#socket.once('close', () => resolve())
      this.#socket.destroy()
    })
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    for (;;) {
      const end = this.#received.indexOf(lineEnd)
      if (end < 0) return
      const line = this.#received.subarray(0, end).toString('utf8')
      const [verb = '', ...words] = line.split(' ')
      const isMessage = verb === 'MSG' || verb === 'HMSG'
      const size = isMessage ? Number(words.at(-1)) : 0
      const next = end + 2 + (isMessage ? size + 2 : 0)
      if (this.#received.length < next) return
      const body = this.#received.subarray(end + 2, end + 2 + size)
      this.#received = this.#received.subarray(next)
      if (isMessage) this.#message(verb === 'HMSG', words, body)
      else if (verb === 'PING') this.#socket.write('PONG\r\n')
      else if (verb === 'PONG') this.#pongs.shift()?.()
      else if (verb === '-ERR') this.errors.push(line)
    }
  }

  #message(hasHeaders: boolean, words: readonly string[], body: Buffer): void {
    const [subject = '', sid = ''] = words
    const reply = words.length === (hasHeaders ? 5 : 4) ? words[2]! : ''
    const headerBytes = hasHeaders ? Number(words.at(-2)) : 0
    const [first = '', ...lines] = body.subarray(0, headerBytes).toString('utf8').split('\r\n')
    const headers = new Map<string, string[]>()
    for (const line of lines) {
      const colon = line.indexOf(':')
      if (colon < 0) continue
      const name = line.slice(0, colon).toLowerCase()
      headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
    }
    this.#takers.get(Number(sid))?.({
      subject,
      reply,
      headers,
      status: first.split(' ')[1] ?? '',
      payload: Buffer.from(body.subarray(headerBytes))
    })
  }
}

/** The first value of a header; '' where there is none. */
export function header(message: RawMessage, name: string): string {
  return message.headers.get(name.toLowerCase())?.[0] ?? ''
}
