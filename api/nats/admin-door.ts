import type { Msg, Subscription } from 'nats'
import { adminWildcard, queueGroup } from '../../bus/subject.ts'
import { type Fault, fault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import type { Log } from '../../runtime/log.ts'
import type { Admin } from '../admin.ts'
import { adminAnswer } from '../admin-requests.ts'
import { StoreError } from '../client/errors.ts'
import type { DoorConnection } from './connection.ts'
import { faultReply } from './kv-reply.ts'

/** Requests under way at one door; more are refused. */
const requestsMax = 256
const replyBytesMax = limits.busMessageBytesMax - 16 * 1024

/** `<cluster>.admin.<name>`: what the console and the command ask. JSON in, JSON out; errors by the services convention. */
export class AdminDoor {
  readonly #connection: DoorConnection
  readonly #admin: Admin
  readonly #log: Log
  readonly #subscription: Subscription
  readonly #prefix: string
  #underWay = 0

  constructor(options: {
    readonly connection: DoorConnection
    /** The first token of the subjects under which questions come. */
    readonly heardUnder: string
    readonly admin: Admin
    readonly log: Log
  }) {
    this.#connection = options.connection
    this.#admin = options.admin
    this.#log = options.log
    const wildcard = adminWildcard(options.heardUnder)
    this.#prefix = wildcard.slice(0, -1)
    this.#subscription = this.#connection.subscribe(wildcard, {
      queue: queueGroup(options.heardUnder, 'admin'),
      callback: (error, message) => {
        if (error === null) void this.#take(message)
      }
    })
  }

  close(): void {
    this.#subscription.unsubscribe()
  }

  async #take(message: Msg): Promise<void> {
    const { reply, data, subject } = message
    if (reply === undefined || reply === '') return
    if (this.#underWay >= requestsMax) {
      this.#refuse(reply, fault('overloaded', `${requestsMax} requests of administration are under way: try again in a moment`))
      return
    }
    this.#underWay++
    try {
      const payload = await adminAnswer(this.#admin, subject.slice(this.#prefix.length), data)
      const size = Buffer.byteLength(payload)
      if (size > replyBytesMax) {
        this.#refuse(
          reply,
          fault('too_large', `the answer has ${size} bytes, one message takes ${replyBytesMax}: ask for less, or over HTTP`, {
            limit: replyBytesMax,
            size
          })
        )
      } else this.#connection.publish(reply, payload)
    } catch (error) {
      if (error instanceof StoreError) this.#refuse(reply, error.fault)
      else {
        this.#log.error(
          { subject, error: (error as Error).stack ?? String(error) },
          'a request of administration failed unexpectedly'
        )
        this.#refuse(reply, fault('internal', 'the host failed at this request: the log says why'))
      }
    } finally {
      this.#underWay--
    }
  }

  #refuse(reply: string, why: Fault): void {
    const { payload, headers } = faultReply(why)
    try {
      this.#connection.publish(reply, payload, { headers })
    } catch (error) {
      this.#log.debug({ error: String(error) }, 'an answer could not be sent: the connection is closed')
    }
  }
}
