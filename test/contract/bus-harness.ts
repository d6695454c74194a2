import { type Bus, type Envelope, type Message, type Receiver, type Ref, type ThreadAddress } from '../../bus/bus.ts'
import { type Codec, codecRegistry, type MessageCodec, Writer } from '../../bus/codec.ts'

/** What a bus adapter lends to the suite. */
export interface BusHarness {
  /** A thread's end, in the harness's cluster or in another one of the same network. */
  connect(thread: ThreadAddress, cluster?: string): Promise<Bus>
  /** Wait until every thread that listens is known to the network. */
  settle(): Promise<void>
  /** Put bytes into a thread's inbox, as a hostile or broken peer would. */
  inject(thread: ThreadAddress, frame: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** What a thread got, in the order in which it got it. */
export class Recorder implements Receiver {
  readonly envelopes: Envelope[] = []
  readonly batches: number[] = []
  readonly unreachableThreads: ThreadAddress[] = []
  #inBatch = 0

  deliver(envelope: Envelope): void {
    this.envelopes.push(envelope)
    this.#inBatch++
  }

  delivered(): void {
    this.batches.push(this.#inBatch)
    this.#inBatch = 0
  }

  unreachable(thread: ThreadAddress): void {
    this.unreachableThreads.push(thread)
  }

  get messages(): readonly Message[] {
    return this.envelopes.map(envelope => envelope.message)
  }
}

/** Wait for a condition. @throws after `boundMs` */
export async function until(what: string, condition: () => boolean, boundMs = 10_000): Promise<void> {
  const end = performance.now() + boundMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${boundMs} ms in vain: ${what}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** The kind with a codec. */
export interface Numbered extends Message {
  readonly kind: 'numbered'
  readonly from: number
  readonly number: number
  readonly bytes: Uint8Array
}

const numbered: MessageCodec<Numbered> = {
  tag: 7,
  kind: 'numbered',
  write(message, writer) {
    writer.varint(message.from)
    writer.varint(message.number)
    writer.bytes(message.bytes)
  },
  read(reader) {
    return { kind: 'numbered', from: reader.varint(), number: reader.varint(), bytes: reader.bytes() }
  }
}

/** What the suite speaks: one kind with a codec, the others plain. */
export const contractCodec: Codec = codecRegistry([numbered])

export function numberedMessage(from: number, number: number, size = 0): Numbered {
  return { kind: 'numbered', from, number, bytes: Buffer.alloc(size, number) }
}

export function envelopeTo(to: Partial<Ref> & Pick<Ref, 'address'>, message: Message, rest: Partial<Envelope> = {}): Envelope {
  return { to: { correlation: 0, incarnation: 0, ...to }, lane: 'data', budgetMs: 0, traceparent: undefined, message, ...rest }
}

/** A frame made by hand. @param messages what stands behind each length */
export function frameOf(sender: string, messages: readonly Uint8Array[], head: readonly number[] = [0xca, 1, 0]): Buffer {
  const writer = new Writer()
  for (const byte of head) writer.u8(byte)
  writer.token(sender, 0)
  for (const message of messages) writer.bytes(message)
  return Buffer.from(writer.view())
}

/** A message by hand: no flags, to an actor, then a tag and a payload. */
export function bodyOf(actor: string, tag: number, payload: Uint8Array): Buffer {
  const writer = new Writer()
  writer.u8(0)
  writer.token(actor, 0)
  writer.u8(tag)
  writer.raw(payload)
  return Buffer.from(writer.view())
}
