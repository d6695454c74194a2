import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders } from 'node:http2'
import { OperationFailure } from './target.ts'

const connectMsMax = 5_000
const answerMsMax = 10_000
const checkMs = 1_000
const windowBytes = 16 * 1024 * 1024
const messageBytesMax = 64 * 1024 * 1024
const prefixBytes = 5
const { HTTP2_HEADER_METHOD, HTTP2_HEADER_PATH, HTTP2_HEADER_CONTENT_TYPE, HTTP2_HEADER_TE, NGHTTP2_CANCEL } = constants

/**
 * Calls of one message and one answer, over HTTP/2 without encryption.
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class GrpcConnection {
  readonly #session: ClientHttp2Session
  /** In the order in which they were made. */
  readonly #calls = new Map<ClientHttp2Stream, number>()
  readonly #check: NodeJS.Timeout

  private constructor(session: ClientHttp2Session) {
    this.#session = session
    // Each call hears of it by itself.
    session.on('error', () => {})
    this.#check = setInterval(() => this.#cancelLate(), checkMs)
    this.#check.unref()
  }

  /** To a server on this machine. @throws {Error} nobody listens there, or not to HTTP/2 */
  static connect(port: number): Promise<GrpcConnection> {
    return new Promise((resolve, reject) => {
      const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: windowBytes, enablePush: false } })
      const fail = (error: Error) => {
        session.destroy()
        reject(error)
      }
      session.once('error', fail)
      session.setTimeout(connectMsMax, () => fail(new Error(`port ${port} did not answer within ${connectMsMax} ms`)))
      // Only then it is known how many calls may be under way.
      session.once('remoteSettings', () => {
        session.setTimeout(0)
        session.off('error', fail)
        session.setLocalWindowSize(windowBytes)
        resolve(new GrpcConnection(session))
      })
    })
  }

  /**
   * @param frame of `framed`
   * @returns the message of the answer
   * @throws {OperationFailure} its code is that of gRPC: `grpc_14`; or `timeout`, `connection_closed`
   */
  call(path: string, frame: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (this.#session.destroyed || this.#session.closed)
        return reject(new OperationFailure('connection_closed', 'it is closed'))
      const stream = this.#session.request({
        [HTTP2_HEADER_METHOD]: 'POST',
        [HTTP2_HEADER_PATH]: path,
        [HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [HTTP2_HEADER_TE]: 'trailers'
      })
      this.#calls.set(stream, performance.now())
      const chunks: Buffer[] = []
      let status: string | undefined
      let detail = ''
      let settled = false
      const takeStatus = (headers: IncomingHttpHeaders) => {
        const said = headers['grpc-status']
        if (said === undefined) return
        status = String(said)
        detail = String(headers['grpc-message'] ?? '')
      }
      const settle = () => {
        if (settled) return
        settled = true
        this.#calls.delete(stream)
        if (status === '0') {
          const message = messageOf(chunks)
          if (message instanceof OperationFailure) reject(message)
          else resolve(message)
        } else if (status === undefined) {
          const code = stream.rstCode === NGHTTP2_CANCEL ? 'timeout' : 'connection_closed'
          reject(new OperationFailure(code, 'the call ended without an answer'))
        } else reject(new OperationFailure(`grpc_${status}`, detail))
      }
      // A refusal may come in the headers alone.
      stream.on('response', takeStatus)
      stream.on('trailers', takeStatus)
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => status !== undefined && settle())
      stream.on('error', () => {})
      stream.on('close', settle)
      stream.end(frame)
    })
  }

  async close(): Promise<void> {
    clearInterval(this.#check)
    this.#session.destroy()
  }

  #cancelLate(): void {
    const lateMs = performance.now() - answerMsMax
    for (const [stream, sinceMs] of this.#calls) {
      if (sinceMs > lateMs) return
      stream.close(NGHTTP2_CANCEL)
    }
  }
}

/** A message of `length` bytes with the prefix that gRPC wants. @param write fills the bytes from `at` on */
export function framed(length: number, write: (frame: Uint8Array, at: number) => void): Uint8Array {
  const frame = Buffer.allocUnsafe(prefixBytes + length)
  // Not compressed.
  frame[0] = 0
  frame.writeUInt32BE(length, 1)
  write(frame, prefixBytes)
  return frame
}

function messageOf(chunks: readonly Buffer[]): Uint8Array | OperationFailure {
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  const length = body.length < prefixBytes ? -1 : body.readUInt32BE(1)
  if (length > messageBytesMax || body.length !== prefixBytes + length || body[0] !== 0)
    return new OperationFailure('bad_reply', 'the answer is not one plain message')
  return body.subarray(prefixBytes)
}
