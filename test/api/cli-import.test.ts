import t from 'tap'
import { fault } from '../../model/fault.ts'
import { MemoryCluster, putBlind, valuesOf } from './cli-memory-cluster.ts'
import { chunksOf, run, TestTerminal } from './cli-test-terminal.ts'

const line = (key: string, value: unknown) => `${JSON.stringify({ key, value })}\n`

async function imported(cluster: MemoryCluster, text: string, ...flags: string[]) {
  const terminal = new TestTerminal(cluster, chunksOf(text))
  const status = await run(terminal, 'import', '-', ...flags)
  return { status, out: terminal.out, err: terminal.err }
}

t.test('import: 200 new pairs, 8 in flight → all stored, never more than 8 side by side, exit 0', async t => {
  const cluster = new MemoryCluster()
  cluster.before = () => new Promise(resolve => setImmediate(resolve))
  const text = Array.from({ length: 200 }, (_, at) => line(`k${at}`, { at })).join('')
  const { status, out, err } = await imported(cluster, text, '--in-flight', '8')
  t.equal(status, 0)
  t.equal(out, '200 stored, 0 refused\n')
  t.equal(err, '')
  t.equal(cluster.pairs.size, 200)
  t.strictSame(valuesOf(cluster, 'k7'), ['{"at":7}'])
  t.equal(cluster.mostUnderWay, 8)
  t.ok(cluster.isClosed)
})

t.test('import: the same file three times → no siblings, the last value', async t => {
  const cluster = new MemoryCluster()
  for (const value of [1, 2, 3]) t.equal((await imported(cluster, line('a', value) + line('b', value))).status, 0)
  t.strictSame(valuesOf(cluster, 'a'), ['3'])
  t.strictSame(valuesOf(cluster, 'b'), ['3'])
})

t.test('import: a key with concurrent versions → one value again', async t => {
  const cluster = new MemoryCluster()
  await putBlind(cluster, 'a', '1')
  await putBlind(cluster, 'a', '2')
  t.equal(valuesOf(cluster, 'a').length, 2)
  await imported(cluster, line('a', 3))
  t.strictSame(valuesOf(cluster, 'a'), ['3'])
})

t.test('import: one key on many lines, many in flight → one after the other, the last line wins', async t => {
  const cluster = new MemoryCluster()
  cluster.before = () => new Promise(resolve => setImmediate(resolve))
  const text = Array.from({ length: 30 }, (_, at) => line(at % 2 === 0 ? 'a' : `other${at}`, at)).join('')
  t.equal((await imported(cluster, text)).status, 0)
  t.strictSame(valuesOf(cluster, 'a'), ['28'])
})

t.test('import --blind: a key that has a value → a sibling, and no reads', async t => {
  const cluster = new MemoryCluster()
  await putBlind(cluster, 'a', '1')
  t.equal((await imported(cluster, line('a', 2), '--blind')).status, 0)
  t.strictSame(valuesOf(cluster, 'a'), ['2', '1'])
  t.equal(cluster.reads, 0)
})

t.test('import --create: a key that has a value → refused by name, the new ones stored, exit 1', async t => {
  const cluster = new MemoryCluster()
  await putBlind(cluster, 'a', '1')
  const { status, out, err } = await imported(cluster, line('a', 2) + line('b', 2), '--create')
  t.equal(status, 1)
  t.equal(out, '1 stored, 1 refused\n')
  t.match(err, /refused: line 1: key a: the key exists \(key_exists\)/)
  t.match(err, /carillon: 1 of 2 pairs were refused/)
  t.strictSame(valuesOf(cluster, 'a'), ['1'])
})

t.test(
  'import: bad lines and a pair that is too large among good ones → each named with its line, the good ones stored, exit 1',
  async t => {
    const cluster = new MemoryCluster()
    const text = `${line('a', 1)}{"key":\n\n${line('big', 'x'.repeat(11_000))}[]\n${line('b', 2)}`
    const { status, out, err } = await imported(cluster, text)
    t.equal(status, 1)
    t.equal(out, '2 stored, 3 refused\n')
    t.match(err, /refused: line 2: the line is no JSON/)
    t.match(err, /refused: line 4: key big: the pair has 11005 bytes, the limit is 10240 \(too_large, limit 10240, size 11005\)/)
    t.match(err, /refused: line 5: the line is no JSON object/)
    t.strictSame([valuesOf(cluster, 'a'), valuesOf(cluster, 'b')], [['1'], ['2']])
  }
)

t.test('import --json: refusals and counts → one JSON object a line', async t => {
  const { out, err } = await imported(
    new MemoryCluster(),
    `${line('a', 1)}nonsense\n${line('big', 'x'.repeat(11_000))}`,
    '--json'
  )
  t.strictSame(JSON.parse(out), { stored: 1, refused: 2, interrupted: false })
  const [first, second] = err
    .split('\n')
    .slice(0, 2)
    .map(each => JSON.parse(each) as Record<string, unknown>)
  t.match(first, { line: 2, code: 'bad_line' })
  t.match(second, { line: 3, key: 'big', code: 'too_large' })
})

t.test('import: overloaded twice, then well → stored after retries', async t => {
  const cluster = new MemoryCluster()
  cluster.refuse = (_, attempt) => (attempt <= 2 ? fault('overloaded', 'too much', { outcome: 'refused' }) : undefined)
  t.equal((await imported(cluster, line('a', 1))).out, '1 stored, 0 refused\n')
  t.strictSame(valuesOf(cluster, 'a'), ['1'])
})

t.test('import: a write whose outcome is open though it was stored → the retry replaces it, no sibling', async t => {
  const cluster = new MemoryCluster()
  cluster.refuse = (_, attempt) => (attempt === 1 ? fault('timeout', 'no answer', { outcome: 'indeterminate' }) : undefined)
  t.equal((await imported(cluster, line('a', 1))).out, '1 stored, 0 refused\n')
  t.strictSame(valuesOf(cluster, 'a'), ['1'])
})

t.test('import --blind: a write whose outcome is open → not sent again, refused as indeterminate', async t => {
  const cluster = new MemoryCluster()
  cluster.refuse = () => fault('timeout', 'no answer', { outcome: 'indeterminate' })
  const { status, err } = await imported(cluster, line('a', 1), '--blind')
  t.equal(status, 1)
  t.match(err, /outcome indeterminate/)
  t.strictSame(valuesOf(cluster, 'a'), ['1'], 'once')
})

t.test('import: never enough replicas → refused after a bounded number of attempts', async t => {
  const cluster = new MemoryCluster()
  let attempts = 0
  cluster.refuse = () => {
    attempts += 1
    return fault('quorum_unavailable', 'not enough replicas', { needed: 2, answered: 1, outcome: 'refused' })
  }
  const { err } = await imported(cluster, line('a', 1))
  t.match(err, /not enough replicas \(quorum_unavailable, needed 2, answered 1\)/)
  t.equal(attempts, 5)
})

t.test('import: interrupted while it waits for input → ends with the counts, exit 1', async t => {
  const cluster = new MemoryCluster()
  const stored = new Promise<void>(resolve => {
    cluster.before = async () => {
      if (cluster.pairs.size > 0) resolve()
    }
  })
  let arrive: (() => void) | undefined
  async function* endless() {
    yield Buffer.from(line('a', 1) + line('b', 1))
    await new Promise<void>(resolve => {
      arrive = resolve
    })
  }
  const terminal = new TestTerminal(cluster, endless())
  const status = run(terminal, 'import', '-', '--in-flight', '1')
  await stored
  terminal.interrupt()
  t.equal(await status, 1)
  t.match(terminal.out, /^[12] stored, 0 refused\n$/)
  t.match(terminal.err, /interrupted after line 2/)
  arrive?.()
})

t.test('import: the flags of the connection, the bucket and the quorum → used', async t => {
  const cluster = new MemoryCluster()
  const terminal = new TestTerminal(cluster, chunksOf(`{"key":"a","value":1}\n{"bucket":"c","key":"a","value":2}`))
  t.equal(
    await run(
      terminal,
      'import',
      '-',
      '--bucket',
      'b',
      '--servers',
      'nats://h:1,h:2',
      '--token',
      'secret',
      '--cluster',
      'x',
      '-w',
      '2'
    ),
    0
  )
  t.match(terminal.connections, [{ servers: ['nats://h:1', 'h:2'], token: 'secret', cluster: 'x', connectTimeoutMs: 2_000 }])
  t.strictSame([valuesOf(cluster, 'a', 'b'), valuesOf(cluster, 'a', 'c')], [['1'], ['2']])
})

t.test('import: a file that is missing → one sentence, exit 1, no connection', async t => {
  const terminal = new TestTerminal(new MemoryCluster())
  t.equal(await run(terminal, 'import', '/no/such/file.ndjson'), 1)
  t.match(terminal.err, /^carillon: ENOENT.*\n$/)
  t.equal(terminal.connections.length, 0)
})
