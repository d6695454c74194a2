import t from 'tap'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import { NatsBus } from '../../bus/nats-bus.ts'
import { clientThread, subjectScheme } from '../../bus/subject.ts'
import { contractCodec, envelopeTo, numberedMessage, Recorder, until } from '../contract/bus-harness.ts'
import { natsServerFor } from './nats-fixture.ts'

const door = subjectScheme('carillon', 'c')
const turnMs = 5

t.test(
  'nats bus: the server of a client is about to end, and messages go both ways → it moves to another one first, and all of them arrive',
  async t => {
    const serverA = await natsServerFor(t)
    const routes = [`127.0.0.1:${serverA.ports.route}`]
    const serverC = await natsServerFor(t, { name: 'c', routes })
    const serverB = await natsServerFor(t, { name: 'b', routes: [...routes, `127.0.0.1:${serverC.ports.route}`] })
    const options = { scheme: door, codec: contractCodec }
    const self = clientThread('0123456789abcdef0123456789abcdef')
    const thread = threadAddressOf('b', 'data-0')
    const client = await NatsBus.connect({ ...options, servers: [serverA.url, serverC.url], thread: self })
    t.teardown(() => client.close())
    const host = await NatsBus.connect({ ...options, ...serverB.door, servers: serverB.url, thread })
    t.teardown(() => host.close())
    const [atClient, atHost] = [new Recorder(), new Recorder()]
    client.listen(atClient)
    host.listen(atHost)
    await Promise.all([client.ready(), host.ready()])
    await client.moveHome(server => server !== 'a')

    const sent = { byClient: 0, byHost: 0, refused: 0 }
    const send = (): void => {
      if (client.send(envelopeTo({ address: addressOf(thread, 'x') }, numberedMessage(1, sent.byClient)))) sent.byClient++
      else sent.refused++
      if (host.send(envelopeTo({ address: addressOf(self, 'x') }, numberedMessage(2, sent.byHost)))) sent.byHost++
      client.flush()
      host.flush()
    }
    const isEven = (): boolean => new Set(atHost.messages.map(numberOf)).size === sent.byClient
    const timer = setInterval(send, turnMs)
    await until('messages both ways', () => atHost.messages.length > 20 && atClient.messages.length > 20)
    await client.moveHome(server => server === 'a')
    await serverA.stop()
    const before = atHost.messages.length
    await until('messages without that server', () => atHost.messages.length > before + 20)
    clearInterval(timer)
    await until('the last of them', () => isEven() && new Set(atClient.messages.map(numberOf)).size === sent.byHost)
    t.equal(sent.refused, 0)
    t.equal(client.figures().reconnects, 0, 'no connection was lost')
  }
)

t.test('nats bus: every server is about to end, or none is → a client stays where it is', async t => {
  const server = await natsServerFor(t)
  const options = { scheme: door, codec: contractCodec, servers: server.url }
  const client = await NatsBus.connect({ ...options, thread: clientThread('0123456789abcdef0123456789abcdef') })
  t.teardown(() => client.close())
  client.listen(new Recorder())
  await client.moveHome(() => true)
  await client.moveHome(() => false)
  t.ok(client.connected)
})

function numberOf(message: unknown): number {
  return (message as { number: number }).number
}
