import type { MsgHdrs, NatsConnection } from 'nats'

/** What the doors need of a connection in the application account; whoever lends it closes it. */
export type DoorConnection = Pick<NatsConnection, 'subscribe' | 'publish'>

/** A message as it came; its bytes are the receiver's to keep. */
export interface Incoming {
  readonly subject: string
  readonly headers: MsgHdrs | undefined
  readonly data: Uint8Array
  /** Where the answer goes; '' where nobody waits for one. */
  readonly reply: string
}

/** A header's value takes no control characters; what people read stays readable. */
export function headerText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get into a header
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ')
}
