import type { Ref } from '../../bus/bus.ts'
import type { MessageCodec, Reader, Writer } from '../../bus/codec.ts'
import type { Brief } from '../../model/member-list.ts'
import { type HostState, hostStates, type Member, saysMore, standings } from '../../model/membership.ts'
import { planOfText, planText } from '../../model/staged-plan.ts'
import type { Beat, Gist, RowDigest, SwimMessage } from './gossip-protocol.ts'

/**
 * The bytes of what gossip agents send all the time. Tags are for ever. What a later version adds to a message goes behind its last
 * field, what it adds to a row goes behind the row's last: each has its length.
 */
const standingShift = 3
const hasSeen = 32
const hasArrived = 64
const waits = 1
const asks = 2
const isEpoch = /^[0-9a-f]{8}$/
/** Least bytes of a brief, a beat, a row: what says there are more of them than bytes left is no message. */
const briefBytesMin = 11
const beatBytesMin = 6
const digestBytes = 8
const rowBytesMin = 30
const noReplyTo = undefined as unknown as Ref<SwimMessage>

type Of<K extends SwimMessage['kind']> = Extract<SwimMessage, { kind: K }>
type Condition = Pick<Member, 'incarnation' | 'state' | 'standing' | 'heartbeat' | 'seen' | 'arrived'>

function writeCondition(of: Condition, writer: Writer): void {
  const flags = (isEpoch.test(of.seen) ? hasSeen : 0) | (isEpoch.test(of.arrived) ? hasArrived : 0)
  writer.u8(hostStates.indexOf(of.state) | (standings.indexOf(of.standing) << standingShift) | flags)
  writer.varint(of.incarnation)
  writer.varint(of.heartbeat)
  if ((flags & hasSeen) !== 0) writer.u32(Number.parseInt(of.seen, 16))
  if ((flags & hasArrived) !== 0) writer.u32(Number.parseInt(of.arrived, 16))
}

function readCondition(reader: Reader): Condition {
  const flags = reader.u8()
  const state: HostState | undefined = hostStates[flags & 7]
  const standing = standings[(flags >> standingShift) & 3]
  if (state === undefined || standing === undefined) return reader.fail('a host is in no known state')
  const incarnation = reader.varint()
  const heartbeat = reader.varint()
  const seen = (flags & hasSeen) === 0 ? '' : hex(reader.u32())
  return { incarnation, state, standing, heartbeat, seen, arrived: (flags & hasArrived) === 0 ? '' : hex(reader.u32()) }
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0')
}

function writeBrief(brief: Brief, writer: Writer): void {
  writer.u32(brief.uid)
  writer.u32(brief.about)
  writeCondition(brief, writer)
  if (brief.state === 'suspect') writer.u32(brief.accuser)
}

function readBrief(reader: Reader): Brief {
  const uid = reader.u32()
  const about = reader.u32()
  const condition = readCondition(reader)
  return { uid, about, ...condition, accuser: condition.state === 'suspect' ? reader.u32() : 0 }
}

function writeBeat({ uid, incarnation, heartbeat }: Beat, writer: Writer): void {
  writer.u32(uid)
  writer.varint(incarnation)
  writer.varint(heartbeat)
}

function readBeat(reader: Reader): Beat {
  const uid = reader.u32()
  const incarnation = reader.varint()
  return { uid, incarnation, heartbeat: reader.varint() }
}

function writeList<T>(list: readonly T[], writer: Writer, each: (item: T, writer: Writer) => void): void {
  writer.varint(list.length)
  for (const item of list) each(item, writer)
}

function readList<T>(reader: Reader, bytesMin: number, each: (reader: Reader) => T): T[] {
  const count = reader.count(bytesMin)
  const list: T[] = []
  for (let index = 0; index < count; index++) list.push(each(reader))
  return list
}

function writeGist(gist: Gist, writer: Writer): void {
  writer.token(gist.cluster, 0)
  writer.token(gist.from, 0)
  writeBeat(gist, writer)
  writer.u32(gist.view)
  writer.u32(gist.table)
  writeList(gist.news, writer, writeBrief)
  writeList(gist.beats, writer, writeBeat)
}

function readGist(reader: Reader): Gist {
  const cluster = reader.token()
  const from = reader.token()
  const beat = readBeat(reader)
  const view = reader.u32()
  const table = reader.u32()
  const news = readList(reader, briefBytesMin, readBrief)
  return { cluster, from, ...beat, view, table, news, beats: readList(reader, beatBytesMin, readBeat) }
}

function writeMember(member: Member, writer: Writer): void {
  const start = writer.reserve(3)
  writer.u32(member.uid)
  writeCondition(member, writer)
  writer.f64(member.weight)
  writer.varint(member.threads)
  writer.varint(member.pid)
  writer.varint(member.seat === undefined ? 0 : member.seat + 1)
  for (const text of [member.name, member.dc, member.zone, member.http, member.nats, member.route, member.version])
    writer.utf8(text)
  if (member.ticket !== undefined || member.removing !== undefined || saysMore(member)) {
    writer.varint(member.ticket ?? 0)
    writer.u32(member.removing ?? 0)
  }
  if (saysMore(member)) writeChange(member, writer)
  writer.patchVarint3(start, writer.position - start - 3)
}

/** What came with plans. */
function writeChange(member: Member, writer: Writer): void {
  const { replaces, nextWeight, isWaiting, place, asksFirst, planned, plan } = member
  writer.u8((isWaiting === true ? waits : 0) | (asksFirst === true ? asks : 0))
  writer.u32(replaces ?? 0)
  writer.f64(nextWeight ?? 0)
  writer.varint(planned ?? 0)
  writer.utf8(place ?? '')
  writer.utf8(plan === undefined ? '' : planText(plan))
}

function readChange(reader: Reader): Partial<Member> {
  const flags = reader.u8()
  const replaces = reader.u32()
  const nextWeight = reader.f64()
  const planned = reader.varint()
  const place = reader.utf8()
  const text = reader.utf8()
  // One that a later release has made is passed over.
  const plan = planOfText(text)
  return {
    ...((flags & waits) === 0 ? {} : { isWaiting: true }),
    ...((flags & asks) === 0 ? {} : { asksFirst: true }),
    ...(replaces === 0 ? {} : { replaces }),
    ...(nextWeight > 0 ? { nextWeight } : {}),
    ...(planned === 0 ? {} : { planned }),
    ...(place === '' ? {} : { place }),
    ...(plan === undefined ? {} : { plan })
  }
}

function readMember(reader: Reader): Member {
  const length = reader.varint()
  const end = reader.position + length
  const uid = reader.u32()
  const condition = readCondition(reader)
  const weight = reader.f64()
  const threads = reader.varint()
  const pid = reader.varint()
  const seat = reader.varint()
  const name = reader.utf8()
  const dc = reader.utf8()
  const zone = reader.utf8()
  const http = reader.utf8()
  const nats = reader.utf8()
  const route = reader.utf8()
  const version = reader.utf8()
  const hasChange = reader.position < end
  const ticket = hasChange ? reader.varint() : 0
  const removing = hasChange ? reader.u32() : 0
  const more = reader.position < end ? readChange(reader) : {}
  if (reader.position > end) reader.fail('a row is longer than it says')
  reader.raw(end - reader.position)
  const row = { name, uid, ...condition, dc, zone, weight, threads, http, nats, route, version, pid }
  return {
    ...row,
    ...(seat === 0 ? {} : { seat: seat - 1 }),
    ...(ticket === 0 ? {} : { ticket }),
    ...(removing === 0 ? {} : { removing }),
    ...more
  }
}

const probe: MessageCodec<Of<'gossip-probe'>> = {
  tag: 40,
  kind: 'gossip-probe',
  write(message, writer) {
    writeGist(message.gist, writer)
    writer.u32(message.target)
  },
  read(reader) {
    const gist = readGist(reader)
    return { kind: 'gossip-probe', gist, target: reader.u32(), replyTo: noReplyTo }
  }
}

const relay: MessageCodec<Of<'gossip-relay'>> = {
  tag: 41,
  kind: 'gossip-relay',
  write(message, writer) {
    writeGist(message.gist, writer)
    writer.u32(message.target)
    writer.token(message.name, 0)
  },
  read(reader) {
    const gist = readGist(reader)
    const target = reader.u32()
    return { kind: 'gossip-relay', gist, target, name: reader.token(), replyTo: noReplyTo }
  }
}

function writeAnswer(message: Of<'gossip-ack' | 'gossip-nack'>, writer: Writer): void {
  writeGist(message.gist, writer)
  writer.u32(message.target)
}

const ack: MessageCodec<Of<'gossip-ack'>> = {
  tag: 42,
  kind: 'gossip-ack',
  write: writeAnswer,
  read(reader) {
    const gist = readGist(reader)
    return { kind: 'gossip-ack', gist, target: reader.u32() }
  }
}

const nack: MessageCodec<Of<'gossip-nack'>> = {
  tag: 43,
  kind: 'gossip-nack',
  write: writeAnswer,
  read(reader) {
    const gist = readGist(reader)
    return { kind: 'gossip-nack', gist, target: reader.u32() }
  }
}

const news: MessageCodec<Of<'gossip-news'>> = {
  tag: 44,
  kind: 'gossip-news',
  write: (message, writer) => writeGist(message.gist, writer),
  read: reader => ({ kind: 'gossip-news', gist: readGist(reader) })
}

const sync: MessageCodec<Of<'gossip-sync'>> = {
  tag: 45,
  kind: 'gossip-sync',
  write(message, writer) {
    writeGist(message.gist, writer)
    writeList(message.digests, writer, ({ uid, digest }: RowDigest) => {
      writer.u32(uid)
      writer.u32(digest)
    })
  },
  read(reader) {
    const gist = readGist(reader)
    const digests = readList(reader, digestBytes, () => {
      const uid = reader.u32()
      return { uid, digest: reader.u32() }
    })
    return { kind: 'gossip-sync', gist, digests }
  }
}

const rows: MessageCodec<Of<'gossip-rows'>> = {
  tag: 46,
  kind: 'gossip-rows',
  write(message, writer) {
    writeGist(message.gist, writer)
    writeList(message.members, writer, writeMember)
    writeList(message.wants, writer, uid => writer.u32(uid))
    writer.varint(message.more)
  },
  read(reader) {
    const gist = readGist(reader)
    const members = readList(reader, rowBytesMin, readMember)
    const wants = readList(reader, 4, () => reader.u32())
    return { kind: 'gossip-rows', gist, members, wants, more: reader.varint() }
  }
}

/** For `codecRegistry`, between hosts. */
export const gossipCodecs = [probe, relay, ack, nack, news, sync, rows] as unknown as readonly MessageCodec<never>[]
