import type { Message, ThreadAddress, UndeliveredReason } from '../bus/bus.ts'

/** Kinds that begin with `~` are the runtime's own. */
export const undeliveredKind = '~undelivered'

/** What crosses the bus to whoever was named as `replyTo` of a message that nobody handled. */
export interface UndeliveredMessage extends Message {
  readonly kind: typeof undeliveredKind
  readonly reason: UndeliveredReason
}

/** What lies in a mailbox in that case. */
export class Undelivered {
  readonly reason: UndeliveredReason
  readonly kind = undeliveredKind
  constructor(reason: UndeliveredReason) {
    this.reason = reason
  }
}

/** A hint of the bus, in a mailbox. */
export class Unreachable {
  readonly thread: ThreadAddress
  readonly kind = '~unreachable'
  constructor(thread: ThreadAddress) {
    this.thread = thread
  }
}

const signals: Readonly<Record<UndeliveredReason, Undelivered>> = Object.freeze({
  'no-such-actor': new Undelivered('no-such-actor'),
  'stale-incarnation': new Undelivered('stale-incarnation'),
  overloaded: new Undelivered('overloaded'),
  expired: new Undelivered('expired')
})

const messages: Readonly<Record<UndeliveredReason, UndeliveredMessage>> = Object.freeze({
  'no-such-actor': { kind: undeliveredKind, reason: 'no-such-actor' },
  'stale-incarnation': { kind: undeliveredKind, reason: 'stale-incarnation' },
  overloaded: { kind: undeliveredKind, reason: 'overloaded' },
  expired: { kind: undeliveredKind, reason: 'expired' }
})

export function undeliveredSignal(reason: UndeliveredReason): Undelivered {
  return signals[reason]
}

export function undeliveredMessage(reason: UndeliveredReason): UndeliveredMessage {
  return messages[reason]
}

/** Why, if `message` says that a message was not delivered. A reason of a later version counts as 'no-such-actor'. */
export function undeliveredReasonOf(message: Message): UndeliveredReason | undefined {
  if (message.kind !== undeliveredKind) return undefined
  const { reason } = message as UndeliveredMessage
  return Object.hasOwn(signals, reason) ? reason : 'no-such-actor'
}
