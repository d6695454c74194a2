import t from 'tap'
import { MemoryCluster, putBlind, valuesOf } from './cli-memory-cluster.ts'
import { chunksOf, run, TestTerminal } from './cli-test-terminal.ts'

t.test('export: 25 pairs in pages of 10 → each once, in the order of the listing, counts on standard error', async t => {
  const cluster = new MemoryCluster()
  cluster.pageMax = 10
  cluster.before = () => new Promise(resolve => setImmediate(resolve))
  for (let at = 0; at < 25; at += 1) await putBlind(cluster, `k${10 + at}`, `{"at": ${at}}`)
  const terminal = new TestTerminal(cluster)
  t.equal(await run(terminal, 'export', '--in-flight', '4'), 0)
  const lines = terminal.out.trimEnd().split('\n')
  t.strictSame(
    lines,
    Array.from({ length: 25 }, (_, at) => `{"key":"k${10 + at}","value":{"at": ${at}}}`)
  )
  t.equal(terminal.err, '25 exported, 0 failed\n')
})

t.test('export, then import into an empty cluster → the same bytes under the same keys', async t => {
  const from = new MemoryCluster()
  await putBlind(from, 'json', '{ "spaced" : 1.0 }')
  await putBlind(from, 'text', 'no JSON', 'text/plain; charset=utf-8')
  await putBlind(from, 'über', '"😀"')
  const bytes = {
    value: Buffer.from([0, 255, 10]),
    contentType: 'application/octet-stream',
    context: undefined,
    create: false,
    ttlSeconds: 0
  }
  await from.put('default', Buffer.from([0xff, 0, 0x0a]), bytes, { timeoutMs: 1 })
  const terminal = new TestTerminal(from)
  t.equal(await run(terminal, 'export'), 0)
  const to = new MemoryCluster()
  t.equal(await run(new TestTerminal(to, chunksOf(terminal.out)), 'import', '-'), 0)
  const shown = (cluster: MemoryCluster) =>
    [...cluster.pairs]
      .map(([name, { versions }]) => [name, Buffer.from(versions[0]!.value).toString('hex'), versions[0]!.contentType])
      .toSorted()
  t.strictSame(shown(to), shown(from))
})

t.test('export: a key with two versions → the newest and a count; with --siblings all of them', async t => {
  const cluster = new MemoryCluster()
  await putBlind(cluster, 'a', '1')
  await putBlind(cluster, 'a', '2')
  const plain = new TestTerminal(cluster)
  t.equal(await run(plain, 'export'), 0)
  t.equal(plain.out, '{"key":"a","value":2}\n')
  t.match(plain.err, /1 exported, 0 failed; 1 had siblings, the newest was exported \(--siblings gives all\)/)
  const whole = new TestTerminal(cluster)
  t.equal(await run(whole, 'export', '--siblings', '--json'), 0)
  t.equal(whole.out, '{"key":"a","value":2,"siblings":[{"value":2},{"value":1}]}\n')
  t.strictSame(JSON.parse(whole.err), { exported: 1, failed: 0, with_siblings: 1, coverage: 1, interrupted: false })
})

t.test('export: a bucket and a prefix → only those pairs, the bucket in each line', async t => {
  const cluster = new MemoryCluster()
  await run(new TestTerminal(cluster), 'put', 'a1', '1', '--bucket', 'users')
  await run(new TestTerminal(cluster), 'put', 'b1', '1', '--bucket', 'users')
  await putBlind(cluster, 'a2', '1')
  const terminal = new TestTerminal(cluster)
  t.equal(await run(terminal, 'export', '--bucket', 'users', '--prefix', 'a'), 0)
  t.equal(terminal.out, '{"bucket":"users","key":"a1","value":1}\n')
})

t.test('export: a listing that missed partitions → exported, and said', async t => {
  const cluster = new MemoryCluster()
  cluster.coverage = 0.75
  await putBlind(cluster, 'a', '1')
  const terminal = new TestTerminal(cluster)
  t.equal(await run(terminal, 'export'), 0)
  t.match(terminal.err, /incomplete: 75.0 % of the partitions answered/)
})

t.test('export: interrupted → the lines so far are whole, exit 1', async t => {
  const cluster = new MemoryCluster()
  cluster.pageMax = 5
  for (let at = 0; at < 50; at += 1) await putBlind(cluster, `k${at}`, '1')
  const terminal = new TestTerminal(cluster)
  cluster.before = async () => {
    if (cluster.reads === 12) terminal.interrupt()
  }
  t.equal(await run(terminal, 'export'), 1)
  const lines = terminal.out.trimEnd().split('\n')
  t.ok(lines.length < 50)
  for (const line of lines) t.match(JSON.parse(line), { value: 1 })
  t.match(terminal.err, /interrupted: the export is incomplete/)
  t.strictSame(valuesOf(cluster, 'k0'), ['1'])
})
