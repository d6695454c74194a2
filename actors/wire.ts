import type { Address } from '../bus/bus.ts'
import type { MessageCodec, Reader, Writer } from '../bus/codec.ts'
import { dotsLength, readDots, writeDots } from '../model/dot-codec.ts'
import type { Key } from '../model/key.ts'
import { at, clientCodecs, durabilities, noReplyTo } from './coordinator/request-wire.ts'
import { gossipCodecs } from './gossip/gossip-wire.ts'
import type { DirectAck, StoredList } from './vnode/ack-protocol.ts'
import type { Resolver, VnodeMessage, VnodeReply } from './vnode/vnode-protocol.ts'

/**
 * The hot messages' bytes between hosts, laid by hand; all others travel as msgpack. Tags are for ever.
 * What a later version adds goes behind the last field, where an earlier one does not look.
 */
const resolvers: readonly Resolver[] = ['siblings', 'last-write-wins']

function writeDotsTo(dots: readonly number[], writer: Writer): void {
  const start = writer.reserve(dotsLength(dots))
  writeDots(writer.buffer, start, dots)
}

function readDotsFrom(reader: Reader): readonly number[] {
  const cursor = { bytes: reader.buffer.subarray(0, reader.end), at: reader.position }
  const dots = readDots(cursor, true)
  reader.position = cursor.at
  return dots
}

const replicate: MessageCodec<Extract<VnodeMessage, { kind: 'replicate' }>> = {
  tag: 6,
  kind: 'replicate',
  write(message, writer) {
    writer.latin1(message.key)
    writer.u8(resolvers.indexOf(message.resolver) | (durabilities.indexOf(message.durability) << 4))
    writer.bytes(message.siblings)
    // An earlier version looks for a floor here: an empty one says as much as none.
    if (message.floor !== undefined || message.direct !== undefined) writeDotsTo(message.floor ?? [], writer)
    if (message.direct !== undefined) writeDirect(message.direct, writer)
  },
  read(reader) {
    const key = reader.latin1() as Key
    const flags = reader.u8()
    const resolver = at(resolvers, flags & 15, reader)
    const durability = at(durabilities, flags >> 4, reader)
    const siblings = reader.bytes()
    const dots = reader.remaining > 0 ? readDotsFrom(reader) : undefined
    const floor = dots === undefined || dots.length === 0 ? undefined : dots
    const direct = reader.remaining > 0 ? readDirect(reader) : undefined
    return { kind: 'replicate', key, resolver, durability, siblings, floor, direct, replyTo: noReplyTo }
  }
}

function writeDirect({ client, slot, epoch }: DirectAck, writer: Writer): void {
  writer.u8(slot)
  writer.latin1(epoch)
  writer.latin1(client.address)
  writer.varint(client.correlation)
  writer.varint(client.incarnation)
}

function readDirect(reader: Reader): DirectAck {
  const slot = reader.u8()
  const epoch = reader.latin1()
  const address = reader.latin1() as Address
  return { client: { address, correlation: reader.varint(), incarnation: reader.varint() }, slot, epoch }
}

const storedList: MessageCodec<StoredList> = {
  tag: 27,
  kind: 'stored-list',
  write(message, writer) {
    for (const number of message.acks) writer.varint(number)
  },
  read(reader) {
    const acks: number[] = []
    while (reader.remaining > 0) acks.push(reader.varint(), reader.varint())
    return { kind: 'stored-list', acks }
  }
}

const stored: MessageCodec<Extract<VnodeReply, { kind: 'stored' }>> = {
  tag: 7,
  kind: 'stored',
  write(message, writer) {
    writer.u8(durabilities.indexOf(message.durability))
    if (message.purged !== undefined) writeDotsTo(message.purged, writer)
  },
  read(reader) {
    const durability = at(durabilities, reader.u8(), reader)
    return reader.remaining > 0 ? { kind: 'stored', durability, purged: readDotsFrom(reader) } : { kind: 'stored', durability }
  }
}

const compare: MessageCodec<Extract<VnodeMessage, { kind: 'compare' }>> = {
  tag: 8,
  kind: 'compare',
  write(message, writer) {
    writer.latin1(message.key)
    writer.f64(message.digest)
  },
  read(reader) {
    const key = reader.latin1() as Key
    return { kind: 'compare', key, digest: reader.f64(), replyTo: noReplyTo }
  }
}

const same: MessageCodec<Extract<VnodeReply, { kind: 'same' }>> = {
  tag: 9,
  kind: 'same',
  write() {},
  read() {
    return { kind: 'same' }
  }
}

const record: MessageCodec<Extract<VnodeReply, { kind: 'record' }>> = {
  tag: 10,
  kind: 'record',
  write(message, writer) {
    writer.bytes(message.siblings)
    if (message.floor !== undefined) writeDotsTo(message.floor, writer)
  },
  read(reader) {
    const siblings = reader.bytes()
    return reader.remaining > 0 ? { kind: 'record', siblings, floor: readDotsFrom(reader) } : { kind: 'record', siblings }
  }
}

const hint: MessageCodec<Extract<VnodeMessage, { kind: 'hint' }>> = {
  tag: 13,
  kind: 'hint',
  write(message, writer) {
    writer.latin1(message.key)
    writer.varint(message.target)
    writer.u8(resolvers.indexOf(message.resolver) | (durabilities.indexOf(message.durability) << 4))
    writer.bytes(message.siblings)
  },
  read(reader) {
    const key = reader.latin1() as Key
    const target = reader.varint()
    const flags = reader.u8()
    return {
      kind: 'hint',
      key,
      target,
      resolver: at(resolvers, flags & 15, reader),
      durability: at(durabilities, flags >> 4, reader),
      siblings: reader.bytes(),
      replyTo: noReplyTo
    }
  }
}

/** For `codecRegistry`, between the hosts. */
export const wireCodecs: readonly MessageCodec<never>[] = [
  ...([...clientCodecs, replicate, stored, storedList, compare, same, record, hint] as unknown as readonly MessageCodec<never>[]),
  ...gossipCodecs
]
