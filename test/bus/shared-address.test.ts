import fc from 'fast-check'
import t from 'tap'
import { type Address, addressOf, sharedAddressOf, threadAddressOf } from '../../bus/bus.ts'
import { NatsBus } from '../../bus/nats-bus.ts'
import { clientThread, inboxSubject, subjectScheme } from '../../bus/subject.ts'
import { contractCodec, envelopeTo, numberedMessage, Recorder, until } from '../contract/bus-harness.ts'
import { natsServerFor } from './nats-fixture.ts'

const secret = '0123456789abcdef0123456789abcdef'
const door = subjectScheme('carillon', 'c')

t.test('a client’s connections have one shared address, which begins with its secret; nobody else has one', async t => {
  t.equal(sharedAddressOf(`client.${secret}_home.store` as Address), `client.${secret}_each.store`)
  t.equal(sharedAddressOf(clientThread(`${secret}_a1b2`)), `client.${secret}_each`)
  t.equal(inboxSubject(door, sharedAddressOf(clientThread(`${secret}_a1b2`))), `_INBOX.${secret}_each`)
  for (const other of ['client.test.store', `client.${secret}.store`, `a.${secret}_home.store`, `client.short_home.store`])
    t.equal(sharedAddressOf(other as Address), other)
  const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)
  fc.assert(
    fc.property(token, token, (thread, actor) => {
      const given = addressOf(clientThread(thread), actor)
      const shared = sharedAddressOf(given)
      // It is in an inbox whose name only whoever has the given one can know.
      return shared === given || shared.slice(0, `client.${thread}`.length - 4) === `client.${thread}`.slice(0, -4)
    })
  )
})

t.test(
  'messages to a client’s shared address, from two servers, before and after it has a connection to both → each comes once',
  async t => {
    const serverA = await natsServerFor(t)
    const serverB = await natsServerFor(t, { name: 'b', routes: [`127.0.0.1:${serverA.ports.route}`] })
    const self = clientThread(`${secret}_home`)
    const connect = async (url: string, thread: typeof self, credentials = {}, near = {}) => {
      const bus = await NatsBus.connect({ servers: url, scheme: door, thread, codec: contractCodec, ...credentials, ...near })
      t.teardown(() => bus.close())
      const got = new Recorder()
      bus.listen(got)
      await bus.ready()
      return { bus, got }
    }
    const near = { near: { hostsMax: 8, locate: async () => ({ url: serverB.url }) } }
    const { bus: client, got } = await connect(serverA.url, self, {}, near)
    const { bus: a } = await connect(serverA.url, threadAddressOf('a', 'data-0'), serverA.door)
    const { bus: b, got: atB } = await connect(serverB.url, threadAddressOf('b', 'data-0'), serverB.door)
    const replyTo = { address: addressOf(self, 'store'), correlation: 7, incarnation: 3 }
    const ask = () => {
      client.send(envelopeTo({ address: addressOf(b.thread, 'coordinator') }, { kind: 'question', replyTo }))
      client.flush()
    }
    ask()
    await until('a question', () => atB.messages.length > 0)
    const to = { ...replyTo, address: sharedAddressOf(atB.messages[0]!.replyTo!.address) }
    const tell = async (what: string) => {
      const before = got.messages.length
      for (let number = 0; number < 40; number++) {
        const from = number % 2 === 0 ? a : b
        from.send(envelopeTo(to, numberedMessage(1, number)))
        from.flush()
      }
      await until(what, () => got.messages.length >= before + 40)
      await Promise.all([a.ready(), b.ready(), client.ready()])
      t.equal(got.messages.length, before + 40, what)
    }
    await tell('each once by the route')
    const timer = setInterval(ask, 20)
    await until('a connection to b', () => client.figures().nearLinks === 1)
    await until('a question by it', () => atB.messages.at(-1)?.replyTo?.address !== replyTo.address)
    clearInterval(timer)
    t.equal(sharedAddressOf(atB.messages.at(-1)!.replyTo!.address), to.address, 'every connection has the same')
    await tell('each once, from b by its own server')
  }
)
