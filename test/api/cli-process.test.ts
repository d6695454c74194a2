import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const entry = fileURLToPath(new URL('../../deploy/carillon.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'carillon-cli-process-'))
t.teardown(() => rmSync(folder, { recursive: true }))

interface Ended {
  readonly status: number | null
  readonly out: string
  readonly err: string
}

/** `carillon` as a process of its own, in an empty folder and without our environment's settings. */
function carillon(words: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CARILLON_')))
  const child = spawn(process.execPath, [entry, ...words], {
    cwd: folder,
    env: { ...inherited, ...environment },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', status =>
      resolve({ status, out: Buffer.concat(out).toString('utf8'), err: Buffer.concat(err).toString('utf8') })
    )
  })
}

t.test('the process: help, version, a wrong command, an unreachable cluster → exit status 0, 0, 2, 1', async t => {
  const help = await carillon(['--help'])
  t.match(help, { status: 0, err: '' })
  t.match(help.out, /Commands:[^]*\n  get /)
  const version = await carillon(['--version'])
  t.match(version.out, /^\d+\.\d+\.\d+\n$/)
  t.match(await carillon(['gett']), { status: 2, out: '', err: /Did you mean get\?/ })
  // Port 1 has no listener.
  t.match(await carillon(['get', 'a', '--servers', 'nats://127.0.0.1:1']), {
    status: 1,
    out: '',
    err: /^carillon: no server answers at nats:\/\/127\.0\.0\.1:1.*\(unavailable\)\n$/
  })
})

t.test('config print and check: a file, the environment and flags → values with their sources; a bad one → exit 1', async t => {
  writeFileSync(join(folder, 'carillon.yaml'), 'name: from-file\nhttp:\n  port: 7171\n')
  const environment = { CARILLON_TOKEN: 'a-secret-token', CARILLON_ZONE: 'z2' }
  const printed = await carillon(['config', 'print', '--json', '--zone', 'z3'], environment)
  t.equal(printed.status, 0)
  t.notMatch(printed.out, /a-secret/)
  const { settings } = JSON.parse(printed.out) as { settings: { key: string; value: unknown; source: string }[] }
  const of = (key: string) => settings.find(setting => setting.key === key)
  t.match(of('name'), { value: 'from-file', source: 'carillon.yaml' })
  t.match(of('http.port'), { value: 7171, source: 'carillon.yaml' })
  t.match(of('zone'), { value: 'z3', source: '--zone' })
  t.match(of('token'), { value: '********', source: 'CARILLON_TOKEN' })
  t.match(of('replicas'), { value: 3, source: 'default' })
  t.match(await carillon(['config', 'check'], environment), {
    status: 0,
    out: 'the configuration of host from-file is good\n',
    err: ''
  })

  const bad = await carillon(['config', 'check', '--http-port', 'x', '--json'], { CARILLON_CONFIG: 'other.yaml' })
  t.equal(bad.status, 1)
  t.match(JSON.parse(bad.out), { ok: false, problems: [{ source: 'other.yaml' }] })
  writeFileSync(join(folder, 'other.yaml'), 'zoen: a\n')
  const both = await carillon(['config', 'check', '--http-port', 'x', '--config', 'other.yaml'])
  t.match(both, { status: 1, out: '' })
  t.match(both.err, /zoen is no setting \(other\.yaml\): did you mean zone\?/)
  t.match(both.err, /--http-port is "x": allowed is a port from 1 to 65535/)
})

t.test('host: a bind beyond loopback → refused with what to do, exit 1, before anything is started', async t => {
  const { status, err } = await carillon(['host', '--bind', '0.0.0.0', '--data', join(folder, 'data')])
  t.equal(status, 1)
  t.match(err, /^carillon: bind is "0\.0\.0\.0" \(--bind\): beyond loopback every port needs TLS and credentials/)
  t.match(await carillon(['host', '--http-prot', '1']), { status: 2, err: /Did you mean --http-port\?/ })
})
