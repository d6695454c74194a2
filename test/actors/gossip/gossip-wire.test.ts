import fc from 'fast-check'
import t from 'tap'
import type { SwimMessage } from '../../../actors/gossip/gossip-protocol.ts'
import { wireCodecs } from '../../../actors/wire.ts'
import type { Message } from '../../../bus/bus.ts'
import { codecRegistry, MalformedFrame, Reader, Writer } from '../../../bus/codec.ts'
import { hostStates, type Member, type Standing } from '../../../model/membership.ts'

const codec = codecRegistry(wireCodecs)
const uid = fc.nat(2 ** 32 - 1)
const count = fc.nat(2 ** 40)
const epoch = fc.constantFrom('', '00000001', 'deadbeef')
const condition = {
  uid,
  incarnation: count,
  state: fc.constantFrom(...hostStates),
  standing: fc.constantFrom<Standing[]>('joining', 'up', 'leaving'),
  heartbeat: count,
  seen: epoch,
  arrived: epoch
}
const brief = fc
  .record({ ...condition, about: uid, accuser: uid })
  .map(each => (each.state === 'suspect' ? each : { ...each, accuser: 0 }))
const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
const gist = fc.record({
  cluster: token,
  from: token,
  uid,
  incarnation: count,
  heartbeat: count,
  view: uid,
  table: uid,
  news: fc.array(brief, { maxLength: 5 }),
  beats: fc.array(fc.record({ uid, incarnation: count, heartbeat: count }), { maxLength: 6 })
})
const text = fc.string({ maxLength: 20, unit: 'grapheme' })
const member = fc.record(
  {
    ...condition,
    name: text,
    dc: text,
    zone: text,
    weight: fc.double({ min: 0.01, max: 1000 }),
    seat: fc.nat(100),
    threads: fc.nat(100),
    http: text,
    nats: text,
    route: text,
    version: text,
    pid: fc.nat(1e6),
    ticket: fc.integer({ min: 1 }),
    removing: fc.integer({ min: 1 }),
    replaces: fc.integer({ min: 1 }),
    nextWeight: fc.double({ min: 0.01, max: 1000, noNaN: true }),
    isWaiting: fc.constant(true),
    asksFirst: fc.constant(true),
    planned: fc.integer({ min: 1 }),
    place: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
    plan: fc.record({
      id: fc.nat(),
      isCommitted: fc.boolean(),
      isPaused: fc.boolean(),
      bytesPerSecond: fc.nat(),
      changes: fc.array(fc.record({ kind: fc.constant('weight'), uid, weight: fc.double({ min: 0.01, max: 1000, noNaN: true }) }))
    })
  },
  {
    requiredKeys: [
      'name',
      'uid',
      'incarnation',
      'state',
      'standing',
      'heartbeat',
      'seen',
      'arrived',
      'dc',
      'zone',
      'weight',
      'threads',
      'http',
      'nats',
      'route',
      'version',
      'pid'
    ]
  }
) as fc.Arbitrary<Member>
const messages = fc.oneof(
  gist.map(each => ({ kind: 'gossip-news', gist: each })),
  fc.record({ kind: fc.constantFrom('gossip-ack', 'gossip-nack', 'gossip-probe'), gist, target: uid }),
  fc.record({ kind: fc.constant('gossip-relay'), gist, target: uid, name: token }),
  fc.record({ kind: fc.constant('gossip-sync'), gist, digests: fc.array(fc.record({ uid, digest: uid })) }),
  fc.record({ kind: fc.constant('gossip-rows'), gist, members: fc.array(member), wants: fc.array(uid), more: count })
) as fc.Arbitrary<unknown> as fc.Arbitrary<SwimMessage>

function bytesOf(message: Message): Buffer {
  const writer = new Writer()
  codec.write(message, writer)
  return Buffer.from(writer.view())
}

t.test('what gossip agents send comes back as it was', async () => {
  fc.assert(
    fc.property(messages, message => {
      const { replyTo: _, ...back } = codec.read(new Reader().open(bytesOf(message)))
      return fc.stringify(sorted(back)) === fc.stringify(sorted(message))
    })
  )
})

t.test('I28: a gossip message scrambled into a put whose context has more entries than fit → refused as malformed', async t => {
  const gist = {
    cluster: '0',
    from: 'A',
    uid: 0,
    incarnation: 7_091_817_675,
    heartbeat: 0,
    view: 0,
    table: 0,
    news: [],
    beats: []
  }
  const ack = { kind: 'gossip-ack', gist, target: 0 } as const
  const bytes = bytesOf(ack)
  bytes[0] = 3
  t.throws(() => codec.read(new Reader().open(bytes)), MalformedFrame)
})

t.test(
  'I28: a gossip message that is cut short or scrambled is refused as malformed or read as another, and nothing else',
  async () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(255), (message, where, byte) => {
        const bytes = bytesOf(message)
        bytes[where % bytes.length] = byte
        for (const frame of [bytes, bytes.subarray(0, where % bytes.length)]) {
          try {
            codec.read(new Reader().open(frame))
          } catch (error) {
            if (!(error instanceof MalformedFrame)) throw error
          }
        }
      })
    )
  }
)

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)])
  )
}
