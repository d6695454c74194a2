import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createConnection, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { connect as connectByTls } from 'node:tls'
import { connect, type NatsConnection } from 'nats'
import t, { type Test } from 'tap'
import type { NatsServer } from '../../bus/nats-server.ts'
import { natsTls, type ServerTlsFiles, type TlsMaterial } from '../../bus/nats-tls.ts'
import { makeCertificates } from '../../deploy/certificates.ts'
import { until } from '../contract/bus-harness.ts'
import { folderFor, natsServerFor } from './nats-fixture.ts'

interface Authority {
  readonly ca: string
  files(host: string, asksClients?: boolean): ServerTlsFiles
  material(host: string): TlsMaterial
}

async function authorityFor(t: Test, hosts: readonly string[]): Promise<Authority> {
  const directory = await folderFor(t)
  await makeCertificates({ directory, hosts, names: [], days: 2 })
  const text = (name: string): string => readFileSync(join(directory, name), 'utf8')
  const ca = text('ca.pem')
  return {
    ca,
    files: (host, asksClients = false) => ({
      caFile: join(directory, 'ca.pem'),
      certFile: join(directory, `${host}.pem`),
      keyFile: join(directory, `${host}-key.pem`),
      asksClients
    }),
    material: host => ({ ca, cert: text(`${host}.pem`), key: text(`${host}-key.pem`) })
  }
}

interface Varz {
  readonly server_id: string
}

interface Routez {
  readonly routes: readonly { readonly remote_id: string }[]
}

async function monitored<T>({ ports }: NatsServer, page: string): Promise<T> {
  return (await (await fetch(`http://127.0.0.1:${ports.monitor}/${page}`)).json()) as T
}

const application = { user: 'app', password: 'a-token-for-applications' }

function attempt(url: string, tls: TlsMaterial | undefined, login = application): Promise<NatsConnection> {
  return connect({
    servers: url,
    user: login.user,
    pass: login.password,
    reconnect: false,
    timeout: 10_000,
    ...(tls === undefined ? {} : natsTls(tls, url))
  })
}

/** Whatever a socket is sent until it is closed, or nothing more comes of it. */
async function heardFrom(socket: Socket, say: string): Promise<string> {
  let heard = ''
  socket.on('data', (data: Buffer) => void (heard += data.toString('latin1')))
  socket.on('error', () => {})
  socket.write(say)
  const patience = setTimeout(() => socket.destroy(), 15_000)
  // Not `once` of events, which an error would end.
  await new Promise(resolve => socket.once('close', resolve))
  clearTimeout(patience)
  return heard
}

t.test('I25: nats-server with TLS, a client → in with the authority and the token; else refused, whatever it lacks', async t => {
  const good = await authorityFor(t, ['127.0.0.1', 'elsewhere.example'])
  const other = await authorityFor(t, ['127.0.0.1'])
  const server = await natsServerFor(t, { tls: good.files('127.0.0.1'), application, routeSecret: 'between-the-hosts' })
  t.match(server.url, /^tls:\/\/127\.0\.0\.1:/)
  t.equal(server.ports.monitor, 0, 'no monitor that asks for nothing')
  await (await attempt(server.url, { ca: good.ca })).close()
  await t.rejects(attempt(server.url, undefined), /certificate|issuer|self/i, 'an authority that Node does not know')
  await t.rejects(attempt(server.url, { ca: other.ca }), /certificate|signature|issuer|self/i, 'another authority')
  await t.rejects(
    attempt(server.url, { ca: good.ca }, { ...application, password: 'a-token-for-applicationz' }),
    /authorization/i
  )
  await t.rejects(attempt(server.url, { ca: good.ca }, { user: 'internal', password: application.password }), /authorization/i)
  await t.rejects(connect({ servers: server.url, reconnect: false, ...natsTls({ ca: good.ca }, server.url) }), /authorization/i)

  const plain = createConnection(server.ports.client, '127.0.0.1')
  const heard = await heardFrom(plain, `CONNECT {"user":"app","pass":"${application.password}","verbose":true}\r\nPING\r\n`)
  t.match(heard, /"tls_required":true/, 'the greeting says that TLS is needed')
  t.notMatch(heard, /\+OK|PONG/, 'and nothing is done without it')
  const route = await heardFrom(createConnection(server.ports.route, '127.0.0.1'), 'CONNECT {"verbose":true}\r\nPING\r\n')
  t.notMatch(route, /\+OK|PONG/)
})

t.test('I25: a certificate of the right authority, for another host → refused; connected by any of its names → in', async t => {
  const authority = await authorityFor(t, ['elsewhere.example'])
  // This one would be for 127.0.0.1 as well: every certificate of `makeCertificates` is.
  const server = await natsServerFor(t, { tls: authority.files('elsewhere.example'), application })
  await (await attempt(server.url, { ca: authority.ca })).close()
  const url = server.url.replace('127.0.0.1', '127.0.0.2')
  const far = await natsServerFor(t, { tls: authority.files('elsewhere.example'), application, bindHost: '127.0.0.2' })
  t.equal(new URL(far.url).hostname, new URL(url).hostname)
  await t.rejects(attempt(far.url, { ca: authority.ca }), /127\.0\.0\.2|altnames/i)
  await (await attempt(far.url, { ca: authority.ca, names: ['elsewhere.example'] })).close()
})

t.test('a server that offers no TLS, or takes it back → the client sends it no credentials', async t => {
  const seen: string[] = []
  const greeting = { server_id: 'x', version: '2.9.10', proto: 1, headers: true, max_payload: 1_048_576 }
  const impostor = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => void seen.push(data.toString('latin1')))
    socket.write(`INFO ${JSON.stringify(greeting)}\r\n`)
  })
  impostor.listen(0, '127.0.0.1')
  await once(impostor, 'listening')
  t.teardown(() => impostor.close())
  const { port } = impostor.address() as { port: number }
  await t.rejects(attempt(`tls://127.0.0.1:${port}`, {}), /does not support 'tls'/)
  t.notMatch(seen.join(''), /a-token/)
})

t.test('nats-server that asks clients for certificates → none without one of the authority', async t => {
  const good = await authorityFor(t, ['127.0.0.1'])
  const other = await authorityFor(t, ['127.0.0.1'])
  const server = await natsServerFor(t, { tls: good.files('127.0.0.1', true), application })
  await (await attempt(server.url, good.material('127.0.0.1'))).close()
  await t.rejects(attempt(server.url, { ca: good.ca }))
  await t.rejects(attempt(server.url, { ...other.material('127.0.0.1'), ca: good.ca }))
})

t.test('I25: routes → only between servers with a certificate of the authority and the secret', async t => {
  const good = await authorityFor(t, ['127.0.0.1'])
  const other = await authorityFor(t, ['127.0.0.1'])
  const tls = good.files('127.0.0.1')
  const first = await natsServerFor(t, { name: 'a', tls, routeSecret: 'right', advertise: '127.0.0.1' })
  const routes = [`127.0.0.1:${first.ports.route}`]
  const lines = new Map<string, string[]>()
  const start = (name: string, more: Partial<Parameters<typeof natsServerFor>[1]>): Promise<NatsServer> => {
    const own: string[] = []
    lines.set(name, own)
    return natsServerFor(t, { name, routes, routeSecret: 'right', onLog: line => own.push(line), ...more })
  }
  await start('stranger', { tls: other.files('127.0.0.1') })
  await start('plain', {})
  await start('guess', { tls, routeSecret: 'wrong' })
  const friend = await start('friend', { tls })
  const said = (name: string, what: RegExp): boolean => lines.get(name)?.some(line => what.test(line)) === true
  await until(
    'each is told why',
    () => said('stranger', /TLS.*(handshake|certificate)/i) && said('guess', /Authorization Violation/),
    20_000
  )
  await until('the plain one is refused', () => said('plain', /rid:.*(closed|error|TLS)/i), 20_000)
  let routesOfFriend: readonly string[] = []
  for (const end = performance.now() + 20_000; performance.now() < end && routesOfFriend.length === 0; ) {
    routesOfFriend = (await monitored<Routez>(friend, 'routez')).routes.map(each => each.remote_id)
  }
  t.same(routesOfFriend, [(await monitored<Varz>(first, 'varz')).server_id])
  const { routes: ofFirst } = await monitored<Routez>(first, 'routez')
  const idOfFriend = (await monitored<Varz>(friend, 'varz')).server_id
  t.same(
    ofFirst.map(each => each.remote_id),
    [idOfFriend],
    'and the first has a route to its friend alone'
  )
  const text = [...lines.values()].flat().join('\n')
  t.notMatch(text, /right|wrong(?! )/, 'no secret is logged')

  const uncertified = connectByTls({ port: first.ports.route, host: '127.0.0.1', ca: good.ca, rejectUnauthorized: false })
  uncertified.on('error', () => {})
  const heard = await heardFrom(uncertified, 'CONNECT {"user":"route","pass":"right","verbose":true}\r\nPING\r\n')
  t.notMatch(heard, /\+OK|PONG/, 'the secret without a certificate is not enough')
})
