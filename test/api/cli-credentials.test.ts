import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { tlsOf, tokenOf } from '../../api/cli/credentials.ts'
import { clientSettings } from '../../api/client/client-options.ts'
import { concealedTitle } from '../../deploy/process-title.ts'
import { run, TestTerminal } from './cli-test-terminal.ts'

const empty = { servers: '', token: '', cluster: '' }
const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

t.test('credentials of a command → a flag before a variable, a token before a file; what cannot be read is named', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-credentials-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const [one, two, none] = [file('one', 'first-token\n'), file('two', 'second-token'), file('none', '\n')]
  const authority = file('ca.pem', pem)
  t.equal(tokenOf({}, empty), '')
  t.equal(tokenOf({ tokenFile: one }, { ...empty, token: 'x', tokenFile: two }), 'first-token')
  t.equal(tokenOf({ token: 'given' }, { ...empty, tokenFile: two }), 'given')
  t.equal(tokenOf({}, { ...empty, token: 'x', tokenFile: two }), 'x')
  t.equal(tokenOf({}, { ...empty, tokenFile: two }), 'second-token')
  t.throws(() => tokenOf({ token: 'a', tokenFile: one }, empty), /give one of them/)
  t.throws(() => tokenOf({ tokenFile: none }, empty), /--token-file names .*none, which is empty/)
  t.throws(
    () => tokenOf({ tokenFile: join(folder, 'absent') }, empty),
    /--token-file names .*absent, which cannot be read: ENOENT/
  )
  t.equal(tlsOf({}, empty), undefined)
  t.match(tlsOf({ tlsCa: authority }, empty), { ca: pem })
  t.match(tlsOf({}, { ...empty, tlsCa: authority }), { ca: pem })
  t.match(tlsOf({ tlsCert: authority, tlsKey: authority }, empty), { cert: pem, key: pem })
  t.throws(() => tlsOf({ tlsCert: authority }, empty), /belong together/)
  t.throws(() => tlsOf({}, { ...empty, tlsCa: one }), /CARILLON_TLS_CA names .*one, which is no PEM file/)

  const terminal = new TestTerminal()
  await run(terminal, 'get', 'k', '--servers', 'tls://h:1', '--token-file', one, '--tls-ca', authority)
  t.match(terminal.connections[0], { servers: ['tls://h:1'], token: 'first-token', tls: { ca: pem } })
})

t.test(
  'options of `connect` for TLS → PEM texts, whole pairs; `tls://` alone is TLS with the authorities that Node trusts',
  async t => {
    t.match(clientSettings({ servers: 'tls://h:1', tls: { ca: pem } }).tls, { ca: pem })
    t.same(clientSettings({ servers: 'tls://h:1' }).tls, {})
    t.equal(clientSettings({ servers: 'nats://h:1' }).tls, undefined)
    t.throws(
      () => clientSettings({ servers: 'nats://h:1', tls: { ca: '/etc/ca.pem' } }),
      /tls\.ca has to be a PEM text.*not a path/
    )
    t.throws(() => clientSettings({ servers: 'nats://h:1', tls: { cert: pem } }), /belong together/)
    t.throws(() => clientSettings({ servers: 'nats://h:1', tls: { caFile: 'x' } as never }), /tls\.caFile is unknown/)
  }
)

t.test('carillon token → 256 bits, another one each time', async t => {
  const [one, two] = [new TestTerminal(), new TestTerminal()]
  t.equal(await run(one, 'token'), 0)
  await run(two, 'token')
  t.match(one.out, /^[A-Za-z0-9_-]{43}\n$/)
  t.not(one.out, two.out)
})

t.test('carillon certificates → files by name; names that are none are refused', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-credentials-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const terminal = new TestTerminal()
  const status = await run(
    terminal,
    'certificates',
    folder,
    '--hosts',
    'a.example, 10.0.0.1',
    '--san',
    '*.example',
    '--days',
    '3'
  )
  t.equal(status, 0, terminal.err)
  const files = ['ca-key', 'ca', 'a.example-key', 'a.example', '10.0.0.1-key', '10.0.0.1']
  t.equal(terminal.out, files.map(name => `${join(folder, name)}.pem\n`).join(''))
  for (const hosts of ['', 'a b', '../x', 'a,\nsubjectAltName=DNS:evil', '-x', 'a/b'])
    t.equal(await run(new TestTerminal(), 'certificates', folder, `--hosts=${hosts}`), 2, hosts)
  t.equal(await run(new TestTerminal(), 'certificates', folder, '--hosts', 'ca'), 1)
})

t.test('a command line with secrets → a title without them', async t => {
  t.equal(concealedTitle(['get', 'k', '--token', 'abc']), 'carillon get k --token ********')
  t.equal(concealedTitle(['host', '--cluster-secret=abc', '--name', 'a']), 'carillon host --cluster-secret=******** --name a')
  t.equal(concealedTitle(['host', '--token-file', 'f']), undefined)
})
