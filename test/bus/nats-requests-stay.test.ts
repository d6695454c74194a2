import { createServer } from 'node:net'
import { connect, type NatsConnection } from 'nats'
import t, { type Test } from 'tap'
import type { NatsServer } from '../../bus/nats-server.ts'
import { adminWildcard, kvWildcard, queueGroup, ringSubject } from '../../bus/subject.ts'
import { until } from '../contract/bus-harness.ts'
import { natsServerFor } from './nats-fixture.ts'

/** Servers learn of each other's gateways by a port that is known beforehand. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

async function open(t: Test, server: NatsServer, as: { user: string; password: string } | undefined): Promise<NatsConnection> {
  const login = as === undefined ? {} : { user: as.user, pass: as.password }
  const connection = await connect({ servers: server.url, reconnect: false, ...login })
  t.teardown(() => connection.close())
  return connection
}

/** As the doors of a host of the datacenter do. */
function answer(connection: NatsConnection, dc: string): void {
  const name = `carillon_${dc}`
  for (const [subject, group] of [
    [kvWildcard(name), 'kv'],
    [ringSubject(name), 'ring'],
    [adminWildcard(name), 'admin']
  ] as const)
    connection.subscribe(subject, {
      queue: queueGroup(name, group),
      callback: (_, message) => void message.respond(`${dc} ${message.subject}`)
    })
}

const requests = ['carillon.kv.get.users.alice', 'carillon.ring', 'carillon.admin.status'] as const

t.test(
  'nats-server: two datacenters, and nobody listens in one of them → its clients are refused, not answered by the other; events pass',
  async t => {
    const port = await freePort()
    const first = await natsServerFor(t, { name: 'a', gateway: { dc: 'dc1', port, remotes: new Map() } })
    const remotes = new Map([['dc1', [`127.0.0.1:${port}`]]])
    const second = await natsServerFor(t, { name: 'b', gateway: { dc: 'dc2', port: -1, remotes } })
    const [door1, door2] = [await open(t, first, first.door), await open(t, second, second.door)]
    const [client1, client2] = [await open(t, first, undefined), await open(t, second, undefined)]
    answer(door1, 'dc1')
    await door1.flush()

    // The gateway is open once an event of the other datacenter arrives.
    let isHeard = false
    client2.subscribe('carillon.event.>', { callback: () => void (isHeard = true) })
    await client2.flush()
    const events = setInterval(() => door1.publish('carillon.event.users.alice', '{}'), 25)
    await until('events of dc1 reach dc2', () => isHeard).finally(() => clearInterval(events))

    const textOf = async (client: NatsConnection, subject: string): Promise<string> =>
      (await client.request(subject, 'x', { timeout: 5_000 })).string()
    for (const subject of requests) {
      await t.rejects(textOf(client2, subject), /no responders/i, `${subject} in dc2`)
      t.equal(await textOf(client1, subject), `dc1 ${subject.replace('carillon', 'carillon_dc1')}`)
    }
    answer(door2, 'dc2')
    await door2.flush()
    for (const subject of requests) t.match(await textOf(client2, subject), /^dc2 carillon_dc2\./, `${subject} in dc2`)
  }
)
