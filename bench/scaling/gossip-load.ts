import type { Beat, Gist, SwimMessage } from '../../actors/gossip/gossip-protocol.ts'
import { gossipDefaults } from '../../actors/system-resources.ts'
import { wireCodecs } from '../../actors/wire.ts'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import { codecRegistry, Writer } from '../../bus/codec.ts'
import { writeEnvelope } from '../../bus/envelope.ts'
import { spreadLimit } from '../../model/dissemination.ts'
import { limits } from '../../model/limits.ts'
import type { Brief } from '../../model/member-list.ts'

/** What one host sends, of gossip. */
export interface GossipLoad {
  /** In a second, while nothing happens. */
  readonly messages: number
  /** In a second, as the bus encodes them, without what NATS adds. */
  readonly bytes: number
  /** In all, for one change of one member: it is suspected, is down, is back, has settled. */
  readonly bytesPerChange: number
  /** In all, while one host joins: every member says that it has seen the ring, and that it has its data. */
  readonly bytesPerJoin: number
}

/** Magic, version, flags, length of the sender's name: `bus/batch.ts`. */
const frameBytes = 4
const codec = codecRegistry(wireCodecs)

/**
 * In each period a host probes one member and is, on average, probed by one: a probe and an answer sent, whatever the cluster's size.
 * Their bytes are those of the real messages, with as many heartbeats as come in during a period.
 * @see docs/membership.md
 */
export function gossipLoad(hosts: number): GossipLoad {
  const others = hosts - 1
  const perSecond = others < 1 ? 0 : 1_000 / gossipDefaults.periodMs
  const probe = bytesOf('gossip-probe', beatsIn(2, others), 0)
  // Who answers has just heard of the one that asks, and tells its own row.
  const ack = bytesOf('gossip-ack', beatsIn(2.5, others), 1)
  const piece = bytesOf('gossip-probe', 0, 1) - bytesOf('gossip-probe', 0, 0)
  const told = spreadLimit(hosts)
  const news = bytesOf('gossip-news', beatsIn(2.5, others), 0)
  return {
    messages: 2 * perSecond,
    bytes: perSecond * (probe + ack),
    bytesPerChange: told * (piece + news),
    // Many pieces share a message.
    bytesPerJoin: 2 * hosts * told * (piece + news / limits.gossipNewsMax)
  }
}

/** Different members among so many that were heard of by chance. */
function beatsIn(heard: number, others: number): number {
  if (others <= 1) return Math.min(heard, others)
  return Math.min(limits.gossipBeatsMax, others * (1 - (1 - 1 / others) ** heard))
}

/** Bytes of a message and its frame; parts of heartbeats count as parts. */
function bytesOf(kind: 'gossip-probe' | 'gossip-ack' | 'gossip-news', beats: number, news: number): number {
  const whole = Math.floor(beats)
  const low = encodedBytes(kind, whole, news)
  return low + (beats - whole) * (encodedBytes(kind, whole + 1, news) - low)
}

function encodedBytes(kind: 'gossip-probe' | 'gossip-ack' | 'gossip-news', beats: number, news: number): number {
  const sender = threadAddressOf('h10', 'system')
  const gist = gistOf(beats, news)
  const replyTo = { address: addressOf(sender, 'gossip-agent'), correlation: 1_000, incarnation: 1_000_001 }
  const message = (
    kind === 'gossip-probe'
      ? { kind, gist, target: 1_010, replyTo }
      : kind === 'gossip-ack'
        ? { kind, gist, target: 1_010 }
        : { kind, gist }
  ) as SwimMessage
  const answered = kind === 'gossip-ack' ? { correlation: 1_000, incarnation: 1_000_001 } : { correlation: 0, incarnation: 0 }
  const to = { address: addressOf(threadAddressOf('h11', 'system'), 'gossip-agent'), ...answered }
  const writer = new Writer()
  writeEnvelope({ to, lane: 'control', budgetMs: 0, traceparent: undefined, message }, 'h11.system'.length, sender, codec, writer)
  return frameBytes + sender.length + writer.position
}

function gistOf(beats: number, news: number): Gist {
  const beat = (index: number): Beat => ({ uid: 1_000 + index, incarnation: 2, heartbeat: 1_000 })
  const brief = (index: number): Brief => ({
    uid: 1_000 + index,
    incarnation: 2,
    state: 'up',
    standing: 'up',
    heartbeat: 1_000,
    about: 1,
    seen: '89abcdef',
    arrived: '',
    accuser: 0
  })
  return {
    cluster: '0123456789abcdef',
    from: 'h10',
    ...beat(10),
    view: 1,
    table: 1,
    news: Array.from({ length: news }, (_, index) => brief(index)),
    beats: Array.from({ length: beats }, (_, index) => beat(index))
  }
}
