import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { StoreReply, StoreRequest } from '../../actors/coordinator/coordinator-protocol.ts'
import { wireCodecs } from '../../actors/wire.ts'
import { StoreCore } from '../../api/client/store-core.ts'
import { ClientDoor } from '../../api/nats/client-door.ts'
import { type Address, addressOf, type Bus, type Envelope, type Message, type Ref, threadAddressOf } from '../../bus/bus.ts'
import { codecRegistry } from '../../bus/codec.ts'
import { MemoryNetwork } from '../../bus/memory-bus.ts'
import { clientThread } from '../../bus/subject.ts'
import { clientRequestOf } from '../../api/nats/client-request.ts'
import { encodeContext } from '../../model/causal-context.ts'
import { isFault } from '../../model/fault.ts'
import { keyOfText } from '../../model/key.ts'
import type { Behaviour } from '../../runtime/actor.ts'
import { ActorSystem } from '../../runtime/actor-system.ts'
import { silentLog } from '../../runtime/log.ts'
import { silentMetrics } from '../../runtime/metrics.ts'
import { systemRandom } from '../../runtime/random.ts'
import { systemClock } from '../../runtime/system-clock.ts'
import { ringOfHosts, SmallStore } from './small-store.ts'

interface Rig {
  readonly store: SmallStore
  readonly client: Bus
  /** What actors of the host were told by the client. */
  readonly reached: { readonly actor: string; readonly message: Message }[]
  readonly answers: Envelope[]
  send(
    message: Record<string, unknown>,
    change?: { readonly to?: string; readonly replyTo?: Address; readonly lane?: 'data' | 'control' }
  ): void
  settled(): Promise<void>
}

/** A door in front of an actor system whose coordinator is a small store; the client is a bus of its own. */
async function rigFor(t: Test, requestsPerSecond = 0): Promise<Rig> {
  const store = new SmallStore(['a'])
  const network = new MemoryNetwork({
    schedule: (_delay, fn) => void setImmediate(fn),
    random: () => 0.5,
    codec: codecRegistry(wireCodecs)
  })
  const reached: Rig['reached'] = []
  const told = (actor: string): Behaviour<null, Message> => ({
    kind: actor,
    start: () => null,
    receive(_state, message, context) {
      reached.push({ actor, message })
      const replyTo = message.replyTo as unknown as Ref<Message>
      if (actor === 'coordinator') context.send<Message>(replyTo, store.coordinate('a', message as StoreRequest))
    }
  })
  const log = silentLog
  const metrics = silentMetrics
  const door = new ClientDoor({
    bus: network.bus(threadAddressOf('a', 'data-0')),
    coordinator: 'coordinator',
    pairBytesMax: 10_240,
    requestsPerSecond,
    threads: 1,
    now: () => systemClock.now(),
    log,
    metrics
  })
  const gateways = new Map([['client', door]])
  const system = new ActorSystem({
    host: 'a',
    thread: 'data-0',
    clock: systemClock,
    random: systemRandom(),
    gateways,
    resources: undefined,
    log,
    metrics
  })
  system.start({
    type: 'supervisor',
    name: 'root',
    strategy: 'one-for-one',
    intensity: 0,
    periodMs: 1000,
    children: ['coordinator', 'vnode-1'].map(name => ({ type: 'actor' as const, name, behaviour: told(name) }))
  })
  door.open(system)
  const client = network.bus(clientThread('secret'))
  const answers: Envelope[] = []
  t.teardown(async () => {
    await system.stop()
    await store.close()
  })
  return {
    store,
    client,
    reached,
    answers,
    send(message, { to = 'coordinator', replyTo = addressOf(client.thread, 'store'), lane = 'data' } = {}) {
      client.send({
        to: { address: addressOf(threadAddressOf('a', 'data-0'), to), correlation: 0, incarnation: 0 },
        lane,
        budgetMs: 500,
        traceparent: undefined,
        message: { ...message, replyTo: { address: replyTo, correlation: 7, incarnation: 0 } } as unknown as Message
      })
      client.flush()
    },
    async settled() {
      for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
    }
  }
}

function recorder(answers: Envelope[]) {
  return { deliver: (envelope: Envelope) => void answers.push(envelope), delivered() {}, unreachable() {} }
}

const get = { kind: 'get', key: keyOfText('b', 'k'), options: {}, hops: 0 }
const put = {
  kind: 'put',
  key: keyOfText('b', 'k'),
  value: new Uint8Array(3),
  contentType: 'text/plain',
  context: undefined,
  mode: 'put',
  ifMatch: '',
  ttlSeconds: 0,
  options: {},
  countsAcks: true,
  hops: 0
}

t.test('client door: put, get and delete of a client that knows the ring → served, and answered in its inbox', async t => {
  const { client } = await rigFor(t)
  const core = new StoreCore({ bus: client, clock: systemClock, random: Math.random, view: ringOfHosts(['a']) })
  const key = keyOfText('b', 'k')
  const written = await core.put(
    { key, value: Buffer.from('1'), contentType: 'text/plain', context: undefined, mode: 'put', ifMatch: '', ttlSeconds: 0 },
    {},
    1000
  )
  t.match(encodeContext(written.context), /./)
  t.ok((await core.get(key, { replicas: 1 }, 1000)).siblings.length > 0)
  await core.delete({ key, context: written.context, ifMatch: '' }, {}, 1000)
  await core.close()
})

t.test('I26: messages to other actors, of other kinds, in the control lane, answered elsewhere → reach no actor', async t => {
  const { send, settled, reached, client, answers } = await rigFor(t)
  client.listen(recorder(answers))
  send({ kind: 'read', key: 'b\0k' }, { to: 'vnode-1' })
  send(get, { to: 'vnode-1' })
  send({ kind: 'ring', view: ringOfHosts(['evil']) })
  send({ kind: 'renew' }, { lane: 'control' })
  send({ kind: 'stored', durability: 'flushed' })
  for (const replyTo of [
    'a.data-0.vnode-1',
    'a.system.ring-keeper',
    'client.x y.store',
    'client.*.store',
    'client.a.b.c',
    'client.',
    'clients.a.b'
  ])
    send(get, { replyTo: replyTo as Address })
  await settled()
  t.same(reached, [])
  t.ok(answers.every(answer => answer.message.kind === 'refused'))
  send(get, { lane: 'control' })
  await settled()
  t.equal(reached.length, 1, 'a proper request is served, in the data lane')
})

t.test('I28: requests with a field that is wrong → refused with bad_request or too_large, and no actor sees them', async t => {
  const { send, settled, reached, client, answers } = await rigFor(t)
  client.listen(recorder(answers))
  const wrong: [Record<string, unknown>, string][] = [
    [{ ...get, hops: 1 }, 'bad_request'],
    [{ ...get, key: 'no bucket' }, 'bad_request'],
    [{ ...get, key: '\0k' }, 'bad_request'],
    [{ ...get, key: 'b\0' }, 'bad_request'],
    [{ ...get, key: `b\0${'k'.repeat(513)}` }, 'too_large'],
    [{ ...get, key: `b\0${'k'.repeat(5000)}` }, 'too_large'],
    [{ ...put, value: new Uint8Array(10_240) }, 'too_large'],
    [{ ...put, contentType: 'text/plain\r\nX: 1' }, 'bad_request'],
    [{ ...put, contentType: '' }, 'bad_request'],
    [{ ...put, context: { vector: Array.from({ length: 4096 }, (_, at) => (at % 2 === 0 ? at : 1)), cloud: [] } }, 'bad_request']
  ]
  for (const [message] of wrong) send(message)
  await settled()
  t.same(reached, [])
  t.same(
    answers.map(answer => (answer.message as unknown as { fault: { code: string } }).fault.code),
    wrong.map(([, code]) => code)
  )
  t.ok(answers.every(answer => answer.to.correlation === 7))
})

t.test('I28: a message laid by any hand, with any fields → a request whose every field was checked, or a fault', t => {
  const replyTo = { address: 'client.secret.store' as Address, correlation: 1, incarnation: 0 }
  const checked = (fields: Record<string, unknown>) => clientRequestOf({ ...fields, replyTo } as unknown as Message, 10_240)
  for (const context of [
    { vector: [2, 1, 1, 1], cloud: [] },
    { vector: [1, 0], cloud: [] },
    { vector: [1], cloud: [] },
    { vector: ['1', 1], cloud: [] },
    {},
    7,
    null,
    'x',
    []
  ]) {
    t.match(checked({ ...put, context }), { code: 'bad_request' })
  }
  for (const options of [
    null,
    1,
    { level: 'most' },
    { replicas: 1.5 },
    { replicas: 256 },
    { durable: -1 },
    { sloppy: 'no' },
    { durability: 'maybe' }
  ]) {
    t.match(checked({ ...get, options }), { code: 'bad_request' })
  }
  for (const fields of [
    { key: 7 },
    { key: 'b\0\u0100' },
    { value: 'text' },
    { mode: 'force' },
    { ttlSeconds: -1 },
    { ttlSeconds: Number.NaN },
    { ifMatch: 1 },
    { hops: '0' },
    { contentType: {} },
    { countsAcks: 1 }
  ]) {
    t.match(checked({ ...put, ...fields }), { code: 'bad_request' })
  }
  t.same(checked({ ...put, more: 'fields', __proto__: null }), { ...put, replyTo })
  const peek = { kind: 'peek', key: put.key, options: put.options, slot: 1, isDigest: true, epoch: '00000001' }
  t.same(checked({ ...peek, hops: 3 }), { ...peek, replyTo })
  for (const fields of [{ slot: -1 }, { slot: 1.5 }, { slot: 99 }, { isDigest: 1 }, { epoch: 7 }, { epoch: 'e'.repeat(65) }]) {
    t.match(checked({ ...peek, ...fields }), { code: 'bad_request' })
  }
  const recall = { kind: 'recall', put: 7 }
  t.same(checked({ ...recall, key: 'b', to: 'client.other.store' }), { ...recall, replyTo })
  for (const number of [-1, 0.5, '7', undefined]) t.match(checked({ ...recall, put: number }), { code: 'bad_request' })
  const names = fc.constantFrom(
    'key',
    'options',
    'value',
    'context',
    'mode',
    'ttlSeconds',
    'hops',
    'ifMatch',
    'contentType',
    'put'
  )
  fc.assert(
    fc.property(
      fc.constantFrom('get', 'peek', 'put', 'delete', 'recall', 'ring'),
      fc.dictionary(names, fc.anything()),
      (kind, fields) => {
        const request = checked({ ...put, ...fields, kind })
        if (!isFault(request) && request.kind === 'recall') return Number.isSafeInteger(request.put)
        return (
          isFault(request) ||
          ((request.kind === 'peek' || request.hops === 0) && /^[A-Za-z0-9][A-Za-z0-9_-]*\0/.test(request.key))
        )
      }
    ),
    { numRuns: 1000 }
  )
  t.end()
})

t.test(
  'client door: more requests than one connection may make → the excess is refused as rate_limited, with when to ask again',
  async t => {
    const { client, answers, reached, send, settled } = await rigFor(t, 2)
    client.listen(recorder(answers))
    for (let asked = 0; asked < 10; asked++) send(get)
    await settled()
    const refused = answers.map(answer => answer.message as StoreReply).filter(answer => answer.kind === 'refused')
    t.equal(answers.length, 10)
    t.equal(reached.length, 2, 'a second’s worth')
    t.equal(refused.length, 8)
    t.match(refused[0], { fault: { code: 'rate_limited', limit: 2, outcome: 'refused' } })
    t.ok(refused.every(({ fault: { retryAfterMs = 0 } }) => retryAfterMs > 0 && retryAfterMs <= 500))
  }
)
