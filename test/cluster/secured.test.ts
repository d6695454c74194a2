// test: seconds 180
import { createConnection, createServer } from 'node:net'
import { connect as connectNats } from 'nats'
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import type { Host, HostOptions } from '../../deploy/host.ts'
import { natsTls } from '../../bus/nats-tls.ts'
import { temporaryDirectory, until } from './cluster-rig.ts'
import { askTls, securedFiles, startHosts } from './secured-rig.ts'

interface Cluster {
  readonly hosts: readonly { readonly name: string; readonly state: string; readonly http: string; readonly nats: string }[]
}

/** Other work on this machine must not decide. */
const timeoutMs = 30_000

t.test(
  'R8: three hosts on addresses of their own with TLS and credentials → one cluster, reached by TLS at every host',
  async t => {
    const addresses = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
    const secured = await securedFiles(t, addresses)
    const { ca, token } = secured
    const hosts = await startHosts(
      t,
      addresses.map(bind => ({ bind, ...secured.optionsOf(bind) }))
    )
    const viewOf = async (http: string): Promise<Cluster> =>
      JSON.parse((await askTls(`${http}/api/v1/cluster`, { ca, token })).body) as Cluster
    for (const host of hosts) {
      await until(
        `${host.name} sees all`,
        async () => {
          const { hosts: seen } = await viewOf(host.http)
          return seen.length === 3 && seen.every(each => each.state === 'up')
        },
        60_000
      )
      await until(
        `${host.name} says without credentials that it is ready`,
        async () => (await askTls(`${host.http}/healthz?ready`, { ca })).status === 200,
        60_000
      )
    }
    const { hosts: seen } = await viewOf(hosts[0]!.http)
    t.same(seen.map(each => each.nats).toSorted(), hosts.map(each => each.nats).toSorted())
    t.ok(seen.every(({ http, nats }) => http.startsWith('https://127.0.0.') && nats.startsWith('tls://127.0.0.')))

    const store = await connect({
      servers: hosts.map(host => host.nats),
      token,
      tls: { ca },
      timeoutMs,
      connectTimeoutMs: timeoutMs
    })
    t.teardown(() => store.close())
    const bucket = store.bucket<number>('secured')
    for (let turn = 0; turn < 100; turn += 10)
      await Promise.all(Array.from({ length: 10 }, (_, index) => bucket.put(`k${turn + index}`, turn + index, { w: 3 })))
    t.equal((await bucket.get('k42', { r: 3 }))?.value, 42)
    for (const host of hosts) {
      const { status, body } = await askTls(`${host.http}/api/v1/store/k7?bucket=secured&r=3&timeout=${timeoutMs}`, { ca, token })
      t.match([status, JSON.parse(body)], [200, { value: 7 }], host.name)
    }
    await until(
      'hosts publish straight to each other’s servers, by TLS',
      async () => {
        await Promise.all(Array.from({ length: 10 }, (_, index) => bucket.put(`near-${index}`, index, { w: 3 })))
        const pages = await Promise.all(hosts.map(host => askTls(`${host.http}/metrics`, { ca, token })))
        return pages.every(({ body }) => /^carillon_bus_near_links\S* [1-9]/m.test(body))
      },
      60_000
    )
  }
)

t.test(
  'R8: a founder started again with seeds that name itself, too → the same cluster; without its data it founds no second one',
  async t => {
    const addresses = ['127.0.0.2', '127.0.0.3']
    const secured = await securedFiles(t, addresses)
    const { ca, token } = secured
    const ports = await Promise.all(addresses.map(address => freePort(address)))
    const seeds = addresses.map((address, index) => `tls://${address}:${ports[index]}`)
    const data = temporaryDirectory(t)
    const optionsOf = (index: number, from: readonly string[]): HostOptions => {
      const bind = addresses[index]!
      return { bind, data: `${data}/h${index + 1}`, routePort: ports[index]!, seeds: from, ...secured.optionsOf(bind) }
    }
    const sees = async (host: Host | undefined): Promise<number> => {
      const { hosts } = JSON.parse((await askTls(`${host?.http}/api/v1/cluster`, { ca, token })).body) as Cluster
      return hosts.filter(each => each.state === 'up').length
    }
    const [founder, second] = await startHosts(t, [optionsOf(0, []), optionsOf(1, seeds)])
    await until('both are there', async () => (await sees(second)) === 2, 60_000)
    await founder!.stop()
    const [again] = await startHosts(t, [optionsOf(0, seeds)])
    await until('it is back', async () => (await sees(again)) === 2, 60_000)
    await again!.stop()
    await second!.stop()
    const [wiped] = await startHosts(t, [{ ...optionsOf(0, seeds), data: `${data}/wiped` }])
    const { status } = await askTls(`${wiped!.http}/healthz?ready`, { ca })
    t.equal(status, 503, 'alone, without data and with seeds it waits for those that know the cluster')
  }
)

t.test('I25: a host with TLS and a token → no port of it answers a stranger anything but that it lives', async t => {
  const secured = await securedFiles(t, ['127.0.0.2'])
  const strangers = await securedFiles(t, ['127.0.0.2'])
  const { ca, token } = secured
  const monitorPort = await freePort()
  const [host] = await startHosts(t, [{ bind: '127.0.0.2', ...secured.optionsOf('127.0.0.2'), monitorPort }])
  if (host === undefined) throw new Error('no host')
  t.equal((await askTls(`${host.http}/healthz`, { ca })).status, 200)
  t.same(Object.keys(JSON.parse((await askTls(`${host.http}/healthz?ready`, { ca })).body)), ['status'], 'not what is missing')
  for (const path of ['/', '/readyz', '/metrics', '/docs/', '/openapi.json', '/console', '/api/v1/cluster', '/api/v1/store/k']) {
    for (const method of ['GET', 'PUT', 'POST', 'DELETE']) {
      t.equal((await askTls(host.http + path, { ca, method })).status, 401, `${method} ${path}`)
      t.equal((await askTls(host.http + path, { ca, method, token: strangers.token })).status, 401, `${method} ${path}, a guess`)
    }
  }
  await t.rejects(askTls(`${host.http}/healthz`, { ca: strangers.ca }), 'another authority')
  await t.rejects(fetch(host.http.replace('https', 'http') + '/healthz'), 'no TLS')

  const login = { servers: host.nats, reconnect: false, ...natsTls({ ca }, host.nats) }
  await t.rejects(connectNats(login), /authorization/i)
  await t.rejects(connectNats({ ...login, user: 'app', pass: strangers.token }), /authorization/i)
  for (const user of ['internal', 'door', 'system', 'route'])
    await t.rejects(connectNats({ ...login, user, pass: token }), /authorization/i, `the token is not ${user}’s password`)
  await (await connectNats({ ...login, user: 'app', pass: token })).close()

  const monitor = `http://127.0.0.1:${monitorPort}`
  t.same(await (await fetch(`${monitor}/healthz`)).json(), { status: 'alive' })
  for (const page of ['', 'varz', 'connz', 'routez', 'subsz', 'accountz', 'jsz', 'debug/vars', 'nothing']) {
    const answer = await fetch(`${monitor}/${page}`)
    t.equal(answer.status, 401, `the monitor, /${page}`)
    t.notMatch(await answer.text(), /server_id|version/)
  }
  const headers = { authorization: `Bearer ${token}` }
  for (const page of ['varz', 'connz', 'routez', 'subsz']) {
    const answer = await fetch(`${monitor}/${page}`, { headers })
    t.equal(answer.status, 200, `the monitor with the token, /${page}`)
    t.type(await answer.json(), 'object')
  }
  t.match(await (await fetch(`${monitor}/varz`, { headers })).json(), { server_name: 'h1' })
  t.equal((await fetch(`${monitor}/jsz`, { headers })).status, 404)

  const route = new URL(`tcp://${host.route}`)
  const heard = await new Promise<string>(resolve => {
    let text = ''
    const socket = createConnection(Number(route.port), route.hostname, () =>
      socket.write('CONNECT {"verbose":true}\r\nPING\r\n')
    )
    socket.on('data', data => void (text += data.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
  t.notMatch(heard, /\+OK|PONG/, 'the route port')
})

t.test('R8: a host that asks clients for certificates → HTTP and NATS let nobody in without one', async t => {
  const secured = await securedFiles(t, ['127.0.0.2', 'client.example'])
  const { ca, token } = secured
  const [host] = await startHosts(t, [{ bind: '127.0.0.2', ...secured.optionsOf('127.0.0.2'), tlsClients: 'certificate' }])
  const { cert, key } = secured.certificateOf('client.example')
  await t.rejects(askTls(`${host!.http}/healthz`, { ca }))
  t.equal((await askTls(`${host!.http}/healthz`, { ca, cert, key })).status, 200)
  t.equal((await askTls(`${host!.http}/readyz`, { ca, cert, key })).status, 401, 'the token is asked for all the same')
  const options = { servers: host!.nats, token, connectTimeoutMs: timeoutMs, timeoutMs }
  await t.rejects(connect({ ...options, tls: { ca } }), { code: 'unavailable' })
  const store = await connect({ ...options, tls: { ca, cert, key } })
  await store.bucket('b').put('k', 1)
  await store.close()
})

async function freePort(address = '127.0.0.1'): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, address, resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
