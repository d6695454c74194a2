/**
 * The port between actors of different threads, on one host or on many. At most once: a message may be lost,
 * and nothing says so; whoever needs an answer waits with a deadline.
 */

/** `host.thread.actor`: three tokens of `A-Z a-z 0-9 _ -`. Also the tail of the actor's subject. */
export type Address = string & { readonly __address: true }

/** `host.thread`, the unit of batching: one inbox, one subscription. */
export type ThreadAddress = string & { readonly __thread: true }

/** What an actor may be told: a plain value with a kind. `replyTo` is the only field that the bus understands. */
export interface Message {
  readonly kind: string
  readonly replyTo?: Ref
}

/**
 * Where a message can be sent, and what to put on it so that the receiver knows what it is about.
 * The type parameter says what the receiver takes.
 */
export interface Ref<in M extends Message = never> {
  readonly address: Address
  /** The receiver's own number for the matter; it finds it in `context.correlation`. 0 where there is none. */
  readonly correlation: number
  /** The receiver's incarnation that is meant; 0 for whichever lives. A message to another one comes back undelivered. */
  readonly incarnation: number
  /** Phantom: never set. */
  readonly __takes?: (message: M) => void
}

/** Control is never starved nor refused by data. */
export type Lane = 'control' | 'data'

export interface Envelope {
  readonly to: Ref
  readonly lane: Lane
  /** Milliseconds left for the work when it was sent; 0 = no deadline. Relative, so clocks of hosts need not agree. */
  readonly budgetMs: number
  /** W3C trace context, where the request is traced. */
  readonly traceparent: string | undefined
  readonly message: Message
}

export type UndeliveredReason = 'no-such-actor' | 'stale-incarnation' | 'overloaded' | 'expired'

/** A thread's end of the bus. */
export interface Receiver {
  /** Called for each message of a batch, in order. The message may alias the batch's bytes: they are the receiver's to keep. */
  deliver(envelope: Envelope): void
  /** The batch is through: a good moment to run the actors and flush. */
  delivered(): void
  /** Nobody listens at that thread (a hint from the broker, never proof of death). */
  unreachable(thread: ThreadAddress): void
  /**
   * A message that `send` took, and that wanted its answer there, waited for credit in vain: it has not left. A receiver without it is told by
   * `send` at once.
   */
  refused?(replyTo: Ref): void
}

export interface BusFigures {
  readonly messagesOut: number
  readonly messagesIn: number
  readonly batchesOut: number
  readonly batchesIn: number
  readonly bytesOut: number
  readonly bytesIn: number
  /** Refused since too much was waiting, or since the bus was away. */
  readonly refused: number
  /** Frames that did not decode; dropped, counted, logged. */
  readonly malformed: number
}

export interface Bus {
  readonly thread: ThreadAddress
  /** Begin to receive. Once per bus. */
  listen(receiver: Receiver): void
  /**
   * Queue a message for its receiver's thread; it leaves at `flush` at the latest.
   * @returns false where it was refused: too large, too much waiting, or no connection
   */
  send(envelope: Envelope): boolean
  /** Let everything queued leave, one batch for each receiving thread. */
  flush(): void
  readonly connected: boolean
  /** Whether messages wait until their receivers have taken others: flush again in `limits.creditAskMs`. */
  readonly isShort?: boolean
  figures(): BusFigures
  /** Flush, wait until it has left, let go. */
  close(): Promise<void>
}

/** In place of a host: the thread of that name on every host that is reached. How a host that knows nobody finds the others. */
export const everyHost = 'all'

const token = /^[A-Za-z0-9_-]{1,64}$/

export function isToken(name: string): boolean {
  return token.test(name)
}

/** @throws {RangeError} a part is no token */
export function threadAddressOf(host: string, thread: string): ThreadAddress {
  for (const part of [host, thread]) {
    if (!isToken(part)) throw new RangeError(`${JSON.stringify(part)} is no address token: use 1 to 64 of A-Z a-z 0-9 _ -`)
  }
  return `${host}.${thread}` as ThreadAddress
}

export function addressOf(thread: ThreadAddress, actor: string): Address {
  return `${thread}.${actor}` as Address
}

/** The thread part of an address. */
export function threadOf(address: Address): ThreadAddress {
  return address.slice(0, address.lastIndexOf('.')) as ThreadAddress
}

export function hostOf(address: Address | ThreadAddress): string {
  return address.slice(0, address.indexOf('.'))
}

/** The actor part of an address. */
export function actorOf(address: Address): string {
  return address.slice(address.lastIndexOf('.') + 1)
}

/** The thread token of a client with more than one connection: its secret, and four characters for the connection. */
const connectionToken = /^client\.[A-Za-z0-9_-]{16,59}_[A-Za-z0-9]{4}$/
const anyConnection = 'each'

/**
 * Of a client that has connections to several hosts, under a name of its own on each: what one of them hears that is nearest to the sender.
 * @param address of such a connection, or of an actor there
 * @returns `address` itself where the client has no such
 */
export function sharedAddressOf<A extends Address | ThreadAddress>(address: A): A {
  const first = address.indexOf('.')
  const last = address.indexOf('.', first + 1)
  const end = last < 0 ? address.length : last
  if (!connectionToken.test(address.slice(0, end))) return address
  return (address.slice(0, end - anyConnection.length) + anyConnection + address.slice(end)) as A
}
