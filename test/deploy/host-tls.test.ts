import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeCertificates } from '../../deploy/certificates.ts'
import { readConfiguration } from '../../deploy/configuration.ts'
import type { HostSettings } from '../../deploy/configuration-schema.ts'
import { routeSecretOf, withSecrets } from '../../deploy/host-secrets.ts'
import { daysLeft, hostTlsOf } from '../../deploy/host-tls.ts'

const dayMs = 86_400_000

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function hostOf(given: Partial<HostSettings>): HostSettings {
  return readConfiguration({ hostname: 'a', workingDirectory: '/', given }).settings
}

t.test(
  'certificates of `makeCertificates` → good for the names that were ordered and for this machine, and for nothing else',
  async t => {
    const folder = folderOf(t)
    const order = { directory: folder, hosts: ['a.example', '10.0.0.1'], names: ['*.cluster.local'], days: 30 }
    const made = await makeCertificates(order)
    t.equal(made.length, 6)
    const file = (name: string): string => join(folder, name)
    const tls = { tlsCa: file('ca.pem'), tlsCert: file('a.example.pem'), tlsKey: file('a.example-key.pem') }
    const open = (given: Partial<HostSettings>, nowMs = Date.now() + 60_000) => hostTlsOf(hostOf(given), nowMs)
    for (const advertise of ['a.example', 'h-0.cluster.local', '', 'localhost', '127.0.0.1'])
      t.equal(open({ ...tls, advertise })?.material.names?.[0], advertise === '' ? '127.0.0.1' : advertise)
    t.equal(
      open({ ...tls, tlsCert: file('10.0.0.1.pem'), tlsKey: file('10.0.0.1-key.pem'), advertise: '10.0.0.1' })?.asksClients,
      false
    )
    t.equal(daysLeft(open(tls)!, Date.now()), 29)
    t.equal(open({}), undefined, 'no TLS is no mistake')

    for (const advertise of ['b.example', '10.0.0.2', '127.0.0.2'])
      t.throws(() => open({ ...tls, advertise }), new RegExp(`not for ${advertise}.*a\\.example`))
    t.throws(() => open({ ...tls, tlsKey: file('10.0.0.1-key.pem') }), /not for the key/)
    t.throws(() => open(tls, Date.now() + 31 * dayMs), /was valid until/)
    t.throws(() => open(tls, Date.now() - dayMs), /not valid before/)
    t.throws(() => open({ ...tls, tlsCa: file('none.pem') }), /tls\.ca names .*none\.pem, which cannot be read: ENOENT/)
    t.throws(() => open({ ...tls, tlsCert: tls.tlsKey }), /holds no certificate/)
    t.throws(() => open({ ...tls, tlsKey: tls.tlsCert }), /holds no key/)
    const strangers = folderOf(t)
    await makeCertificates({ ...order, directory: strangers })
    t.throws(() => open({ ...tls, tlsCa: join(strangers, 'ca.pem') }), /authority in .* did not sign/)

    const before = readFileSync(file('ca.pem'), 'utf8')
    await t.rejects(makeCertificates(order), /a\.example\.pem is there already/)
    t.equal((await makeCertificates({ ...order, hosts: ['c.example'] })).length, 2, 'the authority that is there signs again')
    t.equal(readFileSync(file('ca.pem'), 'utf8'), before)
    t.ok(open({ ...tls, tlsCert: file('c.example.pem'), tlsKey: file('c.example-key.pem'), advertise: 'c.example' }))
    rmSync(file('ca-key.pem'))
    await t.rejects(makeCertificates({ ...order, hosts: ['d.example'] }), /ca\.pem without ca-key\.pem/)
  }
)

t.test('secrets in files → read without their end of line; bad ones refused by the file’s name, and not repeated', async t => {
  const folder = folderOf(t)
  const path = join(folder, 'secret')
  const withText = (text: string) => {
    writeFileSync(path, text)
    return () => withSecrets(hostOf({ tokenFile: path }))
  }
  t.equal(withText('a-good-token\n')().token, 'a-good-token')
  t.equal(withText('a-good-token\r\n')().token, 'a-good-token')
  for (const text of ['', '\n', 'short', 'two words here', 'x'.repeat(600)]) {
    const wrong = t.throws(withText(text), new RegExp(`tokenFile names ${path}, and what is in it cannot be used`))
    if (text.length > 4) t.notMatch(String(wrong), text)
  }
  t.throws(() => withSecrets(hostOf({ clusterSecretFile: join(folder, 'none') })), /clusterSecretFile names .*ENOENT/)
  t.throws(withText('x'.repeat(100_000)), /100000 bytes, the limit is 65536/)
  const secret = 'between-the-hosts-"$1'
  const derived = routeSecretOf(hostOf({ clusterSecret: secret }))
  t.match(derived, /^[A-Za-z0-9_-]{43}$/, 'legal in any nats-server’s configuration')
  t.not(derived, routeSecretOf(hostOf({ clusterSecret: secret, cluster: 'other' })), 'another one for another cluster')
  t.equal(routeSecretOf(hostOf({})), undefined)
})
