// test: seconds 240
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { drawScenario, type Scenario } from '../../simulation/scenario.ts'
import { run, TestTerminal } from '../api/cli-test-terminal.ts'

const folder = mkdtempSync(join(tmpdir(), 'carillon-simulate-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

const calm = ['--minutes', '0.05', '--faults', 'none', '--hosts', '3', '--clients', '2']

/** More than any store survives: all three machines lose their disks, one after the other, at once. */
function hopeless(): string {
  const scenario: Scenario = {
    ...drawScenario({ seed: 1, hosts: 3, minutes: 0.1, clients: 2, faults: [], workloads: ['set'] }),
    faults: ['h1', 'h2', 'h3'].map((host, index) => ({ kind: 'wipe', host, atMs: 11_000 + index, lastsMs: 300 })),
    healMsMax: 5_000
  }
  const file = join(folder, 'hopeless.json')
  writeFileSync(file, JSON.stringify(scenario))
  return file
}

t.test('simulate --seed --json: one object of the documented shape, the same each time, exit 0', async t => {
  const [first, second, other] = [new TestTerminal(), new TestTerminal(), new TestTerminal()]
  t.equal(await run(first, 'simulate', '--seed', '5', ...calm, '--json'), 0)
  t.equal(await run(second, 'simulate', '--seed', '5', ...calm, '--json'), 0)
  t.equal(await run(other, 'simulate', '--seed', '6', ...calm, '--json'), 0)
  const report = JSON.parse(first.out) as Record<string, unknown>
  t.match(report, { seed: 5, events: Number, trace_hash: /^\d+:[0-9a-f]{16}$/, operations: Number, acknowledged: Number })
  t.same(report['violations'], [])
  t.equal(second.out, first.out)
  t.not((JSON.parse(other.out) as Record<string, unknown>)['trace_hash'], report['trace_hash'])
})

t.test('simulate --seeds: a summary of all runs', async t => {
  const terminal = new TestTerminal()
  t.equal(await run(terminal, 'simulate', '--seeds', '1..3', ...calm, '--threads', '2'), 0)
  t.match(terminal.out, /^3 runs, \d+ events \(\d+\/s\), \d+ acknowledged writes, 0 runs with violations\n$/)
})

t.test(
  'simulate: data is lost → what was violated, the last that was said about the key, how to run it again; exit 1',
  async t => {
    const file = hopeless()
    const terminal = new TestTerminal()
    t.equal(await run(terminal, 'simulate', '--scenario', file), 1)
    t.match(terminal.out, /I\d+, at [\d.]+ s: /)
    t.match(terminal.err, new RegExp(`violations. The same again: carillon simulate --scenario ${file}`))
    const json = new TestTerminal()
    t.equal(await run(json, 'simulate', '--scenario', file, '--json'), 1)
    const { violations } = JSON.parse(json.out) as { violations: { invariant: string; at_ms: number; text: string }[] }
    t.match(violations[0], { invariant: /^I\d+$|^no actor crashes$/, at_ms: Number, text: String })
  }
)

t.test('simulate --trace: every message and fault of the run, in order of time', async t => {
  const file = join(folder, 'trace.txt')
  t.equal(await run(new TestTerminal(), 'simulate', '--scenario', hopeless(), '--trace', file), 1)
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  const times = lines.map(line => Number.parseFloat(line))
  t.ok(times.every((time, index) => index === 0 || time >= times[index - 1]!))
  t.equal(lines.filter(line => / ==== .* wipe: host h\d/.test(line) && !line.includes('over:')).length, 3)
  t.ok(lines.some(line => /h\d\.data-\d\.vnode-\d+ .*minted set\/k\d \{\d+\.\d+:\d+=\d+/.test(line)))
})

t.test('simulate: a wrong flag → exit 2, with what is allowed', async t => {
  const cases: [string[], RegExp][] = [
    [['--faults', 'earthquake'], /Allowed are all, none, or of delay, loss/],
    [['--workload', 'mixed'], /Allowed are all, or of set, register/],
    [['--seeds', '9..1'], /Allowed are two seeds/],
    [['--minutes', '0'], /Allowed is a number above 0/],
    [['--seeds', '1..2', '--shrink'], /are for one run/]
  ]
  for (const [words, expected] of cases) {
    const terminal = new TestTerminal()
    t.equal(await run(terminal, 'simulate', ...words), 2, words.join(' '))
    t.match(terminal.err, expected)
  }
})
