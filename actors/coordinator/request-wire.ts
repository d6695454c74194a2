import { type UndeliveredMessage, undeliveredKind } from '../../runtime/signal.ts'
import type { Message, Ref, UndeliveredReason } from '../../bus/bus.ts'
import type { MessageCodec, Reader, Writer } from '../../bus/codec.ts'
import { type CausalContext, readContext } from '../../model/causal-context.ts'
import { dotsLength, writeDots } from '../../model/dot-codec.ts'
import { isFault } from '../../model/fault.ts'
import type { Key } from '../../model/key.ts'
import type { ConsistencyLevel } from '../../model/quorum.ts'
import type { Durability } from '../../storage/store.ts'
import type {
  DeleteRequest,
  GetRequest,
  Got,
  PeekRequest,
  PutRequest,
  QuorumOptions,
  RecallRequest,
  Receipt,
  Refused,
  Strength,
  Written
} from './coordinator-protocol.ts'
import type { Acked, Coordinated } from '../vnode/ack-protocol.ts'
import type { Peeked } from '../vnode/peek-protocol.ts'

/**
 * What passes between an application and a door, laid by hand. Tags are for ever.
 * What a later version adds goes behind the last field, where an earlier one does not look.
 */
const levels: readonly (ConsistencyLevel | undefined)[] = [undefined, 'one', 'quorum', 'all', 'local_quorum', 'each_quorum']
const strengths: readonly Strength[] = ['weak', 'sloppy', 'strong']
export const durabilities: readonly Durability[] = ['committed', 'flushed']

const flagNumbers = 1
const flagStrict = 2
const flagReceipt = 4
const flagContext = 1
const flagCreate = 2
const flagConditions = 4
const flagCounts = 8
/** Until the envelope's reference is put in its place. */
export const noReplyTo = undefined as unknown as Ref<Message>

export function at<T>(list: readonly T[], index: number, reader: Reader): T {
  if (index >= list.length) reader.fail(`there is no choice ${index} of ${list.length}`)
  return list[index] as T
}

function writeOptions(options: QuorumOptions, writer: Writer): void {
  const hasNumbers = options.replicas !== undefined || options.primaries !== undefined || options.durable !== undefined
  writer.u8(
    (hasNumbers ? flagNumbers : 0) |
      (options.sloppy === false ? flagStrict : 0) |
      (options.receipt === true ? flagReceipt : 0) |
      (levels.indexOf(options.level) << 3) |
      ((options.durability === undefined ? 0 : durabilities.indexOf(options.durability) + 1) << 6)
  )
  if (!hasNumbers) return
  writer.u8(options.replicas ?? 0)
  writer.u8(options.primaries ?? 0)
  writer.u8(options.durable ?? 0)
}

const optionsByFlags: (QuorumOptions | undefined)[] = new Array(256).fill(undefined)

function readOptions(reader: Reader): QuorumOptions {
  const flags = reader.u8()
  const known = optionsByFlags[flags]
  if (known !== undefined) return known
  const level = at(levels, (flags >> 3) & 7, reader)
  const durability = flags >> 6 === 0 ? undefined : at(durabilities, (flags >> 6) - 1, reader)
  const sloppy = (flags & flagStrict) === 0
  const receipt = (flags & flagReceipt) !== 0
  if ((flags & flagNumbers) === 0) {
    const options = Object.freeze({ level, durability, sloppy, receipt })
    optionsByFlags[flags] = options
    return options
  }
  // Laid out at once: an object that is spread has a shape of its own each time, and all that reads it is slow.
  const replicas = reader.u8() || undefined
  const primaries = reader.u8() || undefined
  const durable = reader.u8() || undefined
  return { level, durability, sloppy, receipt, replicas, primaries, durable }
}

function writeContext(context: CausalContext, writer: Writer): void {
  const bytes = dotsLength(context.vector) + dotsLength(context.cloud)
  const start = writer.reserve(bytes)
  writeDots(writer.buffer, writeDots(writer.buffer, start, context.vector), context.cloud)
}

function readContextFrom(reader: Reader): CausalContext {
  const cursor = { bytes: reader.buffer.subarray(0, reader.end), at: reader.position }
  const context = readContext(cursor)
  reader.position = cursor.at
  return context
}

function writeReply(
  reply: { strength: Strength; answered: number; epoch: string; receipt: Receipt | undefined },
  writer: Writer
): void {
  writer.u8(strengths.indexOf(reply.strength) | (reply.receipt === undefined ? 0 : 4))
  writer.u8(reply.answered)
  writer.latin1(reply.epoch)
  if (reply.receipt !== undefined) writer.utf8(JSON.stringify(reply.receipt))
}

function readReply(reader: Reader): { strength: Strength; answered: number; epoch: string; receipt: Receipt | undefined } {
  const flags = reader.u8()
  const strength = at(strengths, flags & 3, reader)
  const answered = reader.u8()
  const epoch = reader.latin1()
  return { strength, answered, epoch, receipt: (flags & 4) === 0 ? undefined : (JSON.parse(reader.utf8()) as Receipt) }
}

const get: MessageCodec<GetRequest> = {
  tag: 1,
  kind: 'get',
  write(message, writer) {
    writer.latin1(message.key)
    writeOptions(message.options, writer)
    writer.u8(message.hops)
  },
  read(reader) {
    const key = reader.latin1() as Key
    const options = readOptions(reader)
    return { kind: 'get', key, options, hops: reader.u8(), replyTo: noReplyTo }
  }
}

const put: MessageCodec<PutRequest> = {
  tag: 2,
  kind: 'put',
  write(message, writer) {
    const hasConditions = message.ifMatch !== '' || message.ttlSeconds !== 0
    writer.latin1(message.key)
    writeOptions(message.options, writer)
    writer.u8(message.hops)
    writer.u8(
      (message.context === undefined ? 0 : flagContext) |
        (message.mode === 'create' ? flagCreate : 0) |
        (hasConditions ? flagConditions : 0) |
        (message.countsAcks === true ? flagCounts : 0)
    )
    if (message.context !== undefined) writeContext(message.context, writer)
    if (hasConditions) {
      writer.latin1(message.ifMatch)
      writer.varint(message.ttlSeconds)
    }
    writer.utf8(message.contentType)
    writer.bytes(message.value)
  },
  read(reader) {
    const key = reader.latin1() as Key
    const options = readOptions(reader)
    const hops = reader.u8()
    const flags = reader.u8()
    const context = (flags & flagContext) === 0 ? undefined : readContextFrom(reader)
    const hasConditions = (flags & flagConditions) !== 0
    return {
      kind: 'put',
      key,
      options,
      hops,
      context,
      mode: (flags & flagCreate) === 0 ? 'put' : 'create',
      ifMatch: hasConditions ? reader.latin1() : '',
      ttlSeconds: hasConditions ? reader.varint() : 0,
      contentType: reader.utf8(),
      value: reader.bytes(),
      countsAcks: (flags & flagCounts) !== 0,
      replyTo: noReplyTo
    }
  }
}

const del: MessageCodec<DeleteRequest> = {
  tag: 3,
  kind: 'delete',
  write(message, writer) {
    writer.latin1(message.key)
    writeOptions(message.options, writer)
    writer.u8(message.hops)
    writer.latin1(message.ifMatch)
    writer.u8(message.context === undefined ? 0 : flagContext)
    if (message.context !== undefined) writeContext(message.context, writer)
  },
  read(reader) {
    const key = reader.latin1() as Key
    const options = readOptions(reader)
    const hops = reader.u8()
    const ifMatch = reader.latin1()
    const context = (reader.u8() & flagContext) === 0 ? undefined : readContextFrom(reader)
    return { kind: 'delete', key, options, hops, ifMatch, context, replyTo: noReplyTo }
  }
}

const got: MessageCodec<Got> = {
  tag: 4,
  kind: 'got',
  write(message, writer) {
    writeReply(message, writer)
    writer.bytes(message.siblings)
  },
  read(reader) {
    const { strength, answered, epoch, receipt } = readReply(reader)
    return { kind: 'got', strength, answered, epoch, receipt, siblings: reader.bytes() }
  }
}

const written: MessageCodec<Written> = {
  tag: 5,
  kind: 'written',
  write(message, writer) {
    writeReply(message, writer)
    writeContext(message.context, writer)
  },
  read(reader) {
    const { strength, answered, epoch, receipt } = readReply(reader)
    return { kind: 'written', strength, answered, epoch, receipt, context: readContextFrom(reader) }
  }
}

const refused: MessageCodec<Refused> = {
  tag: 11,
  kind: 'refused',
  write(message, writer) {
    writer.latin1(message.epoch)
    writer.utf8(JSON.stringify(message.fault))
  },
  read(reader) {
    const epoch = reader.latin1()
    const why: unknown = JSON.parse(reader.utf8())
    return isFault(why) ? { kind: 'refused', epoch, fault: why } : reader.fail('a refusal names no fault')
  }
}

const flagDigest = 1

const peek: MessageCodec<PeekRequest> = {
  tag: 14,
  kind: 'peek',
  write(message, writer) {
    writer.latin1(message.key)
    writeOptions(message.options, writer)
    writer.u8((message.isDigest ? flagDigest : 0) | (message.slot << 1))
    writer.latin1(message.epoch)
  },
  read(reader) {
    const key = reader.latin1() as Key
    const options = readOptions(reader)
    const flags = reader.u8()
    const epoch = reader.latin1()
    return { kind: 'peek', key, options, isDigest: (flags & flagDigest) !== 0, slot: flags >> 1, epoch, replyTo: noReplyTo }
  }
}

const peeked: MessageCodec<Peeked> = {
  tag: 15,
  kind: 'peeked',
  write(message, writer) {
    writer.u8(strengths.indexOf(message.strength) | (message.slot << 2))
    writer.u8(message.needed)
    writer.f64(message.digest)
    writer.bytes(message.siblings)
  },
  read(reader) {
    const flags = reader.u8()
    const strength = at(strengths, flags & 3, reader)
    const needed = reader.u8()
    const digest = reader.f64()
    return { kind: 'peeked', slot: flags >> 2, strength, needed, digest, siblings: reader.bytes() }
  }
}

const recall: MessageCodec<RecallRequest> = {
  tag: 24,
  kind: 'recall',
  write(message, writer) {
    writer.varint(message.put)
  },
  read(reader) {
    return { kind: 'recall', put: reader.varint(), replyTo: noReplyTo }
  }
}

const acked: MessageCodec<Acked> = {
  tag: 25,
  kind: 'acked',
  write(message, writer) {
    writer.u8(message.slot)
  },
  read(reader) {
    return { kind: 'acked', slot: reader.u8() }
  }
}

const coordinated: MessageCodec<Coordinated> = {
  tag: 26,
  kind: 'coordinated',
  write(message, writer) {
    writer.u8(message.slot)
    writer.u8(message.needed)
    writer.u8(message.asked)
    writer.u8(strengths.indexOf(message.strength))
    writer.latin1(message.epoch)
    writeContext(message.context, writer)
  },
  read(reader) {
    const slot = reader.u8()
    const needed = reader.u8()
    const asked = reader.u8()
    const strength = at(strengths, reader.u8(), reader)
    const epoch = reader.latin1()
    return { kind: 'coordinated', slot, needed, asked, strength, epoch, context: readContextFrom(reader) }
  }
}

const undelivered: MessageCodec<UndeliveredMessage> = {
  tag: 12,
  kind: undeliveredKind,
  write(message, writer) {
    writer.latin1(message.reason)
  },
  read(reader) {
    return { kind: undeliveredKind, reason: reader.latin1() as UndeliveredReason }
  }
}

/** All that passes between an application and a door. For `codecRegistry`, without msgpack: nothing else is even looked at. */
export const clientCodecs = [
  get,
  put,
  del,
  peek,
  got,
  written,
  peeked,
  refused,
  recall,
  acked,
  coordinated,
  undelivered
] as unknown as readonly MessageCodec<never>[]
