import type { StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import {
  type Address,
  actorOf,
  addressOf,
  type Bus,
  type Envelope,
  type Receiver,
  type Ref,
  type ThreadAddress,
  threadOf
} from '../../bus/bus.ts'
import { type Fault, isFault } from '../../model/fault.ts'
import { limits } from '../../model/limits.ts'
import { RateLimits } from '../../model/rate-limits.ts'
import type { Log } from '../../runtime/log.ts'
import type { Metrics } from '../../runtime/metrics.ts'
import { clientRequestOf } from './client-request.ts'
import { tooManyOfOne } from './kv-reply.ts'

export interface ClientDoorOptions {
  /** The thread's end of the bus in the application account (prefix `c`), not yet listened to; whoever made it closes it. */
  readonly bus: Bus
  /** Name of the coordinator on this thread. */
  readonly coordinator: string
  readonly pairBytesMax: number
  /** Requests a second that the host takes from one connection, this thread its share of them; 0: no limit. */
  readonly requestsPerSecond: number
  /** Data threads of the host. */
  readonly threads: number
  /** Monotonic milliseconds. */
  now(): number
  readonly log: Log
  readonly metrics: Metrics
}

/** Where applications may be answered: their inbox, and nothing of the cluster's own. */
const replyAddress = /^client\.[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{1,64}$/
const traceparentCharactersMax = 64

/**
 * The way in for binary batches of TypeScript clients, and the way out to them: a gateway of a data thread's actors, by the name
 * `client`. Lets through nothing but gets, puts, deletes, peeks and recalls to this thread's coordinator, checked field by field; so nothing that
 * an application sends can reach another actor, or be answered anywhere but in its own inbox.
 */
export class ClientDoor implements Receiver {
  readonly #bus: Bus
  readonly #pairBytesMax: number
  readonly #requestsPerSecond: number
  readonly #options: Pick<ClientDoorOptions, 'now' | 'threads'>
  readonly #rates = new RateLimits(limits.ratedClientsMax)
  readonly #log: Log
  readonly #coordinatorName: string
  readonly #coordinator: Ref
  readonly #counted: { readonly taken: { add(): void }; readonly refused: { add(): void } }
  #system: Pick<Receiver, 'deliver' | 'delivered'> | undefined = undefined
  #answered = false

  constructor(options: ClientDoorOptions) {
    const { bus, coordinator, metrics } = options
    this.#bus = bus
    this.#pairBytesMax = options.pairBytesMax
    this.#requestsPerSecond = options.requestsPerSecond
    this.#options = options
    this.#log = options.log
    this.#coordinatorName = coordinator
    this.#coordinator = { address: addressOf(bus.thread, coordinator), correlation: 0, incarnation: 0 }
    this.#counted = {
      taken: metrics.counter('client_requests_total', 'Requests of TypeScript clients, by what became of them at the door', {
        outcome: 'taken'
      }),
      refused: metrics.counter('client_requests_total', 'Requests of TypeScript clients, by what became of them at the door', {
        outcome: 'refused'
      })
    }
  }

  /** Let clients in. @param system the thread's actors, which have this door as their gateway `client` */
  open(system: Pick<Receiver, 'deliver' | 'delivered'>): void {
    this.#system = system
    this.#bus.listen(this)
  }

  // ---- to clients: a gateway

  send(envelope: Envelope): boolean {
    return this.#bus.send(envelope)
  }

  flush(): void {
    this.#bus.flush()
  }

  // ---- from clients: a receiver

  deliver(envelope: Envelope): void {
    const { message, to, budgetMs, traceparent } = envelope
    const { replyTo } = message
    // Nobody is told: where an answer would have to go is just what is wrong.
    if (replyTo === undefined || !isReplyAddress(replyTo.address) || actorOf(to.address) !== this.#coordinatorName) {
      this.#counted.refused.add()
      this.#log.debug({ kind: message.kind.slice(0, 40) }, 'a client sent what is no request')
      return
    }
    const waitMs = this.#requestsPerSecond > 0 ? this.#waitOf(replyTo.address) : 0
    if (waitMs > 0) return this.#refuse(replyTo, tooManyOfOne(this.#requestsPerSecond, waitMs))
    const request = clientRequestOf(message, this.#pairBytesMax)
    if (isFault(request)) return this.#refuse(replyTo, request)
    this.#counted.taken.add()
    this.#system?.deliver({
      to: this.#coordinator,
      lane: 'data',
      budgetMs: budgetMs > 0 ? Math.min(budgetMs, limits.requestTimeoutMsMax) : limits.requestTimeoutMsDefault,
      traceparent: traceparent !== undefined && traceparent.length > traceparentCharactersMax ? undefined : traceparent,
      message: request
    })
  }

  /** @returns 0 where this client may ask; else in how many milliseconds */
  #waitOf(address: Address): number {
    return this.#rates.take(threadOf(address), this.#requestsPerSecond / this.#options.threads, this.#options.now())
  }

  #refuse(to: Ref, why: Fault): void {
    this.#counted.refused.add()
    const refused: StoreReply = { kind: 'refused', fault: why, epoch: '' }
    this.#bus.send({ to, lane: 'data', budgetMs: 0, traceparent: undefined, message: refused })
    this.#answered = true
  }

  delivered(): void {
    if (this.#answered) {
      this.#answered = false
      this.#bus.flush()
    }
    this.#system?.delivered()
  }

  /** Only answers are sent here, and who does not take them in time gets none. */
  refused(): void {}

  /** A client is gone; what it asked ends by its deadline. */
  unreachable(_thread: ThreadAddress): void {}
}

/** Clients send many requests under one address. */
let lastGood = '' as Address

function isReplyAddress(address: Address): boolean {
  if (address === lastGood) return true
  if (!replyAddress.test(address)) return false
  lastGood = address
  return true
}
