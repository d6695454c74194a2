import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { ConfigurationError } from '../../deploy/configuration-error.ts'
import { readConfigurationFile } from '../../deploy/configuration-file.ts'
import { configurationDocument, masked, printedSettings } from '../../deploy/configuration-print.ts'
import { settings, type HostSettings } from '../../deploy/configuration-schema.ts'
import { nearestName } from '../../deploy/configuration-spelling.ts'
import { isLoopback } from '../../deploy/configuration-security.ts'
import { readConfiguration, type ConfigurationSources } from '../../deploy/configuration.ts'

const read = (from: Partial<ConfigurationSources> = {}) =>
  readConfiguration({ hostname: 'machine', workingDirectory: '/work', ...from })
const file = (text: string) => ({ path: 'carillon.yaml', text })

function problemsOf(from: Partial<ConfigurationSources>): string[] {
  try {
    read(from)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems.map(problem => problem.text)
    throw error
  }
  return []
}

t.test('nothing given → the defaults of the single host, all there, frozen', async t => {
  const { settings: host, sources } = read()
  t.match(host, {
    name: 'machine',
    cluster: 'carillon',
    data: '/work/data/machine',
    bind: '127.0.0.1',
    httpPort: 7070,
    natsPort: 7420,
    routePort: 7620,
    monitorPort: 7820
  })
  t.match(host, {
    partitions: 256,
    replicas: 3,
    readQuorum: 0,
    writeQuorum: 0,
    durability: 'flushed',
    pairBytesMax: 10_240,
    token: ''
  })
  t.strictSame(Object.keys(host).toSorted(), settings.map(setting => setting.name).toSorted())
  t.notOk(Object.values(host).some(value => value === undefined))
  t.ok(Object.isFrozen(host) && Object.isFrozen(host.join) && Object.isFrozen(host.busServers))
  t.strictSame([...new Set(Object.values(sources))], ['default'])
})

t.test('a value in every place → flag before environment before file before default, and each source is known', async t => {
  const from = {
    file: file('name: f\nzone: file-zone\ndc: file-dc\nhttp: {port: 1001}\nnats.port: 1002\n'),
    environment: { CARILLON_NAME: 'e', CARILLON_ZONE: 'environment-zone', PATH: '/bin' },
    flags: { name: 'flag' }
  }
  const { settings: host, sources } = read(from)
  t.match(host, {
    name: 'flag',
    zone: 'environment-zone',
    dc: 'file-dc',
    httpPort: 1001,
    natsPort: 1002,
    routePort: 7620,
    data: '/work/data/flag'
  })
  t.match(sources, {
    name: '--name',
    zone: 'CARILLON_ZONE',
    dc: 'carillon.yaml',
    httpPort: 'carillon.yaml',
    routePort: 'default'
  })
  const given = read({ ...from, given: { name: 'given', data: 'somewhere', zone: undefined } })
  t.match(given.settings, { name: 'given', zone: 'environment-zone', data: '/work/somewhere' })
  t.equal(given.sources.name, 'given')
})

t.test('lists, numbers and both spellings of a seed → their types', async t => {
  const { settings: host } = read({
    environment: {
      CARILLON_JOIN: '127.0.0.1:7621, nats-route://[::1]:7622,',
      CARILLON_WEIGHT: '1.5',
      CARILLON_BUS_SERVERS: 'nats://a:1,nats://b:2'
    },
    flags: { threads: '2' }
  })
  t.strictSame(host.join, ['127.0.0.1:7621', '[::1]:7622'])
  t.strictSame(host.busServers, ['nats://a:1', 'nats://b:2'])
  t.strictSame([host.weight, host.threads], [1.5, 2])
})

t.test('bad values from each place → all of them, each with key, value, source and what is allowed', async t => {
  const problems = problemsOf({
    file: file('http:\n  port: seventy\nreplicas: 17\nlog: {level: loud}\njoin: here\ntoken: short\nzone:\n'),
    environment: { CARILLON_WEIGHT: '0', CARILLON_NAME: 'client' },
    flags: { natsPort: '70000', threads: '1.5', requestTimeoutMs: '' }
  })
  t.strictSame(problems, [
    'CARILLON_NAME is "client": allowed is 1 to 64 of A-Z a-z 0-9 _ -, and neither "client" nor "all".',
    'http.port is "seventy" (carillon.yaml): allowed is a port from 1 to 65535, or 0 for any that is free.',
    '--nats-port is 70000: allowed is a port from 1 to 65535, or 0 for any that is free.',
    'join is "here" (carillon.yaml): allowed is a list of at most 64 of HOST:ROUTEPORT.',
    'zone is null (carillon.yaml): allowed is 1 to 64 of A-Z a-z 0-9 _ . -.',
    'CARILLON_WEIGHT is 0: allowed is a number from 0.01 to 1000.',
    '--threads is 1.5: allowed is a whole number from 0 to 64.',
    'replicas is 17 (carillon.yaml): allowed is a whole number from 1 to 16.',
    '--request-timeout-ms is "": allowed is a whole number from 1 to 60000.',
    'token is not one that can be used (carillon.yaml): allowed is 8 to 512 printable ASCII characters without spaces.',
    'log.level is "loud" (carillon.yaml): allowed is debug, info, warn, error, silent.'
  ])
})

t.test('values that are only wrong together → refused', async t => {
  t.match(problemsOf({ flags: { partitions: '100' } }), [/--partitions is 100: allowed is a power of two from 8 to 65536/])
  t.match(problemsOf({ flags: { replicas: '2', readQuorum: '3' } }), [
    /--read-quorum is 3: allowed is a whole number from 1 to `replicas` \(2\)/
  ])
  t.match(problemsOf({ flags: { natsPort: '7070' } }), [
    /--nats-port is 7070: allowed is a port of its own: http.port has this one/
  ])
  t.match(problemsOf({ flags: { join: 'h:70000' } }), [/--join is "h:70000"/])
  t.strictSame(
    problemsOf({ flags: { httpPort: '0', natsPort: '0', routePort: '0', monitorPort: '0' } }),
    [],
    'any free ports are no clash'
  )
})

t.test('unknown keys in the file, the environment or a program → refused with the nearest known one', async t => {
  t.strictSame(problemsOf({ file: file('htpp: {port: 1}\nread_quorum: 1\nsomething: 2\n') }), [
    'htpp.port is no setting (carillon.yaml): did you mean http.port?',
    'read_quorum is no setting (carillon.yaml): did you mean readQuorum?',
    'something is no setting (carillon.yaml): docs/configuration.md lists them all.'
  ])
  t.strictSame(problemsOf({ environment: { CARILLON_HTPT_PORT: '1' } }), [
    'CARILLON_HTPT_PORT is no setting (environment): did you mean CARILLON_HTTP_PORT?'
  ])
  t.strictSame(problemsOf({ given: { nmae: 'a' } as never }), ['nmae is no setting (given): did you mean name?'])
})

t.test('variables of a Kubernetes service named carillon → ignored, and told', async t => {
  const environment = {
    CARILLON_SERVICE_HOST: '10.0.0.1',
    CARILLON_PORT_7070_TCP_ADDR: '10.0.0.1',
    CARILLON_DEV_TOKEN: 'x',
    CARILLON_CONFIG: ''
  }
  t.strictSame(read({ environment }).ignoredVariables, ['CARILLON_SERVICE_HOST', 'CARILLON_PORT_7070_TCP_ADDR'])
})

const closed = {
  tlsCa: 'ca.pem',
  tlsCert: 'a.pem',
  tlsKey: 'a-key.pem',
  tokenFile: 'token',
  clusterSecretFile: 'secret',
  advertise: '10.0.0.1'
}

t.test(
  'a bind beyond loopback → refused with what is missing and how to get it; with all of it taken; loopback always taken',
  async t => {
    for (const bind of ['0.0.0.0', '::', '10.0.0.1', 'example.org', '128.0.0.1']) {
      const [problem = ''] = problemsOf({ flags: { bind } })
      t.match(problem, /beyond loopback every port needs TLS and credentials/, bind)
      t.match(
        problem,
        /carillon certificates DIR.*carillon token > FILE.*set tokenFile.*set clusterSecretFile.*Or bind 127\.0\.0\.1/
      )
      t.strictSame(problemsOf({ flags: { bind, ...closed } }), [], bind)
    }
    const without = (...names: (keyof typeof closed)[]): string[] =>
      problemsOf({
        flags: {
          bind: '0.0.0.0',
          ...Object.fromEntries(Object.entries(closed).filter(([name]) => !names.includes(name as never)))
        }
      })
    t.match(without('tlsCa', 'tlsCert', 'tlsKey'), [/without TLS \([^;]*\)\. Or/])
    t.match(without('tokenFile'), [/without a token \([^;]*\)\. Or/])
    t.match(without('clusterSecretFile'), [/without a secret between the hosts \([^;]*\)\. Or/])
    t.match(without('advertise'), [/without the address that others reach this host by/])
    t.match(problemsOf({ flags: { bind: '0.0.0.0', ...closed, advertise: '127.0.0.1' } }), [/set advertise/])
    t.match(problemsOf({ flags: { ...closed, advertise: '0.0.0.0' } }), [/--advertise is "0\.0\.0\.0"/])
    for (const bind of ['127.0.0.1', '127.1.2.3', '::1', 'localhost']) {
      t.ok(isLoopback(bind))
      t.strictSame(problemsOf({ flags: { bind } }), [], bind)
    }
  }
)

t.test('parts of TLS and credentials that do not go together → refused', async t => {
  t.match(problemsOf({ flags: { tlsCert: 'a.pem' } }), [/belong together: set tls\.ca and tls\.key, too/])
  t.match(problemsOf({ flags: { tlsClients: 'certificate' } }), [/there is no TLS/])
  t.match(problemsOf({ flags: { tokenFile: 'x' }, environment: { CARILLON_TOKEN: 'long-enough' } }), [
    /token \(CARILLON_TOKEN\) and tokenFile \(--token-file\) are both set/
  ])
  t.match(problemsOf({ environment: { CARILLON_CLUSTER_SECRET: 'too-short' } }), [
    /CARILLON_CLUSTER_SECRET is not one that can be used/
  ])
  const { settings: host } = read({ file: file('tls: {ca: ca.pem, cert: a.pem, key: /k/a-key.pem}\n') })
  t.match(host, { tlsCa: '/work/ca.pem', tlsCert: '/work/a.pem', tlsKey: '/k/a-key.pem', tlsClients: 'token' })
  t.strictSame(read({ flags: { join: 'tls://h:1,nats-route://i:2' } }).settings.join, ['h:1', 'i:2'])
})

t.test('a token, good or bad → masked wherever it could be shown', async t => {
  const printed = printedSettings(read({ environment: { CARILLON_TOKEN: 'a-secret-token' } }))
  t.strictSame(
    printed.find(({ key }) => key === 'token'),
    { key: 'token', value: masked, source: 'CARILLON_TOKEN' }
  )
  t.notMatch(JSON.stringify(printed), /a-secret/)
  t.equal(printedSettings(read()).find(({ key }) => key === 'token')?.value, '', 'that there is none is no secret')
  t.notMatch(problemsOf({ environment: { CARILLON_TOKEN: 'a secret token' } }).join(), /a secret/)
  const secret = printedSettings(read({ environment: { CARILLON_CLUSTER_SECRET: 'a-secret-between-hosts' } }))
  t.equal(secret.find(({ key }) => key === 'clusterSecret')?.value, masked)
  t.notMatch(JSON.stringify(secret), /a-secret/)
})

t.test('a file that is no map of settings → refused by its name', async t => {
  t.match(problemsOf({ file: file('- a\n- b\n') }), [/^carillon\.yaml has to be a map of settings/])
  t.match(problemsOf({ file: file('name: [a\n') }), [/^carillon\.yaml is no YAML: .* at line /])
  t.match(problemsOf({ file: file('name: a\nname: b\n') }), [/^carillon\.yaml is no YAML: Map keys must be unique/])
  t.strictSame(problemsOf({ file: file('# nothing\n') }), [])
  const folder = mkdtempSync(join(tmpdir(), 'carillon-configuration-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  t.throws(() => readConfigurationFile(join(folder, 'absent.yaml')), /absent\.yaml cannot be read: ENOENT/)
  writeFileSync(join(folder, 'large.yaml'), `# ${'x'.repeat(300_000)}\n`)
  t.throws(() => readConfigurationFile(join(folder, 'large.yaml')), /large\.yaml has 300003 bytes, the limit is 262144/)
})

t.test('any text for any setting → settings that keep every bound, or a ConfigurationError', async () => {
  const names = settings.map(setting => setting.name)
  const value = fc.oneof(
    fc.string(),
    fc.integer().map(String),
    fc.constantFrom('', '0', '-1', '1e3', '127.0.0.1', '[::1]:1', 'true', '__proto__')
  )
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 }), flags => {
      let host: HostSettings
      try {
        host = read({ flags }).settings
      } catch (error) {
        assert.ok(error instanceof ConfigurationError)
        return
      }
      assert.ok(
        (isLoopback(host.bind) || (host.tlsCert !== '' && host.token + host.tokenFile !== '')) &&
          host.replicas >= 1 &&
          host.readQuorum <= host.replicas &&
          host.httpPort >= 0 &&
          host.httpPort <= 65_535
      )
    })
  )
})

t.test('spelling: one slip in any setting name → that name; far from all → none', async () => {
  const keys = settings.map(setting => setting.key)
  fc.assert(
    fc.property(fc.constantFrom(...keys.filter(key => key.length > 5)), fc.nat(), (key, place) => {
      const at = place % key.length
      assert.ok(nearestName(key.slice(0, at) + key.slice(at + 1), keys) !== undefined)
      assert.equal(nearestName(key.toUpperCase().replaceAll('.', '_'), keys), key)
    })
  )
  assert.equal(nearestName('quite-something-else', keys), undefined)
  assert.equal(nearestName('', keys), undefined)
})

t.test('docs/configuration.md → what the schema says now', async t => {
  t.equal(
    readFileSync('docs/configuration.md', 'utf8'),
    configurationDocument(),
    'node build/deploy/configuration-document.js writes it'
  )
})
