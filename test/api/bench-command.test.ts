import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { BenchReport } from '../../api/bench/report.ts'
import { run, TestTerminal } from './cli-test-terminal.ts'

t.test('bench: peers and files that cannot be → a sentence, before anything is started', async t => {
  const cases: [string[], number, RegExp][] = [
    [['--peers', 'redis,mysql'], 2, /Allowed are redis, etcd, nats-kv, dynomite, each once/],
    [['--peers', 'redis,redis'], 2, /each once/],
    [['--peers', ''], 2, /Allowed are/],
    [['--plot', '/no/such/folder/plot.svg'], 1, /\/no\/such\/folder\/plot.svg cannot be written/],
    [['--markdown', '/no/such/folder/figures.md'], 1, /figures.md cannot be written/]
  ]
  for (const [words, status, wanted] of cases) {
    const terminal = new TestTerminal()
    t.equal(await run(terminal, 'bench', ...words), status, words.join(' '))
    t.match(terminal.err, wanted)
    t.equal(terminal.out, '')
    t.notMatch(terminal.err, /starting/)
  }
})

t.test('bench --peers: a cluster of its own and a peer → rows by operation and load, ratios, targets, files', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'carillon-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const [plot, markdown] = [join(folder, 'plot.svg'), join(folder, 'figures.md')]
  const peers = ['--peers', 'redis,dynomite']
  const words = ['bench', ...peers, '--in-flight', '1', '--seconds', '0.2', '--rounds', '2', '--keys', '20', '--json']
  const { out, err } = await program([...words, '--plot', plot, '--markdown', markdown])
  const report = JSON.parse(out) as BenchReport
  const left = report.skipped!.map(each => each.peer)
  for (const { peer, reason } of report.skipped!) {
    t.match(reason, 'is not on the PATH')
    t.comment(`LEFT OUT: ${peer}: ${reason}`)
    t.match(err, `${peer} is left out`)
  }
  const found = new Set(report.rows.map(row => `${row.system}/${row.mode}/${row.op}/${row.in_flight}`))
  for (const row of ['carillon//put', 'carillon//get', 'carillon/committed/put', 'carillon/R=1/get', 'nats//request'])
    t.ok(found.has(`${row}/1`), row)
  for (const op of left.includes('redis') ? [] : ['put', 'get'])
    for (const mode of ['shared connection', 'connection per client']) t.ok(found.has(`redis/${mode}/${op}/1`), mode)
  t.same(report.rows[0]?.promised, { replicas: 3, r: 2, w: 2, durability: 'flushed' })
  for (const row of report.rows) t.equal(row.figures_of_rounds.length, 2)
  t.ok(report.ratios!.every(each => each.peer === 'redis'))
  for (const { system, operations, cpu_us_per_op } of report.rows)
    if (system === 'redis') t.ok(operations === 0 || typeof cpu_us_per_op.peer === 'number')
  t.ok(report.targets?.some(each => each.what.includes('request and reply') && each.why === ''))
  t.match(readFileSync(plot, 'utf8'), 'carillon, committed')
  t.match(readFileSync(markdown, 'utf8'), '| carillon |')
})

const carillon = fileURLToPath(new URL('../../deploy/carillon.js', import.meta.url))
const runMsMax = 90_000

/** Exit status 0 or 1: on a machine that has much else to do, an operation may miss its time. */
function program(words: readonly string[]): Promise<{ readonly out: string; readonly err: string }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [carillon, ...words], { timeout: runMsMax, killSignal: 'SIGINT' }, (error, out, err) => {
      if (error === null || error.code === 1) resolve({ out, err })
      else reject(error)
    })
  })
}
