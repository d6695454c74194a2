import t, { type Test } from 'tap'
import { addressOf, type ThreadAddress, threadAddressOf } from '../../bus/bus.ts'
import { NatsBus, type NatsBusOptions } from '../../bus/nats-bus.ts'
import type { NatsServer } from '../../bus/nats-server.ts'
import type { NearServer } from '../../bus/near-links.ts'
import { clientThread, type SubjectScheme, subjectScheme } from '../../bus/subject.ts'
import { contractCodec, envelopeTo, numberedMessage, Recorder, until } from '../contract/bus-harness.ts'
import { natsServerFor } from './nats-fixture.ts'

const a = threadAddressOf('a', 'data-0')
const b = threadAddressOf('b', 'data-0')
const hosts = subjectScheme('carillon')
const door = subjectScheme('carillon', 'c')
const turnMs = 20

async function busFor(
  t: Test,
  server: NatsServer,
  thread: ThreadAddress,
  more: Partial<NatsBusOptions> = {},
  scheme: SubjectScheme = hosts
): Promise<{ bus: NatsBus; got: Recorder }> {
  const credentials = thread.startsWith('client.') ? {} : scheme.door === 'a' ? server.internal : server.door
  const bus = await NatsBus.connect({ servers: server.url, ...credentials, scheme, thread, codec: contractCodec, ...more })
  t.teardown(() => bus.close())
  const got = new Recorder()
  bus.listen(got)
  await bus.ready()
  return { bus, got }
}

const nearOf = (server: NatsServer): NearServer => ({ url: server.url, ...server.internal })

/** Send a number in a batch of its own every so often, until something has come of it. */
async function sendUntil(what: string, from: NatsBus, to: ThreadAddress, condition: () => boolean): Promise<void> {
  let number = 0
  const timer = setInterval(() => {
    from.send(envelopeTo({ address: addressOf(to, 'x') }, numberedMessage(1, number++)))
    from.flush()
  }, turnMs)
  try {
    await until(what, condition)
  } finally {
    clearInterval(timer)
  }
}

t.test(
  'near links: two servers without a route → batches go to the other host’s own server, and it tells when nobody listens',
  async t => {
    const [serverA, serverB] = await Promise.all([natsServerFor(t), natsServerFor(t, { name: 'b' })])
    const asked: string[] = []
    const near = {
      hostsMax: 8,
      async locate(host: string) {
        asked.push(host)
        return nearOf(serverB)
      }
    }
    const { bus: busA, got: atA } = await busFor(t, serverA, a, { near })
    const { bus: busB, got: atB } = await busFor(t, serverB, b)
    await sendUntil('a message at b', busA, b, () => atB.messages.length > 0)
    t.same(asked, ['b'])
    t.equal(busA.figures().nearLinks, 1)
    const told = atA.unreachableThreads.length
    await busB.close()
    await sendUntil('being told that nobody listens', busA, b, () => atA.unreachableThreads.length > told)
    t.equal(atA.unreachableThreads.at(-1), b)
  }
)

t.test('near links: the near server goes → the route serves at once; it comes again → it is used again', async t => {
  const serverA = await natsServerFor(t)
  const routes = [`127.0.0.1:${serverA.ports.route}`]
  const [serverB, between] = await Promise.all([natsServerFor(t, { name: 'b', routes }), natsServerFor(t, { name: 'c', routes })])
  const near = { hostsMax: 8, locate: async () => nearOf(between) }
  const { bus: busA } = await busFor(t, serverA, a, { near })
  const { got: atB } = await busFor(t, serverB, b)
  const isNear = (count: number) => () => busA.figures().nearLinks === count && atB.messages.length > 0
  await sendUntil('the near server in use', busA, b, isNear(1))
  await between.stop()
  await until('its loss', isNear(0))
  const before = atB.messages.length
  await sendUntil('messages by the route', busA, b, () => atB.messages.length > before)
  t.ok(busA.connected, 'the own server was there all the time')
  await between.restart()
  await sendUntil('the near server in use again', busA, b, isNear(1))
})

t.test('near links: wrong credentials, nobody who knows, a limit of one → what has no connection goes by the route', async t => {
  const serverA = await natsServerFor(t)
  const serverB = await natsServerFor(t, { name: 'b', routes: [`127.0.0.1:${serverA.ports.route}`] })
  const { got: atB } = await busFor(t, serverB, b)
  const { got: atC } = await busFor(t, serverB, threadAddressOf('c', 'data-0'))
  const answers: (() => Promise<NearServer | undefined>)[] = [
    async () => ({ ...nearOf(serverB), password: 'wrong' }),
    async () => undefined,
    async () => Promise.reject(new Error('nobody knows'))
  ]
  for (const answer of answers) {
    let asked = 0
    const { bus } = await busFor(t, serverA, a, { near: { hostsMax: 8, locate: () => (asked++, answer()) } })
    const before = atB.messages.length
    await sendUntil('two tries, and messages all the same', bus, b, () => asked > 1 && atB.messages.length > before + 2)
    t.equal(bus.figures().refused, 0)
    await bus.close()
  }
  const { bus } = await busFor(t, serverA, a, { near: { hostsMax: 1, locate: async () => nearOf(serverB) } })
  await sendUntil('the one connection', bus, b, () => bus.figures().nearLinks === 1)
  const before = atC.messages.length
  await sendUntil('messages to the other', bus, threadAddressOf('c', 'data-0'), () => atC.messages.length > before + 20)
  t.equal(bus.figures().nearLinks, 1)
})

t.test('near links: a client asks a host at its own server → it is answered there, by another inbox than its first', async t => {
  const serverA = await natsServerFor(t)
  const serverB = await natsServerFor(t, { name: 'b', routes: [`127.0.0.1:${serverA.ports.route}`] })
  const self = clientThread('0123456789abcdef0123456789abcdef')
  const near = { hostsMax: 8, locate: async () => ({ url: serverB.url }) }
  const { bus: client, got } = await busFor(t, serverA, self, { near }, door)
  const { bus: host, got: atHost } = await busFor(t, serverB, b, {}, door)
  const replyTo = { address: addressOf(self, 'store'), correlation: 7, incarnation: 3 }
  const send = () => {
    client.send(envelopeTo({ address: addressOf(b, 'coordinator') }, { kind: 'question', replyTo }))
    client.flush()
  }
  const timer = setInterval(send, turnMs)
  await until('a question in another name', () =>
    atHost.messages.some(({ replyTo }) => replyTo?.address !== addressOf(self, 'store'))
  )
  clearInterval(timer)
  const other = atHost.messages.at(-1)?.replyTo
  t.match(other?.address, /^client\.[0-9a-f]{32}\.store$/)
  t.equal(other?.correlation, 7)
  host.send(envelopeTo(other!, { kind: 'answer' }))
  host.flush()
  await until('the answer', () => got.messages.length > 0)
  t.same(got.envelopes[0]?.to, { ...replyTo }, 'it comes to whom the client knows')
  t.equal(host.figures().malformed, 0)

  const told = got.unreachableThreads.length
  await host.close()
  const again = setInterval(send, turnMs)
  await until('being told that nobody listens', () => got.unreachableThreads.length > told)
  clearInterval(again)
  t.equal(got.unreachableThreads.at(-1), b)
})

t.test(
  'near links: a host offers its server → hosts learn it, of others they learn nothing, applications are refused',
  async t => {
    const server = await natsServerFor(t)
    const { bus: main } = await busFor(t, server, threadAddressOf('b', 'main'))
    const { bus: busA } = await busFor(t, server, a)
    main.offerNear(nearOf(server))
    await main.ready()
    t.same(await busA.nearServerOf('b'), nearOf(server))
    await t.rejects(busA.nearServerOf('c'))
    const { bus: atDoor } = await busFor(t, server, b, {}, door)
    t.throws(() => atDoor.offerNear(nearOf(server)), /credentials of hosts/)
    await t.rejects(atDoor.nearServerOf('b'))
  }
)
