import t from 'tap'
import type { Got, PeekRequest, StoreReply } from '../../actors/coordinator/coordinator-protocol.ts'
import type { Peeked } from '../../actors/vnode/peek-protocol.ts'
import type { Message } from '../../bus/bus.ts'
import { fault } from '../../model/fault.ts'
import { keyOfText } from '../../model/key.ts'
import { digestOf, encodeSiblings } from '../../model/siblings-codec.ts'
import { Coordinators, ringOf } from './client-coordinators.ts'

const key = keyOfText('b', 'k')
const hosts = ['h1', 'h2', 'h3']
const nothing = new Uint8Array(0)

function record(counter: number): Uint8Array {
  return encodeSiblings({
    context: { vector: [7, counter], cloud: [] },
    versions: [
      { vnode: 7, counter, value: Buffer.from(`v${counter}`), contentType: '', modifiedMs: 0, expiresMs: 0, tombstone: false }
    ]
  })
}

function gotOf(siblings: Uint8Array): Got {
  return { kind: 'got', siblings, strength: 'strong', answered: 2, epoch: '00000001', receipt: undefined }
}

/** As an owner that holds this answers. */
function peekedOf({ slot, isDigest }: PeekRequest, siblings: Uint8Array, needed = 2): Peeked {
  const digest = isDigest && siblings.length > 0 ? digestOf(siblings) : 0
  return { kind: 'peeked', slot, needed, strength: 'strong', digest, siblings: isDigest ? nothing : siblings }
}

type Asked = Message & { readonly kind: string }

function rigFor(peekAt: (peek: PeekRequest, host: string) => Message | undefined, coordinated: StoreReply = gotOf(record(9))) {
  const rig = new Coordinators(hosts, (request, at) => {
    const asked = request as Asked
    return asked.kind === 'peek' ? peekAt(asked as unknown as PeekRequest, at.split('.')[0]!) : coordinated
  })
  const core = rig.core({ view: ringOf(hosts), asksOwners: true })
  const kinds = (): string[] => rig.seen.map(({ request }) => (request as Asked).kind)
  return { rig, core, kinds }
}

t.test(
  'two owners are asked, one for the record and one for its digest; they agree → that is the answer, without a coordinator',
  async t => {
    const { rig, core, kinds } = rigFor(peek => peekedOf(peek, record(3)))
    t.same(await rig.settle(core.get(key, {}, 2_000)), gotOf(Buffer.from(record(3))))
    t.same(kinds(), ['peek', 'peek'])
    t.not(rig.seen[0]!.at, rig.seen[1]!.at)
    t.same(rig.seen.map(({ request }) => (request as unknown as PeekRequest).isDigest).sort(), [false, true])
    t.match(core.figures(), { direct: 1, hedges: 0, waiting: 0 })
  }
)

t.test('owners know nothing of the key → nothing', async t => {
  const { rig, core } = rigFor(peek => peekedOf(peek, nothing))
  t.equal((await rig.settle(core.get(key, {}, 2_000))).siblings.length, 0)
  t.match(core.figures(), { direct: 1 })
})

t.test('owners differ → a coordinator is asked, which merges and mends', async t => {
  const { rig, core, kinds } = rigFor((peek, host) => peekedOf(peek, host === 'h2' ? record(2) : record(3)))
  for (let round = 0; round < 6; round++) await rig.settle(core.get(key, {}, 2_000))
  const asked = rig.seen.map(({ at, request }) => ({ at, kind: (request as Asked).kind }))
  const coordinated = kinds().filter(kind => kind === 'get').length
  t.ok(coordinated > 0)
  t.equal(coordinated, asked.filter(({ at, kind }) => at === 'h2' && kind === 'peek').length, 'whenever the stale one was asked')
  t.same(await rig.settle(core.get(key, { receipt: true }, 2_000)), gotOf(Buffer.from(record(9))), 'a receipt is a coordinator’s')
})

t.test('the bucket wants three owners → a coordinator is asked once, three owners from then on', async t => {
  const { rig, core, kinds } = rigFor(peek => peekedOf(peek, record(3), 3))
  await rig.settle(core.get(key, {}, 2_000))
  t.same(kinds(), ['peek', 'peek', 'get'])
  const { answered } = await rig.settle(core.get(key, {}, 2_000))
  t.equal(answered, 3)
  t.same(kinds().slice(3), ['peek', 'peek', 'peek'])
})

t.test('an owner has another ring, or has not got all its data → a coordinator is asked', async t => {
  const why = fault('unavailable', 'the ring is another one by now', { outcome: 'refused' })
  const { rig, core, kinds } = rigFor((peek, host) =>
    host === 'h2' ? { kind: 'refused', fault: why, epoch: '00000002' } : peekedOf(peek, record(3))
  )
  for (let round = 0; round < 3; round++) t.equal((await rig.settle(core.get(key, {}, 2_000))).kind, 'got')
  t.ok(kinds().includes('get'))
  t.match(core.figures(), { waiting: 0 })
})

t.test('an owner is overloaded → the coordinator is asked after a rest, as for every refusal', async t => {
  const why = fault('overloaded', 'too much', { outcome: 'refused', retryAfterMs: 50 })
  const { rig, core } = rigFor(() => ({ kind: 'refused', fault: why, epoch: '00000001' }))
  const startedMs = rig.clock.now()
  t.equal((await rig.settle(core.get(key, {}, 2_000))).kind, 'got')
  t.ok(rig.clock.now() - startedMs >= 50)
  t.match(core.figures(), { waiting: 0 })
})

t.test('an owner is silent → the third one is asked for its record; two agree', async t => {
  const { rig, core, kinds } = rigFor((peek, host) => (host === 'h2' ? undefined : peekedOf(peek, record(3))))
  for (let round = 0; round < 3; round++) t.equal((await rig.settle(core.get(key, {}, 2_000))).answered, 2)
  t.notOk(kinds().includes('get'))
  t.match(core.figures(), { direct: 3, waiting: 0 })
  t.ok(core.figures().hedges >= 1)
})

t.test('all owners are silent → a coordinator is asked, within the time of the request', async t => {
  const { rig, core } = rigFor(() => undefined)
  const startedMs = rig.clock.now()
  t.equal((await rig.settle(core.get(key, {}, 2_000))).kind, 'got')
  t.ok(rig.clock.now() - startedMs <= 1_000)
})

t.test('nobody listens at an owner’s thread → a coordinator is asked at once', async t => {
  const { rig, core } = rigFor(peek => peekedOf(peek, record(3)))
  rig.kill('h2')
  for (let round = 0; round < 4; round++) t.equal((await rig.settle(core.get(key, {}, 2_000))).kind, 'got')
  t.match(core.figures(), { waiting: 0, timeouts: 0 })
})

t.test('an answer comes twice, or late → it counts once, or not at all', async t => {
  const { rig, core } = rigFor(() => undefined)
  const first = core.get(key, { replicas: 2 }, 2_000)
  let settled = false
  first.then(() => (settled = true)).catch(() => {})
  while (rig.seen.length < 2) {
    await new Promise(resolve => setImmediate(resolve))
    rig.clock.step(rig.clock.now() + 100)
  }
  const { at, request } = rig.seen[0]!
  const peek = request as unknown as PeekRequest
  for (let times = 0; times < 3; times++) rig.reply(at, peek.replyTo, peekedOf(peek, record(3)))
  rig.flush()
  rig.clock.run(rig.clock.now() + 5)
  await new Promise(resolve => setImmediate(resolve))
  t.notOk(settled, 'one owner is one owner')
  t.equal((await rig.settle(first)).siblings.length, record(9).length, 'in the end the coordinator answers')
  rig.reply(at, peek.replyTo, peekedOf(peek, record(3)))
  rig.flush()
  rig.clock.run(rig.clock.now() + 5)
  t.match(core.figures(), { waiting: 0, direct: 0 })
})
