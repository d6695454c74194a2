import type { AddressCache } from './address-cache.ts'
import type { Address, Envelope, Ref, ThreadAddress } from './bus.ts'
import type { Codec } from './codec.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/*
 * One message of a frame, wire version 1:
 *   length        varint (written in three bytes), of what follows
 *   flags         u8, below
 *   to            u8 length, name of the actor; the thread is whoever's inbox it arrives in
 *   incarnation   varint, where flagged
 *   correlation   varint, where flagged
 *   budgetMs      varint, where flagged
 *   traceparent   u8 length, text; where flagged
 *   replyTo       where flagged: u8 length, name of the actor; u8 length, thread (where flagged; else the frame's sender);
 *                 correlation varint; incarnation varint (where flagged)
 *   tag, payload  the codec's; to the end
 */
const control = 1
const hasIncarnation = 2
const hasCorrelation = 4
const hasBudget = 8
const hasTraceparent = 16
const hasReplyTo = 32
const replyToOtherThread = 64
const hasReplyIncarnation = 128

const traceparentCharactersMax = 64
/** A budget beyond a day is as good as none, and keeps the field short. */
const budgetMsMax = 86_400_000

/**
 * Append a message to a frame. Where it throws, the writer is as before.
 * @param toThreadLength characters of the receiving thread's address, with which `to.address` begins
 * @param self the thread that sends
 * @throws what the codec throws: the message cannot be written
 */
export function writeEnvelope(
  envelope: Envelope,
  toThreadLength: number,
  self: ThreadAddress,
  codec: Codec,
  writer: Writer
): void {
  const start = writer.position
  try {
    writer.reserve(3)
    writeBody(envelope, toThreadLength, self, codec, writer)
    writer.patchVarint3(start, writer.position - start - 3)
  } catch (error) {
    writer.position = start
    throw error
  }
}

function writeBody(envelope: Envelope, toThreadLength: number, self: ThreadAddress, codec: Codec, writer: Writer): void {
  const { to, message, traceparent } = envelope
  const { replyTo } = message
  const foreign = replyTo !== undefined && !isOf(replyTo.address, self)
  const traced = traceparent !== undefined && traceparent.length <= traceparentCharactersMax
  let flags = envelope.lane === 'control' ? control : 0
  if (to.incarnation !== 0) flags |= hasIncarnation
  if (to.correlation !== 0) flags |= hasCorrelation
  if (envelope.budgetMs > 0) flags |= hasBudget
  if (traced) flags |= hasTraceparent
  if (replyTo !== undefined) {
    flags |= hasReplyTo
    if (foreign) flags |= replyToOtherThread
    if (replyTo.incarnation !== 0) flags |= hasReplyIncarnation
  }
  writer.u8(flags)
  writer.token(to.address, toThreadLength + 1)
  if (to.incarnation !== 0) writer.varint(to.incarnation)
  if (to.correlation !== 0) writer.varint(to.correlation)
  if (envelope.budgetMs > 0) writer.varint(Math.min(Math.ceil(envelope.budgetMs), budgetMsMax))
  if (traced) writer.token(traceparent, 0)
  if (replyTo !== undefined) {
    const { address } = replyTo
    const dot = foreign ? address.lastIndexOf('.') : self.length
    writer.token(address, dot + 1)
    if (foreign) writer.token(address.slice(0, dot), 0)
    writer.varint(replyTo.correlation)
    if (replyTo.incarnation !== 0) writer.varint(replyTo.incarnation)
  }
  codec.write(message, writer)
}

/** An address has three tokens, a thread two: so what begins with the thread and a dot is of it. */
function isOf(address: Address, thread: ThreadAddress): boolean {
  return address.charCodeAt(thread.length) === 46 && address.startsWith(thread)
}

/**
 * Read a message; the reader stands behind its length, and ends where the message does.
 * @param self the thread that receives
 * @param sender the thread that the frame names as its sender
 * @param senderSeed see `AddressCache.actor`
 * @param answersSenderOnly a `replyTo` on a third thread is refused: an application must not have us write to whom it likes
 * @throws {MalformedFrame}
 */
export function readEnvelope(
  reader: Reader,
  self: ThreadAddress,
  sender: ThreadAddress,
  senderSeed: number,
  answersSenderOnly: boolean,
  codec: Codec,
  addresses: AddressCache
): Envelope {
  const flags = reader.u8()
  if (answersSenderOnly && (flags & replyToOtherThread) !== 0) reader.fail('replies are wanted elsewhere than at the sender')
  const address = addresses.actor(reader, self, 0)
  const incarnation = (flags & hasIncarnation) === 0 ? 0 : reader.varint()
  const correlation = (flags & hasCorrelation) === 0 ? 0 : reader.varint()
  const budgetMs = (flags & hasBudget) === 0 ? 0 : reader.varint()
  const traceparent = (flags & hasTraceparent) === 0 ? undefined : reader.token()
  let replyTo: Ref<never> | undefined
  if ((flags & hasReplyTo) !== 0) replyTo = readReplyTo(reader, flags, sender, senderSeed, addresses)
  const message = codec.read(reader)
  // the message was made by the codec a moment ago: nobody else has it yet
  if (replyTo !== undefined) (message as { replyTo?: Ref<never> }).replyTo = replyTo
  return {
    to: { address, correlation, incarnation },
    lane: (flags & control) === 0 ? 'data' : 'control',
    budgetMs,
    traceparent,
    message
  }
}

function readReplyTo(
  reader: Reader,
  flags: number,
  sender: ThreadAddress,
  senderSeed: number,
  addresses: AddressCache
): Ref<never> {
  let address: Address
  if ((flags & replyToOtherThread) === 0) {
    address = addresses.actor(reader, sender, senderSeed)
  } else {
    // the name comes first, but its thread is needed to look it up
    const name = reader.position
    reader.raw(reader.u8())
    const thread = addresses.thread(reader)
    const behind = reader.position
    reader.position = name
    address = addresses.actor(reader, thread, addresses.seed)
    reader.position = behind
  }
  const correlation = reader.varint()
  const incarnation = (flags & hasReplyIncarnation) === 0 ? 0 : reader.varint()
  return { address, correlation, incarnation }
}
