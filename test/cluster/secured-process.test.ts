// test: seconds 120
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { CarillonProcess, hasProc, processesWith } from './carillon-process.ts'
import { freeBasePort, temporaryDirectory, until } from './cluster-rig.ts'
import { askTls, securedFiles } from './secured-rig.ts'

/** An address at which other machines reach this one, where it has any. */
const outside = Object.values(networkInterfaces())
  .flat()
  .find(each => each !== undefined && !each.internal && each.family === 'IPv4')?.address

t.test(
  'R8: a host on every address, advertised by one → commands reach it there with files alone; its secrets show nowhere',
  async t => {
    const address = outside ?? '127.0.0.2'
    const secured = await securedFiles(t, [address])
    const { directory, token, clusterSecret, ca } = secured
    const base = await freeBasePort()
    const data = join(temporaryDirectory(t), 'data')
    const file = (name: string): string => join(directory, name)
    const flags = [
      ...[
        '--name',
        'open',
        '--data',
        data,
        '--bind',
        '0.0.0.0',
        '--advertise',
        address,
        '--threads',
        '1',
        '--log-level',
        'debug'
      ],
      ...['--http-port', `${base + 1}`, '--nats-port', `${base + 351}`, '--route-port', `${base + 551}`],
      ...['--monitor-port', `${base + 751}`, '--tls-ca', file('ca.pem')],
      ...['--tls-cert', file(`${address}.pem`), '--tls-key', file(`${address}-key.pem`)]
    ]
    const environment = { CARILLON_TOKEN_FILE: file('token') }
    const refused = new CarillonProcess(t, ['host', ...flags], environment)
    t.equal((await refused.ended).status, 1)
    t.match(refused.err, /without a secret between the hosts \(`carillon token > FILE`, and set clusterSecretFile\)/)

    // One secret by flag, to see that it is hidden there, too.
    const host = new CarillonProcess(t, ['host', ...flags, '--cluster-secret', clusterSecret], environment)
    await host.says(/the host runs/)
    const http = `https://${address}:${base + 1}`
    await until('it is ready', async () => (await askTls(`${http}/healthz?ready`, { ca })).status === 200, 40_000)

    const files = { ...environment, CARILLON_TLS_CA: file('ca.pem'), CARILLON_SERVERS: `tls://${address}:${base + 351}` }
    const patience = ['--connect-timeout', '30000']
    const put = new CarillonProcess(t, ['put', 'k', 'v', '--timeout', '30000', ...patience], files)
    t.same(await put.ended, { status: 0, signal: null }, put.err)
    const flagged = ['--servers', files.CARILLON_SERVERS, '--tls-ca', file('ca.pem'), '--token-file', file('token')]
    const get = new CarillonProcess(t, ['get', 'k', '--timeout', '30000', ...patience, ...flagged])
    t.same(await get.ended, { status: 0, signal: null }, get.err)
    t.equal(get.out.trim(), 'v')
    const stranger = new CarillonProcess(t, ['get', 'k', '--servers', files.CARILLON_SERVERS, ...patience])
    t.equal((await stranger.ended).status, 1)
    t.match(stranger.err, /tls\.ca/)
    const printed = new CarillonProcess(t, ['config', 'print', ...flags, '--cluster-secret', clusterSecret, '--json'], {
      CARILLON_TOKEN: token
    })
    await printed.ended
    t.match(printed.out, /"\*\*\*\*\*\*\*\*"/)
    const checked = new CarillonProcess(t, ['config', 'check', ...flags, '--cluster-secret', clusterSecret], {
      CARILLON_TOKEN_FILE: file('ca.pem')
    })
    t.equal((await checked.ended).status, 1)
    t.match(checked.err, /tokenFile names .*ca\.pem, and what is in it cannot be used/)

    const texts = [host, put, get, stranger, printed, checked, refused].flatMap(each => [each.out, each.err])
    if (hasProc) {
      const processes = processesWith(data)
      t.ok(processes.length >= 2, 'the host and its nats-server')
      texts.push(...processes.map(each => each.command))
      t.match(texts.join('\n'), /--cluster-secret \*{8}/)
    }
    const folder = join(data, 'nats')
    t.equal(statSync(folder).mode & 0o777, 0o700)
    for (const name of readdirSync(folder).filter(each => each.endsWith('.conf')))
      t.equal(statSync(join(folder, name)).mode & 0o777, 0o600)
    t.notMatch(
      readFileSync(join(folder, 'nats-server.conf'), 'utf8'),
      clusterSecret,
      'what it derives from the secret tells nothing of it'
    )
    const said = texts.join('\n')
    t.notOk(said.includes(token), 'no token in logs, titles and command lines')
    t.notOk(said.includes(clusterSecret), 'nor the secret')
    const derived = /password: "([^"]+)", timeout/.exec(readFileSync(join(folder, 'nats-server.conf'), 'utf8'))?.[1] ?? ''
    t.ok(derived.length > 40 && !said.includes(derived), 'nor what servers show each other')
    t.same(await host.signal('SIGTERM'), { status: 0, signal: null })
  }
)
