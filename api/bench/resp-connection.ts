import { connect, type Socket } from 'node:net'
import { RespReader, RespWriter, RespError, type RespReply } from './resp.ts'
import { OperationFailure } from './target.ts'

const connectMsMax = 5_000
const answerMsMax = 10_000
const checkMs = 1_000

/** Told the reply, or why there will be none. */
export type TakeReply = (reply: RespReply | OperationFailure) => void

/** One connection, pipelined: what is sent in one turn leaves in one piece, and replies come in the order of the commands. */
export class RespConnection {
  readonly #socket: Socket
  readonly #reader = new RespReader()
  readonly #writer = new RespWriter()
  #waiting: TakeReply[] = []
  #answered = 0
  #failure: OperationFailure | undefined
  /** As of the last check. */
  #answersSeen = 0
  #answersTotal = 0
  #silentMs = 0
  readonly #check: NodeJS.Timeout

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#read(chunk))
    socket.on('error', error => this.#end(new OperationFailure('connection_closed', error.message)))
    socket.on('close', () => this.#end(new OperationFailure('connection_closed', 'the server closed the connection')))
    this.#check = setInterval(() => this.#watch(), checkMs)
    this.#check.unref()
  }

  /** To a server on this machine. @throws {Error} nobody listens there */
  static connect(port: number): Promise<RespConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true })
      const fail = (error: Error) => {
        socket.destroy()
        reject(error)
      }
      socket.setTimeout(connectMsMax, () => fail(new Error(`port ${port} did not answer within ${connectMsMax} ms`)))
      socket.once('error', fail)
      socket.once('connect', () => {
        socket.setTimeout(0)
        socket.removeAllListeners()
        resolve(new RespConnection(socket))
      })
    })
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  /** `take` is called once, with whatever comes of it. */
  send(take: TakeReply, ...words: readonly (string | Uint8Array)[]): void {
    if (this.#failure !== undefined) return take(this.#failure)
    // Behind the microtasks of this turn: whoever was answered in it has asked again by then.
    if (this.#writer.isEmpty) process.nextTick(this.#flush)
    this.#writer.add(...words)
    this.#waiting.push(take)
  }

  /** @throws {RespError} the server refuses it @throws {OperationFailure} there is no answer */
  ask(...words: readonly (string | Uint8Array)[]): Promise<RespReply> {
    return new Promise((resolve, reject) => this.send(settling(resolve, reject), ...words))
  }

  close(): void {
    this.#end(new OperationFailure('connection_closed', 'the bench has ended'))
  }

  readonly #flush = (): void => {
    if (this.#failure === undefined && !this.#writer.isEmpty) this.#socket.write(this.#writer.take())
  }

  #read(chunk: Buffer): void {
    try {
      this.#reader.feed(chunk, this.#take)
    } catch (error) {
      this.#end(new OperationFailure('bad_reply', (error as Error).message))
    }
    if (this.#answered > 1024 && this.#answered * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#answered)
      this.#answered = 0
    }
  }

  readonly #take = (reply: RespReply): void => {
    const take = this.#waiting[this.#answered]
    if (take === undefined) throw new RangeError('a reply that nobody had asked for')
    this.#answered += 1
    this.#answersTotal += 1
    take(reply)
  }

  /** A connection that owes an answer and has not given any for long is given up. */
  #watch(): void {
    const isSilent = this.#waiting.length > this.#answered && this.#answersTotal === this.#answersSeen
    this.#answersSeen = this.#answersTotal
    this.#silentMs = isSilent ? this.#silentMs + checkMs : 0
    if (this.#silentMs >= answerMsMax) this.#end(new OperationFailure('timeout', `no answer within ${answerMsMax} ms`))
  }

  #end(failure: OperationFailure): void {
    if (this.#failure !== undefined) return
    this.#failure = failure
    clearInterval(this.#check)
    this.#socket.destroy()
    const left = this.#waiting.slice(this.#answered)
    this.#waiting = []
    this.#answered = 0
    for (const take of left) take(failure)
  }
}

/** A promise's two ends as one. */
export function settling(resolve: (reply: RespReply) => void, reject: (error: Error) => void): TakeReply {
  return reply => (reply instanceof RespError || reply instanceof OperationFailure ? reject(reply) : resolve(reply))
}
