import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { MemoryCluster, putBlind, valuesOf } from './cli-memory-cluster.ts'
import { chunksOf, run, TestTerminal } from './cli-test-terminal.ts'

const text = 'text/plain; charset=utf-8'

function typeOf(cluster: MemoryCluster, key: string): string | undefined {
  return cluster.pairs.get(`default\0${key}`)?.versions[0]?.contentType
}

t.test('no command → the list of commands on standard error, exit 2; --help → on standard output, exit 0', async t => {
  const bare = new TestTerminal()
  t.equal(await run(bare), 2)
  t.match(bare.err, /Commands:/)
  const asked = new TestTerminal()
  t.equal(await run(asked, '--help'), 0)
  t.match(asked.out, /Commands:/)
  t.equal(asked.err, '')
  const version = new TestTerminal()
  t.equal(await run(version, '--version'), 0)
  t.equal(version.out, '1.2.3\n')
})

t.test('a command line that is wrong → a sentence with what is near or allowed, exit 2, no connection', async t => {
  const cases: [string[], RegExp][] = [
    [['gett', 'a'], /unknown command 'gett'[^]*Did you mean get\?/],
    [['get'], /missing required argument 'KEY'/],
    [['get', 'a', 'b'], /too many arguments/],
    [['get', 'a', '--bukket', 'b'], /unknown option '--bukket'[^]*--bucket/],
    [['get', 'a', '-r', '0'], /whole number from 1 to 16/],
    [['get', 'a', '-r', '2x'], /whole number from 1 to 16/],
    [['get', 'a', '--bucket', 'a b'], /no bucket name/],
    [['get', 'a', '--consistency', 'most'], /Allowed choices are one, quorum, all/],
    [['get', 'a', '--servers', 'nats://user:pw@h:1'], /"nats:\/\/…@h:1" is no NATS address/],
    [['get', ''], /the key is empty/],
    [['get', 'k'.repeat(513)], /513 bytes, the limit is 512/],
    [['get', '%', '--key-base64'], /is no base64/],
    [['put', 'a'], /the value is missing/],
    [['put', 'a', 'b', '--file', 'c'], /one of them/],
    [['put', 'a', 'b', '--create', '--context', 'c'], /one of them/],
    [['put', 'a', 'b', '--ttl', '1.5'], /whole number/],
    [['import'], /missing required argument 'FILE'/],
    [['import', '-', '--blind', '--create'], /one of them/],
    [['bucket', 'set', 'b'], /missing required argument/],
    [['bucket', 'set', 'b', 'n'], /is no PROPERTY=VALUE/],
    [['bucket', 'set', 'b', 'n=1', 'n=2'], /given twice/],
    [['bucket', 'drop', 'b'], /unknown command 'drop'/],
    [['bench', '--op', 'put,post'], /Allowed are put, get, mixed/],
    [['bench', '--in-flight', '1,0'], /whole numbers from 1 to 16384/],
    [['bench', '--zipf', '4'], /a number from 0 to 3/],
    [['remove'], /whom\?[^]*--datacenter NAME/],
    [['remove', 'host-1', '--datacenter', 'dc2'], /--datacenter stands alone/],
    [['remove', '--datacenter', 'dc2', '--wait'], /--datacenter stands alone/],
    [['dev', '--hosts', '17'], /whole number from 1 to 16/],
    [['dev', '--autoscale', '5..3'], /MIN\.\.MAX of 1 to 16, as 3\.\.6/],
    [['dev', '--base-port', '65000'], /whole number from 1 to 64621/]
  ]
  for (const [words, wanted] of cases) {
    const terminal = new TestTerminal(new MemoryCluster())
    t.equal(await run(terminal, ...words), 2, words.join(' ').slice(0, 60))
    t.match(terminal.err, wanted)
    t.equal(terminal.out, '')
    t.notMatch(terminal.err, /pw/)
  }
})

t.test('put, get, delete, get → the same bytes back, then not found with exit 1', async t => {
  const cluster = new MemoryCluster()
  t.equal(await run(new TestTerminal(cluster), 'put', 'a', '{"x": 1}'), 0)
  const got = new TestTerminal(cluster)
  t.equal(await run(got, 'get', 'a'), 0)
  t.equal(got.out, '{"x": 1}', 'no newline is added for programs')
  const gone = new TestTerminal(cluster)
  t.equal(await run(gone, 'delete', 'a', '--json'), 0)
  t.match(JSON.parse(gone.out), { message: 'key deleted', key: 'a' })
  const after = new TestTerminal(cluster)
  t.equal(await run(after, 'get', 'a', '--json'), 1)
  t.strictSame(JSON.parse(after.out), { message: 'not found', key: 'a', value: null })
  t.match(after.err, /key a is not found in bucket default/)
  t.equal(await run(new TestTerminal(cluster), 'delete', 'never'), 0, 'also where there was nothing')
})

t.test('put: the content type → JSON, other text or bytes by what the value is, unless it is said', async t => {
  const cluster = new MemoryCluster()
  await run(new TestTerminal(cluster), 'put', 'a', '17')
  await run(new TestTerminal(cluster), 'put', 'b', 'hello')
  await run(new TestTerminal(cluster, chunksOf(Buffer.from([0xff]))), 'put', 'c', '-')
  await run(new TestTerminal(cluster), 'put', 'd', '17', '--content-type', 'text/x-number')
  t.strictSame(
    ['a', 'b', 'c', 'd'].map(key => typeOf(cluster, key)),
    ['application/json', text, 'application/octet-stream', 'text/x-number']
  )
})

t.test('put --file → the bytes of the file; a value beyond any limit → refused before it is sent', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'value.txt')
  writeFileSync(file, 'from a file\n')
  const cluster = new MemoryCluster()
  t.equal(await run(new TestTerminal(cluster), 'put', 'a', '--file', file), 0)
  t.strictSame(valuesOf(cluster, 'a'), ['from a file\n'])
  const large = new TestTerminal(cluster, chunksOf(Buffer.alloc(300_000), Buffer.alloc(300_000)))
  t.equal(await run(large, 'put', 'a', '-'), 1)
  t.match(large.err, /standard input has more than 524288 bytes/)
  t.equal(large.connections.length, 0)
})

t.test(
  'get: two concurrent versions → the newest, a note with the context; --all and --json show both; put with the context → one',
  async t => {
    const cluster = new MemoryCluster()
    await putBlind(cluster, 'a', '1')
    await putBlind(cluster, 'a', '2')
    const plain = new TestTerminal(cluster)
    t.equal(await run(plain, 'get', 'a'), 0)
    t.equal(plain.out, '2')
    const context = /--context (\S+)/.exec(plain.err)?.[1] ?? ''
    t.match(plain.err, /siblings: 2 concurrent versions/)
    const all = new TestTerminal(cluster)
    await run(all, 'get', 'a', '--all')
    t.equal(all.out, '2\n1\n')
    const json = new TestTerminal(cluster)
    await run(json, 'get', 'a', '--json')
    t.match(JSON.parse(json.out), { message: 'found', key: 'a', value: 2, siblings: [{ value: 2 }, { value: 1 }], context })
    t.equal(await run(new TestTerminal(cluster), 'put', 'a', '3', '--context', context), 0)
    t.strictSame(valuesOf(cluster, 'a'), ['3'])
  }
)

t.test('get --json: keys and values that are no text → base64', async t => {
  const cluster = new MemoryCluster()
  await run(new TestTerminal(cluster, chunksOf(Buffer.from([0xff, 1]))), 'put', '_w', '-', '--key-base64')
  const terminal = new TestTerminal(cluster)
  t.equal(await run(terminal, 'get', '/w==', '--key-base64', '--json'), 0)
  t.match(JSON.parse(terminal.out), {
    key_base64: '/w==',
    value: '/wE=',
    encoding: 'base64',
    content_type: 'application/octet-stream'
  })
})

t.test('a refused write → one sentence with the code and the figures, exit 1', async t => {
  const terminal = new TestTerminal(new MemoryCluster(), chunksOf('x'.repeat(10_300)))
  t.equal(await run(terminal, 'put', 'a', '-'), 1)
  t.equal(terminal.err, 'carillon: the pair has 10301 bytes, the limit is 10240 (too_large, limit 10240, size 10301)\n')
})

t.test('keys: a prefix, a limit, keys that are no text → as asked; --json gives cursor and coverage', async t => {
  const cluster = new MemoryCluster()
  for (const key of ['a1', 'a2', 'a3', 'b1']) await putBlind(cluster, key, '1')
  await run(new TestTerminal(cluster), 'put', '/w==', '1', '--key-base64')
  const all = new TestTerminal(cluster)
  t.equal(await run(all, 'keys'), 0)
  t.equal(all.out, 'a1\na2\na3\nb1\nbase64:/w==\n')
  const some = new TestTerminal(cluster)
  t.equal(await run(some, 'keys', '--prefix', 'a', '--limit', '2', '--json'), 0)
  t.strictSame(JSON.parse(some.out), { keys: ['a1', 'a2'], cursor: '2', coverage: 1 })
  const rest = new TestTerminal(cluster)
  await run(rest, 'keys', '--prefix', 'a', '--cursor', '2')
  t.equal(rest.out, 'a3\n')
})

t.test('watch: a limit and a prefix → so many events, one a line', async t => {
  const cluster = new MemoryCluster()
  for (const key of ['a1', 'b1', 'a2', 'a3']) await putBlind(cluster, key, '1')
  const terminal = new TestTerminal(cluster)
  t.equal(await run(terminal, 'watch', '--prefix', 'a', '--limit', '2', '--json'), 0)
  const events = terminal.out.trimEnd().split('\n')
  t.strictSame(
    events.map(line => JSON.parse(line)),
    [
      { bucket: 'default', key: 'a1', operation: 'put' },
      { bucket: 'default', key: 'a2', operation: 'put' }
    ]
  )
})

t.test('status, hosts, ring, bucket → a table for people, JSON for programs', async t => {
  const cluster = new MemoryCluster()
  const status = new TestTerminal(cluster)
  t.equal(await run(status, 'status'), 0)
  t.match(status.out, /carillon: every partition has a quorum\nhosts +1 of 2 up\n[^]*HOST +STATE[^]*\na +up[^]*\nb +down/)
  t.match(status.out, /\nrepair +1 under way, 1 waiting for hosts that are away, 2 begun again after a failure\n/)
  t.notMatch(status.out, /\u001b/, 'no colours where there is no screen')
  const json = new TestTerminal(cluster)
  await run(json, 'status', '--json')
  t.match(JSON.parse(json.out), {
    cluster: 'carillon',
    healthy: true,
    partitions: 8,
    partitions_below_quorum: 0,
    repair: { running: 1, waiting_for_hosts: 1, lost: 2 },
    hosts: [{ name: 'a' }, { name: 'b' }]
  })
  const hosts = new TestTerminal(cluster)
  await run(hosts, 'hosts', '--json')
  t.match(JSON.parse(hosts.out), { hosts: [{ name: 'a', state: 'up' }, { name: 'b' }] })
  const ring = new TestTerminal(cluster)
  await run(ring, 'ring')
  t.match(ring.out, /8 partitions, 1 replicas each[^]*a +8 +100.0 %/)
  const bucket = new TestTerminal(cluster)
  t.equal(await run(bucket, 'bucket', 'set', 'users', 'n=3', 'resolver=last-write-wins', '--json'), 0)
  t.strictSame(JSON.parse(bucket.out), { n: 3, resolver: 'last-write-wins' })
  const absent = new TestTerminal(cluster)
  t.equal(await run(absent, 'explain', 'a'), 1)
  t.match(absent.err, /there is no admin request explain \(not_found\)/)
})

t.test('servers, token and cluster → flags win over the environment, the environment over the defaults', async t => {
  const cluster = new MemoryCluster()
  const plain = new TestTerminal(cluster)
  await run(plain, 'hosts')
  t.match(plain.connections, [
    {
      servers: ['nats://127.0.0.1:7420', 'nats://127.0.0.1:7421', 'nats://127.0.0.1:7422', 'nats://127.0.0.1:7423'],
      token: '',
      cluster: 'carillon'
    }
  ])
  const environment = { servers: 'nats://e:1', token: 'from-environment', cluster: 'e' }
  const told = new TestTerminal(cluster, undefined, environment)
  await run(told, 'hosts')
  t.match(told.connections, [{ servers: ['nats://e:1'], token: 'from-environment', cluster: 'e' }])
  const flagged = new TestTerminal(cluster, undefined, environment)
  await run(flagged, 'hosts', '--servers', 'nats://f:1', '--token', 'from-flag')
  t.match(flagged.connections, [{ servers: ['nats://f:1'], token: 'from-flag', cluster: 'e' }])
  const wrong = new TestTerminal(cluster, undefined, { servers: 'http://h' })
  t.equal(await run(wrong, 'hosts'), 2)
  t.match(wrong.err, /CARILLON_SERVERS is wrong: "http:\/\/h" is no NATS address/)
})
