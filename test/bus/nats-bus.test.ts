import { connect, type NatsConnection } from 'nats'
import t from 'tap'
import { addressOf, type Bus, type ThreadAddress, threadAddressOf } from '../../bus/bus.ts'
import { NatsBus, type NatsBusStatus } from '../../bus/nats-bus.ts'
import type { NatsServer } from '../../bus/nats-server.ts'
import { clientThread, inboxSubject, subjectScheme } from '../../bus/subject.ts'
import { limits } from '../../model/limits.ts'
import { busContract } from '../contract/bus-contract.ts'
import {
  bodyOf,
  type BusHarness,
  contractCodec,
  envelopeTo,
  frameOf,
  numberedMessage,
  Recorder,
  until
} from '../contract/bus-harness.ts'
import { natsServerFor } from './nats-fixture.ts'

const server = await natsServerFor(t)
let clusters = 0

async function connectBus(
  to: NatsServer,
  thread: ThreadAddress,
  more: Partial<Parameters<typeof NatsBus.connect>[0]> = {}
): Promise<NatsBus> {
  return NatsBus.connect({
    servers: to.url,
    ...to.internal,
    scheme: subjectScheme('carillon'),
    thread,
    codec: contractCodec,
    ...more
  })
}

async function natsHarness(): Promise<BusHarness> {
  const prefix = `k${clusters++}-`
  const buses: NatsBus[] = []
  const raw: NatsConnection = await connect({ servers: server.url, user: server.internal.user, pass: server.internal.password })
  return {
    async connect(thread, cluster = 'carillon'): Promise<Bus> {
      const bus = await connectBus(server, thread, { scheme: subjectScheme(prefix + cluster) })
      buses.push(bus)
      return bus
    },
    async settle() {
      for (const bus of buses) await bus.ready()
    },
    async inject(thread, frame) {
      raw.publish(inboxSubject(subjectScheme(`${prefix}carillon`), thread), frame)
      await raw.flush()
    },
    async close() {
      for (const bus of buses) await bus.close()
      await raw.close()
    }
  }
}

busContract(t, 'nats bus', natsHarness)

const a = threadAddressOf('a', 'data-0')
const b = threadAddressOf('b', 'data-0')

t.test(
  'nats bus: the server dies and comes again → sends are refused meanwhile, then messages pass again by themselves',
  async t => {
    const mortal = await natsServerFor(t)
    const told: NatsBusStatus['type'][] = []
    const busA = await connectBus(mortal, a, { onStatus: status => told.push(status.type) })
    const busB = await connectBus(mortal, b)
    t.teardown(() => Promise.all([busA.close(), busB.close()]))
    const atB = new Recorder()
    busA.listen(new Recorder())
    busB.listen(atB)
    await busB.ready()
    const tell = (number: number): boolean => {
      const taken = busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, number)))
      busA.flush()
      return taken
    }
    t.ok(tell(1))
    await until('the first arrives', () => atB.envelopes.length === 1)
    busA.send(envelopeTo({ address: addressOf(b, 'x') }, numberedMessage(0, 2)))
    process.kill(mortal.pid ?? 0, 'SIGKILL')
    await until('the loss is noticed', () => !busA.connected && !busB.connected && mortal.pid === undefined)
    t.equal(busA.figures().refused, 1, 'what was queued is counted as refused')
    t.notOk(tell(3))
    await mortal.restart()
    await until('both are back', () => busA.connected && busB.connected)
    await busB.ready()
    t.ok(tell(4))
    await until('the next arrives', () => atB.envelopes.length === 2)
    t.strictSame(
      atB.messages.map(message => (message as unknown as { number: number }).number),
      [1, 4]
    )
    t.equal(told.includes('disconnected') && told.includes('reconnected'), true)
    t.equal(busA.figures().reconnects, 1)
  }
)

t.test('nats bus: the server stands still → sends are refused once too much waits, and taken again when it goes on', async t => {
  const frozen = await natsServerFor(t)
  const busA = await connectBus(frozen, a)
  const busB = await connectBus(frozen, b)
  t.teardown(() => Promise.all([busA.close(), busB.close()]))
  const atB = new Recorder()
  busA.listen(new Recorder())
  busB.listen(atB)
  await busB.ready()
  process.kill(frozen.pid ?? 0, 'SIGSTOP')
  t.teardown(() => frozen.pid !== undefined && process.kill(frozen.pid, 'SIGCONT'))
  let taken = 0
  const large = numberedMessage(0, 1, 900_000)
  while (busA.send(envelopeTo({ address: addressOf(b, 'x') }, large))) {
    taken++
    if (taken % 8 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(Math.abs(taken * 900_000 - limits.busPendingBytesMax) < 2_000_000, `${taken} messages of 0.9 MB were taken`)
  process.kill(frozen.pid ?? 0, 'SIGCONT')
  await until('it is read', () => busA.figures().pendingBytes < 4_000_000)
  t.ok(busA.send(envelopeTo({ address: addressOf(b, 'x') }, large)))
})

t.test('nats bus: a host and an application client over the door → both ways; each is told when the other is gone', async t => {
  const door = subjectScheme('carillon', 'c')
  const clientAddress = clientThread('k3VxYq8ZbN0aTn5sWc7LdE')
  const host = await connectBus(server, a, { ...server.door, scheme: door })
  const client = await NatsBus.connect({ servers: server.url, scheme: door, thread: clientAddress, codec: contractCodec })
  t.teardown(() => Promise.all([host.close(), client.close()]))
  const [atHost, atClient] = [new Recorder(), new Recorder()]
  host.listen(atHost)
  client.listen(atClient)
  await Promise.all([host.ready(), client.ready()])
  client.send(
    envelopeTo(
      { address: addressOf(a, 'coordinator') },
      { ...numberedMessage(0, 1), replyTo: { address: addressOf(clientAddress, 'requests'), correlation: 9, incarnation: 0 } }
    )
  )
  client.flush()
  await until('the request arrives', () => atHost.envelopes.length === 1)
  const replyTo = atHost.envelopes[0]?.message.replyTo
  t.strictSame(replyTo, { address: `${clientAddress}.requests`, correlation: 9, incarnation: 0 })
  if (replyTo !== undefined) host.send(envelopeTo(replyTo, numberedMessage(0, 2)))
  host.flush()
  await until('the reply arrives', () => atClient.envelopes.length === 1)
  t.match(atClient.envelopes[0]?.to, { address: `${clientAddress}.requests`, correlation: 9 })

  client.send(envelopeTo({ address: addressOf(b, 'coordinator') }, numberedMessage(0, 3)))
  client.flush()
  await until('the client is told', () => atClient.unreachableThreads.length === 1)
  t.strictSame(atClient.unreachableThreads, [b])
  await client.close()
  await until('the host is told', () => {
    host.send(envelopeTo({ address: addressOf(clientAddress, 'requests') }, numberedMessage(0, 4)))
    host.flush()
    return atHost.unreachableThreads.length > 0
  })
  t.equal(atHost.unreachableThreads[0], clientAddress)
})

t.test('nats bus: at the door, a frame in the name of a host, or with replies wanted at a third thread → dropped', async t => {
  const door = subjectScheme('carillon', 'c')
  const host = await connectBus(server, a, { ...server.door, scheme: door })
  const raw = await connect({ servers: server.url })
  t.teardown(() => Promise.all([host.close(), raw.close()]))
  const atHost = new Recorder()
  host.listen(atHost)
  await host.ready()
  const good = bodyOf('x', 7, Buffer.from([1, 2, 0]))
  const elsewhere = Buffer.from([32 | 64, 1, 0x78, 1, 0x79, 8, ...Buffer.from('b.data-0'), 5, 7, 1, 2, 0])
  raw.publish(inboxSubject(door, a), frameOf('b.data-0', [good]))
  raw.publish(inboxSubject(door, a), frameOf('client.abc', [elsewhere, good]))
  await until('the good one arrives', () => atHost.envelopes.length === 1)
  t.equal(host.figures().malformed, 2)
})

t.test('nats bus: no server → connect says so; wrong credentials → so too', async t => {
  await t.rejects(connectBus(server, a, { servers: 'nats://127.0.0.1:1' }), /refused/)
  await t.rejects(connectBus(server, a, { password: 'wrong' }), /Authorization/i)
})
