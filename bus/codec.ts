import type { Message } from './bus.ts'
import { readPlain, writePlain } from './plain-value.ts'
import { MalformedFrame, type Reader } from './reader.ts'
import type { Writer } from './writer.ts'

export { MalformedFrame, Reader } from './reader.ts'
export { Writer } from './writer.ts'

/**
 * A hand-laid way for one kind of message. `replyTo` is the envelope's business: neither write nor read it.
 * What a later version appends is not read by an earlier one: each message has its length, so that is no error.
 */
export interface MessageCodec<M extends Message = Message> {
  /** 1..254, the same for ever; 0 is for kinds without a codec. */
  readonly tag: number
  readonly kind: M['kind']
  write(message: M, writer: Writer): void
  /** @throws {MalformedFrame} the payload is no such message; so does anything the reader throws */
  read(reader: Reader): M
}

/** Turns a message into bytes and back. */
export interface Codec {
  /** Tag, then payload. @throws programmer errors: the message is no plain value */
  write(message: Message, writer: Writer): void
  /** @throws {MalformedFrame} the tag is unknown or the payload malformed */
  read(reader: Reader): Message
}

/**
 * The codecs of a cluster. A kind without one travels as msgpack.
 * @param options.plain false: a kind without a codec is refused instead, both ways; for doors that strangers use
 * @throws {RangeError} a tag is out of range; a tag or kind is there twice
 */
export function codecRegistry(list: readonly MessageCodec[] = [], { plain = true }: { readonly plain?: boolean } = {}): Codec {
  const byKind = new Map<string, MessageCodec>()
  const byTag: (MessageCodec | undefined)[] = new Array(256).fill(undefined)
  for (const codec of list) {
    if (!Number.isInteger(codec.tag) || codec.tag < 1 || codec.tag > 254) {
      throw new RangeError(`the codec of ${codec.kind} has tag ${codec.tag}: use 1 to 254`)
    }
    const other = byTag[codec.tag]
    if (other !== undefined) throw new RangeError(`tag ${codec.tag} is given to both ${other.kind} and ${codec.kind}`)
    if (byKind.has(codec.kind)) throw new RangeError(`${codec.kind} has two codecs`)
    byTag[codec.tag] = codec
    byKind.set(codec.kind, codec)
  }
  return {
    write(message, writer) {
      const codec = byKind.get(message.kind)
      if (codec !== undefined) {
        writer.u8(codec.tag)
        codec.write(message, writer)
        return
      }
      if (!plain) throw new RangeError(`${message.kind} has no codec, and must have one here`)
      writer.u8(0)
      writePlain(message.replyTo === undefined ? message : withoutReplyTo(message), writer)
    },
    read(reader) {
      const tag = reader.u8()
      const codec = byTag[tag]
      try {
        if (tag === 0 && plain) return plainMessage(reader)
        if (codec === undefined) return reader.fail(`there is no codec with tag ${tag}`)
        return codec.read(reader)
      } catch (error) {
        // What others read, a vector or msgpack, they may find malformed in their own words.
        if (error instanceof MalformedFrame) throw error
        return reader.fail(String(error))
      }
    }
  }
}

function withoutReplyTo(message: Message): Omit<Message, 'replyTo'> {
  const { replyTo: _, ...rest } = message
  return rest
}

function plainMessage(reader: Reader): Message {
  const value = readPlain(reader)
  if (
    typeof value !== 'object' ||
    value === null ||
    Array.isArray(value) ||
    typeof (value as Partial<Message>).kind !== 'string'
  ) {
    return reader.fail('a message has no kind')
  }
  if (Object.hasOwn(value, 'replyTo')) return reader.fail('a message has its replyTo in the payload')
  return value as Message
}
