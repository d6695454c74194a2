import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, stat, writeFile } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect, type NatsConnection } from 'nats'
import t from 'tap'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import { findNatsServer } from '../../bus/nats-binary.ts'
import { NatsBus } from '../../bus/nats-bus.ts'
import { type NatsExit, NatsServer } from '../../bus/nats-server.ts'
import { subjectScheme } from '../../bus/subject.ts'
import { makeCertificates } from '../../deploy/certificates.ts'
import { contractCodec, envelopeTo, numberedMessage, Recorder, until } from '../contract/bus-harness.ts'
import { anyPorts, folderFor, natsBinary, natsServerFor } from './nats-fixture.ts'

function listens(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = createConnection(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** As `until`, for conditions that take time to find out. */
async function untilTrue(what: string, condition: () => Promise<boolean>, boundMs = 10_000): Promise<void> {
  const end = performance.now() + boundMs
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${boundMs} ms in vain: ${what}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

async function routesOf(server: NatsServer): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${server.ports.monitor}/routez`)
  return ((await answer.json()) as { num_routes: number }).num_routes
}

t.test('nats-server: started → ready on free ports, files closed to others; stopped → ports closed', async t => {
  const folder = await folderFor(t)
  const server = await natsServerFor(t, { directory: folder })
  t.equal((await stat(join(folder, 'nats-server.conf'))).mode & 0o777, 0o600)
  t.equal((await stat(folder)).mode & 0o777, 0o700)
  for (const port of Object.values(server.ports)) t.ok(await listens(port))
  await server.stop()
  t.equal(server.pid, undefined)
  for (const port of Object.values(server.ports)) t.notOk(await listens(port))
  await server.stop()
})

t.test('nats-server: a token of any printable characters → logs in, and no other does', async t => {
  for (const password of ['quo"te"s-and-\\back\\slashes', '$DOLLAR-in-front', "#hash;{braces}[more]'=:,", '~'.repeat(512)]) {
    const server = await natsServerFor(t, { application: { user: 'app', password } })
    const nc = await connect({ servers: server.url, user: 'app', pass: password })
    await nc.close()
    await t.rejects(connect({ servers: server.url, user: 'app', pass: `${password}x`, reconnect: false }))
    await server.stop()
  }
})

t.test('nats-server: the host dies by SIGKILL → its server goes too', async t => {
  const host = spawn(process.execPath, [fileURLToPath(new URL('nats-host.fixture.js', import.meta.url)), await folderFor(t)], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  t.teardown(() => host.kill('SIGKILL'))
  const [line] = (await once(host.stdout, 'data')) as [Buffer]
  const { port } = JSON.parse(line.toString()) as { port: number }
  t.ok(await listens(port))
  host.kill('SIGKILL')
  await untilTrue('the server is gone', async () => !(await listens(port)))
})

t.test('nats-server: it dies → the host is told how, and restarts it on the same ports with the same credentials', async t => {
  const exits: NatsExit[] = []
  const server = await natsServerFor(t, { onExit: exit => exits.push(exit) })
  const before = server.ports
  process.kill(server.pid ?? 0, 'SIGKILL')
  await until('the host is told', () => exits.length === 1)
  t.equal(exits[0]?.signal, 'SIGKILL')
  await server.restart()
  t.strictSame(server.ports, before)
  const nc = await connect({ servers: server.url, user: server.internal.user, pass: server.internal.password })
  await nc.close()
  await server.restart()
  await server.stop()
  t.equal(exits.length, 1, 'a stop that was asked for is not told')
})

t.test('nats-server: a port in use → start fails with the reason', async t => {
  const taken = createServer()
  taken.listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as { port: number }
  const options = {
    binary: await natsBinary(),
    name: 'a',
    cluster: 'carillon',
    directory: await folderFor(t),
    ports: { ...anyPorts, client: port }
  }
  await t.rejects(NatsServer.start(options), /address already in use/)
})

t.test(
  'nats-server: bound to the network without TLS or without credentials for applications, or for routes → refused',
  async t => {
    const directory = await folderFor(t)
    const base = { binary: await natsBinary(), name: 'a', cluster: 'carillon', directory, ports: anyPorts, bindHost: '0.0.0.0' }
    const certificates = await folderFor(t)
    await makeCertificates({ directory: certificates, hosts: ['a'], names: [], days: 2 })
    const file = (name: string): string => join(certificates, name)
    const whole = {
      application: { user: 'app', password: 'a-token' },
      routeSecret: 'secret',
      tls: { caFile: file('ca.pem'), certFile: file('a.pem'), keyFile: file('a-key.pem'), asksClients: false }
    }
    for (const missing of [['application'], ['routeSecret'], ['tls'], ['application', 'routeSecret', 'tls']]) {
      const parts = Object.fromEntries(Object.entries(whole).filter(([name]) => !missing.includes(name)))
      await t.rejects(NatsServer.start({ ...base, ...parts }), /without TLS or without credentials/, missing.join())
    }
    const server = await natsServerFor(t, { ...base, ...whole })
    t.match(server.url, /^tls:\/\/127\.0\.0\.1:/)
    t.equal(server.publicUrl, undefined, 'nobody is told to connect to 0.0.0.0')
    t.ok(await listens(server.ports.client))
    const named = await natsServerFor(t, { ...base, ...whole, directory: await folderFor(t), advertise: 'a.example' })
    t.equal(named.publicUrl, `tls://a.example:${named.ports.client}`)
  }
)

for (const routeSecret of [undefined, 'open/sesame+&?@:']) {
  t.test(
    `nats-server: three servers, two know only the first, ${routeSecret === undefined ? 'no route secret' : 'a route secret'} → a full mesh that survives the first`,
    async t => {
      const secret = routeSecret === undefined ? {} : { routeSecret }
      const first = await natsServerFor(t, { name: 'a', ...secret })
      const routes = [`127.0.0.1:${first.ports.route}`]
      const second = await natsServerFor(t, { name: 'b', routes, ...secret })
      const third = await natsServerFor(t, { name: 'c', ...secret })
      await third.setRoutes(routes)
      await untilTrue('everyone has a route to everyone', async () => {
        const counts = await Promise.all([first, second, third].map(routesOf))
        return counts.every(count => count === 2)
      })
      await first.stop()
      const [threadB, threadC] = [threadAddressOf('b', 'data-0'), threadAddressOf('c', 'data-0')]
      const scheme = subjectScheme('carillon')
      const busB = await NatsBus.connect({
        servers: second.url,
        ...second.internal,
        scheme,
        thread: threadB,
        codec: contractCodec
      })
      const busC = await NatsBus.connect({ servers: third.url, ...third.internal, scheme, thread: threadC, codec: contractCodec })
      t.teardown(() => Promise.all([busB.close(), busC.close()]))
      const [atB, atC] = [new Recorder(), new Recorder()]
      busB.listen(atB)
      busC.listen(atC)
      await busC.ready()
      // interest crosses the route a moment after the subscription is made
      await until('a message crosses', () => {
        if (atC.envelopes.length > 0) return true
        busB.send(envelopeTo({ address: addressOf(threadC, 'x') }, numberedMessage(0, 1)))
        busB.flush()
        return false
      })
      await third.stop()
      await until('b is told that c is gone', () => {
        busB.send(envelopeTo({ address: addressOf(threadC, 'x') }, numberedMessage(0, 2)))
        busB.flush()
        return atB.unreachableThreads.includes(threadC)
      })
    }
  )
}

t.test('nats-server: a server without the route secret, or with another → gets no route', async t => {
  const first = await natsServerFor(t, { name: 'a', routeSecret: 'right' })
  const lines: string[] = []
  const onLog = (line: string): number => lines.push(line)
  const routes = [`127.0.0.1:${first.ports.route}`]
  const second = await natsServerFor(t, { name: 'b', routes, onLog })
  const third = await natsServerFor(t, { name: 'c', routes, routeSecret: 'wrong', onLog })
  await until('both are refused', () => lines.filter(line => line.includes('Authorization Violation')).length >= 2)
  t.strictSame(await Promise.all([first, second, third].map(routesOf)), [0, 0, 0])
})

t.test('nats-server: routes that are none → refused, and the server goes on as it was', async t => {
  const server = await natsServerFor(t)
  await t.rejects(server.setRoutes(['127.0.0.1:1"\nauthorization: {}']), /no route/)
  await server.setRoutes([])
  t.ok(await listens(server.ports.client))
})

async function denied(nc: NatsConnection, act: (nc: NatsConnection) => void): Promise<boolean> {
  let violation = false
  const watched = nc.status()
  const watching = (async () => {
    for await (const status of watched)
      if (status.type === 'error' && /Permissions Violation/i.test(status.error.message)) violation = true
  })()
  act(nc)
  await nc.flush()
  await nc.flush()
  await nc.close()
  await watching
  return violation
}

for (const application of [undefined, { user: 'app', password: 'a-token' }]) {
  const how = application === undefined ? 'without credentials' : 'with a token'
  t.test(`I26: nats-server, an application ${how} → only its doors, nothing internal`, async t => {
    const server = await natsServerFor(t, application === undefined ? {} : { application })
    const login = application === undefined ? {} : { user: application.user, pass: application.password }
    const open = (): Promise<NatsConnection> => connect({ servers: server.url, reconnect: false, ...login })
    const publish: [string, boolean][] = [
      ['carillon.kv.get.users.alice', true],
      ['carillon.kv.put.users', true],
      ['carillon.c.a.data-0.~', true],
      ['carillon.ring', true],
      ['carillon.admin.status', true],
      ['$SRV.PING', true],
      ['_INBOX.somebody', true],
      ['carillon.a.a.data-0.~', false],
      ['carillon.a.a.data-0.vnode-1', false],
      ['carillon.c.a.data-0.vnode-1', false],
      ['carillon.c.a.data-0.!.b.data-0', false],
      ['carillon.event.users.alice', false],
      ['other.kv.get.users.alice', false],
      ['$SYS.REQ.SERVER.PING', false],
      ['$JS.API.INFO', false],
      ['anything', false]
    ]
    for (const [subject, allowed] of publish) {
      t.equal(await denied(await open(), nc => nc.publish(subject, 'x')), !allowed, `publish ${subject}`)
    }
    const subscribe: [string, boolean][] = [
      ['_INBOX.mine', true],
      ['carillon.event.users.>', true],
      ['carillon.event.>', true],
      ['>', false],
      ['carillon.>', false],
      ['carillon.a.>', false],
      ['carillon.c.>', false],
      ['carillon.c.a.data-0.~', false],
      ['carillon.kv.>', false],
      ['$SYS.>', false],
      ['$SRV.PING', false]
    ]
    for (const [subject, allowed] of subscribe) {
      t.equal(await denied(await open(), nc => nc.subscribe(subject, { callback: () => {} })), !allowed, `subscribe ${subject}`)
    }
    await t.rejects(connect({ servers: server.url, reconnect: false, user: 'internal', pass: 'guess' }), /Authorization/i)
    if (application !== undefined) {
      await t.rejects(connect({ servers: server.url, reconnect: false }), /Authorization/i)
      await t.rejects(connect({ servers: server.url, reconnect: false, ...login, pass: 'b-token' }), /Authorization/i)
    }
  })
}

t.test('nats-server: the door and the internal account → neither hears the other', async t => {
  const server = await natsServerFor(t)
  const internal = await connect({ servers: server.url, user: server.internal.user, pass: server.internal.password })
  const door = await connect({ servers: server.url, user: server.door.user, pass: server.door.password })
  t.teardown(() => Promise.all([internal.close(), door.close()]))
  const heard: string[] = []
  internal.subscribe('>', { callback: (_, message) => void heard.push(`internal ${message.subject}`) })
  door.subscribe('>', { callback: (_, message) => void heard.push(`door ${message.subject}`) })
  await Promise.all([internal.flush(), door.flush()])
  internal.publish('carillon.a.x')
  door.publish('carillon.c.x')
  await Promise.all([internal.flush(), door.flush()])
  await until('each hears its own', () => heard.length === 2)
  t.strictSame(heard.sort(), ['door carillon.c.x', 'internal carillon.a.x'])
})

t.test('nats-server: the binary, named or sought → taken where it runs and is new enough, else one clear sentence', async t => {
  const folder = await folderFor(t)
  const script = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name)
    await writeFile(file, `#!/bin/sh\n${text}\n`)
    await chmod(file, 0o755)
    return file
  }
  const old = await script('old', 'echo nats-server: v2.8.4')
  const newer = await script('nats-server', 'echo nats-server: v2.11.3')
  const odd = await script('odd', 'echo hello')
  await t.rejects(findNatsServer(old, ''), /2\.8\.4; 2\.9 or later is needed/)
  await t.rejects(findNatsServer(odd, ''), /does not say which version/)
  await t.rejects(findNatsServer(join(folder, 'none'), ''), /does not run as nats-server/)
  t.strictSame(await findNatsServer(newer, ''), { path: newer, version: '2.11.3' })
  t.strictSame(await findNatsServer(undefined, `/nowhere:${folder}`), { path: newer, version: '2.11.3' })
})
