// test: alone, seconds 150
import t from 'tap'
import { connect } from '../../api/client/client.ts'
import { portProblem } from '../../deploy/port-check.ts'
import { devHosts } from '../../deploy/dev.ts'
import { RawNatsClient } from '../api/raw-nats-client.ts'
import { CarillonProcess, hasProc, processesWith } from './carillon-process.ts'
import { freeBasePort, temporaryDirectory, until } from './cluster-rig.ts'
import { ask } from './door-rig.ts'

const offsets = [0, 350, 550, 750]

function portsFrom(basePort: number, hosts: number): number[] {
  return offsets.flatMap(offset => Array.from({ length: hosts }, (_, index) => basePort + offset + index + 1))
}

/** No process works for the directory, and all the ports are free. */
async function nothingIsLeft(data: string, ports: readonly number[]): Promise<string | undefined> {
  const [stray] = hasProc ? processesWith(data) : []
  if (stray !== undefined) return `${stray.pid} ${stray.command}`
  return portProblem(ports.map(port => ({ port, use: 'left' })))
}

t.test('carillon dev: started, stopped, killed and started again', async t => {
  const data = temporaryDirectory(t)
  const basePort = await freeBasePort()
  const [first, second, third] = devHosts({ hosts: 3, data, basePort })
  if (first === undefined || second === undefined || third === undefined) throw new Error('there are three')
  const ports = portsFrom(basePort, 3)
  const dev = (): CarillonProcess =>
    new CarillonProcess(t, ['dev', '--hosts', '3', '--data', data, '--base-port', String(basePort)])
  t.teardown(() => {
    for (const { pid } of hasProc ? processesWith(data) : []) process.kill(pid, 'SIGKILL')
  })
  const acknowledged = new Map<string, number>()
  const store = async (): Promise<void> => {
    const from = acknowledged.size
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const key = `k${from + index}`
        const answer = await ask([first, second, third][index % 3]!.httpPort, 'PUT', `/api/v1/store/${key}`, { value: index })
        if (answer.status === 201) acknowledged.set(key, index)
      })
    )
  }
  const lost = async (): Promise<string[]> => {
    const found = await Promise.all(
      [...acknowledged].map(async ([key, value]) => {
        const answer = await ask(second.httpPort, 'GET', `/api/v1/store/${key}`)
        return answer.json?.value === value ? undefined : `${key}: ${answer.text}`
      })
    )
    return found.filter(each => each !== undefined)
  }

  await t.test(
    'it prints where each host is and one line to try; SIGINT → exit 0, no process is left, the ports are free',
    async t => {
      const cluster = dev()
      await cluster.says(/Ctrl-C stops everything/)
      for (const host of [first, second, third]) {
        t.ok(cluster.out.includes(`http://127.0.0.1:${host.httpPort}/`), 'the API of each')
        t.ok(cluster.out.includes(`nats://127.0.0.1:${host.natsPort}`), 'and its NATS door')
      }
      t.match(cluster.out, new RegExp(`Try: +curl .*:${first.httpPort}/api/v1/store`))
      await store()
      t.equal(acknowledged.size, 200)
      t.same(await cluster.signal('SIGINT'), { status: 0, signal: null })
      t.equal(await nothingIsLeft(data, ports), undefined)
      t.equal(cluster.err, '')
    }
  )

  await t.test(
    'started again it has the data; a second one on its ports says so in one sentence and leaves it alone',
    async t => {
      const cluster = dev()
      await cluster.says(/Ctrl-C stops everything/)
      t.same(await lost(), [])
      await store()
      const other = new CarillonProcess(t, ['dev', '--data', temporaryDirectory(t), '--base-port', String(basePort)])
      t.same(await other.ended, { status: 1, signal: null })
      t.equal(other.out, '')
      t.match(
        other.err,
        new RegExp(`^carillon: [^\\n]*port ${first.httpPort} \\(HTTP of host-1\\) is taken[^\\n]*--base-port\\n$`)
      )
      t.same(await lost(), [])

      const tree = hasProc ? processesWith(data).map(({ pid }) => pid) : []
      for (const pid of [cluster.child.pid!, ...tree]) kill(pid)
      await cluster.ended
      await until('all of it is dead', async () => (await nothingIsLeft(data, ports)) === undefined)
    }
  )

  await t.test('I2: after SIGKILL of the whole tree → the third start has every acknowledged value', async t => {
    const cluster = dev()
    await cluster.says(/Ctrl-C stops everything/)
    t.equal(acknowledged.size, 400)
    t.same(await lost(), [])
    await store()
    cluster.child.kill('SIGKILL')
    await cluster.ended
    await until('hosts and nats-servers have followed', async () => (await nothingIsLeft(data, ports)) === undefined, 15_000)
  })

  await t.test(
    'after SIGKILL of `dev` alone the hosts end by themselves, and nothing is lost; SIGINT while it starts → exit 0',
    async t => {
      const hasty = dev()
      await until('the first host is being started', () => !hasProc || processesWith(data).length > 2)
      t.same(await hasty.signal('SIGINT'), { status: 0, signal: null })
      t.notMatch(hasty.out, /Carillon runs/)
      t.equal(await nothingIsLeft(data, ports), undefined)
      const cluster = dev()
      await cluster.says(/Ctrl-C stops everything/)
      t.equal(acknowledged.size, 600)
      t.same(await lost(), [])
      t.same(await cluster.signal('SIGTERM'), { status: 0, signal: null })
      t.equal(await nothingIsLeft(data, ports), undefined)
    }
  )
})

t.test('carillon host alone: how it ends, and what it refuses', async t => {
  const data = temporaryDirectory(t)
  const basePort = await freeBasePort()
  const ports = portsFrom(basePort, 1)
  const flags = (directory: string, base: number): string[] =>
    ['http', 'nats', 'route', 'monitor']
      .flatMap((what, index) => [`--${what}-port`, String(base + offsets[index]! + 1)])
      .concat('--data', directory)
  const words = ['host', '--name', 'alone', '--threads', '1', ...flags(data, basePort)]

  await t.test('SIGTERM → exit 0, and nothing is left', async t => {
    const host = new CarillonProcess(t, words)
    await host.says(/the host runs/)
    t.equal((await ask(basePort + 1, 'PUT', '/api/v1/store/k', { value: 'kept' })).status, 201)
    t.same(await host.signal('SIGTERM'), { status: 0, signal: null })
    t.equal(await nothingIsLeft(data, ports), undefined)
  })

  await t.test(
    'another host on its directory, or on its ports → one clear sentence, exit 1; the first one serves on',
    async t => {
      const host = new CarillonProcess(t, words)
      await host.says(/the host runs/)
      const elsewhere = await freeBasePort()
      const sameData = new CarillonProcess(t, ['host', '--name', 'alone', ...flags(data, elsewhere)])
      t.same(await sameData.ended, { status: 1, signal: null })
      t.match(
        sameData.err,
        /^carillon: host alone cannot start: [^\n]* is in use by process \d+: stop that host first, or give this one a directory of its own\n$/
      )

      for (const [index, use] of ['HTTP', 'NATS', 'NATS routes', 'NATS monitor'].entries()) {
        const mixed = flags(temporaryDirectory(t), elsewhere)
        mixed[index * 2 + 1] = flags(data, basePort)[index * 2 + 1]!
        const samePort = new CarillonProcess(t, ['host', '--name', 'other', ...mixed])
        t.same(await samePort.ended, { status: 1, signal: null })
        t.match(
          samePort.err,
          new RegExp(`^carillon: host other cannot start: port \\d+ \\(${use}, --[a-z]+-port\\) is taken by another program\\n$`)
        )
      }
      t.equal((await ask(basePort + 1, 'GET', '/api/v1/store/k')).json.value, 'kept')

      host.child.kill('SIGKILL')
      await host.ended
      await until('its nats-server is gone, too', async () => (await nothingIsLeft(data, ports)) === undefined, 10_000)
      t.equal(await nothingIsLeft(data, portsFrom(elsewhere, 1)), undefined)
    }
  )
})

t.test('CARILLON_DEV_TOKEN: set → nobody is served without it', async t => {
  const data = temporaryDirectory(t)
  const basePort = await freeBasePort()
  const words = ['dev', '--hosts', '1', '--data', data, '--base-port', String(basePort)]
  const [host] = devHosts({ hosts: 1, data, basePort })
  if (host === undefined) throw new Error('there is one')

  await t.test('too short, or with a space in it → refused by that name, and not shown', async t => {
    for (const token of ['short', 'with a space']) {
      const refused = new CarillonProcess(t, words, { CARILLON_DEV_TOKEN: token })
      t.same(await refused.ended, { status: 1, signal: null })
      t.match(refused.err, /^carillon: CARILLON_DEV_TOKEN [^\n]*8 to 512[^\n]*\n$/)
      t.notOk(refused.err.includes(token))
    }
  })

  await t.test('I25: without it 401 on every path but /healthz, and no NATS connection; with it served', async t => {
    const token = 'a-token-for-this-test'
    const cluster = new CarillonProcess(t, words, { CARILLON_DEV_TOKEN: token })
    await cluster.says(/Ctrl-C stops everything/)
    t.notOk(cluster.out.includes(token))
    const authorization = `Bearer ${token}`
    for (const path of [
      '/readyz',
      '/metrics',
      '/docs/',
      '/openapi.json',
      '/console',
      '/api/v1/cluster',
      '/api/v1/actors',
      '/api/v1/store/k',
      '/api/v1/events',
      '/nothing'
    ]) {
      t.match(await ask(host.httpPort, 'GET', path), { status: 401, json: { code: 'unauthorized', status: 401 } }, path)
    }
    t.equal((await ask(host.httpPort, 'GET', '/healthz')).status, 200)
    t.equal((await ask(host.httpPort, 'GET', '/readyz', undefined, { authorization: 'Bearer another-token' })).status, 401)
    t.equal((await ask(host.httpPort, 'PUT', '/api/v1/store/k', { value: 1 }, { authorization })).status, 201)
    t.equal((await ask(host.httpPort, 'GET', '/api/v1/store/k', undefined, { authorization })).json.value, 1)

    for (const credentials of [
      {},
      { auth_token: 'another-token' },
      { user: 'app', pass: 'another-token' },
      { user: 'internal', pass: token }
    ]) {
      await t.rejects(RawNatsClient.connect(host.natsPort, credentials), /Authorization Violation/i)
    }
    const servers = `nats://127.0.0.1:${host.natsPort}`
    await t.rejects(connect({ servers, connectTimeoutMs: 3_000 }), { code: 'unauthorized' })
    const store = await connect({ servers, token })
    t.equal((await store.bucket('default').get('k'))?.value, 1)
    await store.close()

    const without = new CarillonProcess(t, ['get', 'k', '--servers', servers])
    t.equal((await without.ended).status, 1)
    t.match(without.err, /unauthorized/)
    const withIt = new CarillonProcess(t, ['get', 'k', '--servers', servers, '--token', token])
    t.equal((await withIt.ended).status, 0)
    t.equal(withIt.out.trim(), '1')
    t.same(await cluster.signal('SIGINT'), { status: 0, signal: null })
  })
})

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It followed another one.
  }
}
