import { randomBytes } from 'node:crypto'
import { connect, type Msg, type NatsConnection } from 'nats'
import { OperationFailure } from './target.ts'

const connectMsMax = 5_000
const answerMsMax = 5_000
const checkMs = 500
const noResponders = 503

export interface NatsAskerOptions {
  readonly servers: readonly string[]
  readonly user?: string | undefined
  readonly password?: string | undefined
}

interface Pending {
  readonly sinceMs: number
  resolve(message: Msg): void
  reject(error: OperationFailure): void
}

/** Requests over NATS by one subscription and numbers of its own: the quickest way to ask, for whoever is measured beside us. */
export class NatsAsker {
  readonly nc: NatsConnection
  readonly #inbox = `_INBOX.${randomBytes(8).toString('hex')}`
  /** In the order in which they were asked. */
  readonly #pending = new Map<number, Pending>()
  readonly #check: NodeJS.Timeout
  #next = 0

  private constructor(nc: NatsConnection) {
    this.nc = nc
    const numberFrom = this.#inbox.length + 1
    nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error !== null) return
        const number = Number.parseInt(message.subject.slice(numberFrom), 36)
        const pending = this.#pending.get(number)
        if (pending === undefined) return
        this.#pending.delete(number)
        if (message.data.length === 0 && message.headers?.code === noResponders) {
          pending.reject(new OperationFailure('no_responders', 'nobody listens on the subject'))
        } else pending.resolve(message)
      }
    })
    this.#check = setInterval(() => this.#rejectLate(), checkMs)
    this.#check.unref()
  }

  /** @throws {Error} no server answers, or it refuses the credentials */
  static async connect({ servers, user, password }: NatsAskerOptions): Promise<NatsAsker> {
    const nc = await connect({
      servers: [...servers],
      ...(user === undefined ? {} : { user }),
      ...(password === undefined ? {} : { pass: password }),
      name: 'carillon bench',
      timeout: connectMsMax,
      noAsyncTraces: true,
      ignoreClusterUpdates: true
    })
    return new NatsAsker(nc)
  }

  /** @throws {OperationFailure} `timeout`, `no_responders`, `connection_closed` */
  ask(subject: string, payload: Uint8Array): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const number = this.#next++
      this.#pending.set(number, { sinceMs: performance.now(), resolve, reject })
      try {
        this.nc.publish(subject, payload, { reply: `${this.#inbox}.${number.toString(36)}` })
      } catch (error) {
        this.#pending.delete(number)
        reject(new OperationFailure('connection_closed', (error as Error).message))
      }
    })
  }

  async close(): Promise<void> {
    clearInterval(this.#check)
    await this.nc.close()
    for (const { reject } of this.#pending.values()) reject(new OperationFailure('connection_closed', 'the bench has ended'))
    this.#pending.clear()
  }

  #rejectLate(): void {
    const lateMs = performance.now() - answerMsMax
    for (const [number, { sinceMs, reject }] of this.#pending) {
      if (sinceMs > lateMs) return
      this.#pending.delete(number)
      reject(new OperationFailure('timeout', `no answer within ${answerMsMax} ms`))
    }
  }
}
