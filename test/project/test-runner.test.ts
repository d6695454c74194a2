import t from 'tap'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { root, runScript, writeTree } from './checkout.ts'

const say = (...rows: string[]) => rows.map(row => `console.log(${JSON.stringify(row)})`).join('\n')
const passing = say('TAP version 14', '# Subtest: one', '    ok 1 - a', '    ok 2 - b', '    1..2', 'ok 1 - one', '1..1')

/** Runs the suite on files that print what they are told to; resolves with the status, the lines and the last of them. */
async function runSuite(top: string, files: Record<string, string>, args: readonly string[] = []) {
  writeTree(join(top, 'test'), Object.fromEntries(Object.entries(files).map(([name, text]) => [`${name}.test.js`, text])))
  writeTree(top, { 'package.json': '{"type":"module"}' })
  const { status, stdout, stderr } = await runScript('test.mjs', ['--build', top, ...args])
  return { status, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) }
}

t.test('runner: two files that pass → their tests are counted, exit 0', async t => {
  const { status, last, stdout } = await runSuite(t.testdir(), { 'a/one': passing, 'b/two': passing })
  t.equal(status, 0)
  t.equal(last, '2 passed, 0 failed')
  t.match(stdout, /^ok {3}test\/a\/one\.test\.ts {2}1 passed/m)
})

t.test('runner: blocks in blocks → the innermost are counted, skipped and todo ones apart', async t => {
  const nested = say(
    'TAP version 14',
    '# Subtest: outer',
    '    # Subtest: first',
    '        ok 1 - a',
    '        1..1',
    '    ok 1 - first',
    '    # Subtest: second',
    '        ok 1 - a',
    '        1..1',
    '    ok 2 - second',
    '    ok 3 - third # SKIP not here',
    '    ok 4 - fourth # TODO',
    '    1..4',
    'ok 1 - outer',
    'ok 2 - bare',
    '1..2'
  )
  const { status, last } = await runSuite(t.testdir(), { nested })
  t.equal(status, 0)
  t.equal(last, '3 passed, 0 failed, 2 skipped')
})

t.test('runner: an assertion fails → told in full with its place, counted once, exit 1', async t => {
  const failing = `${say(
    'TAP version 14',
    '# Subtest: outer',
    '    # Subtest: ring is even',
    '        not ok 1 - shares differ',
    '          ---',
    '          at:',
    '            fileName: test/ring.test.ts',
    '            lineNumber: 12',
    '            columnNumber: 5',
    '          diff: |',
    '            -1',
    '            +2',
    '          ...',
    '        1..1',
    '    not ok 1 - ring is even',
    '    1..1',
    'not ok 1 - outer',
    '1..1'
  )}\nconsole.error('said on stderr')\nprocess.exitCode = 1`
  const { status, last, stdout } = await runSuite(t.testdir(), { failing, fine: passing })
  t.equal(status, 1)
  t.equal(last, '1 passed, 1 failed')
  t.match(stdout, '✗ test/failing.test.ts › outer › ring is even › shares differ')
  t.match(stdout, 'at: test/ring.test.ts:12:5')
  t.match(stdout, /diff:\n\s+-1\n\s+\+2/)
  t.match(stdout, 'said on stderr')
})

const wrong: readonly [setting: string, source: string, told: string | RegExp][] = [
  ['it prints nothing', '', 'it printed no test results (exit status 0)'],
  [
    'it throws before its first test',
    "throw new Error('cannot begin')",
    /it printed no test results \(exit status 1\)[^]*cannot begin/
  ],
  [
    'all tests pass, but it exits with 3',
    `${passing}\nprocess.exitCode = 3`,
    'every test passed, but the process did not end well: exit status 3'
  ],
  ['a signal ends it', `${passing}\nsetTimeout(() => process.kill(process.pid, 'SIGKILL'), 50)`, 'ended by SIGKILL'],
  ['its plan promises more', say('TAP version 14', 'ok 1 - a', '1..3'), /its results are faulty/],
  ['it is cut off in a block', say('TAP version 14', '# Subtest: one', '    ok 1 - a'), 'its results are incomplete'],
  ['it bails out', say('TAP version 14', 'ok 1 - a', 'Bail out! no disk'), 'bailed out: no disk'],
  ['it has no test', say('TAP version 14', '1..0'), 'it printed no test results']
]

t.test('runner: a file that is no proof → one failure that says why, exit 1', async t => {
  for (const [setting, source, told] of wrong) {
    const { status, last, stdout } = await runSuite(t.testdir(), { wrong: source })
    t.equal(status, 1, setting)
    t.match(last, /^\d+ passed, 1 failed$/, setting)
    t.match(stdout, told, setting)
  }
})

t.test('runner: only skipped tests, or no file that fits → no test ran, exit 1', async t => {
  const skipped = await runSuite(t.testdir(), { a: say('TAP version 14', 'ok 1 - x # SKIP', '1..1') })
  t.equal(skipped.status, 1)
  t.equal(skipped.last, '0 passed, 0 failed, 1 skipped')
  t.match(skipped.stdout, 'No test ran.')
  const none = await runSuite(t.testdir(), { a: passing }, ['nowhere'])
  t.equal(none.status, 1)
  t.match(none.stdout, "No test ran: no file's path holds nowhere.")
  t.equal(none.last, '0 passed, 0 failed')
})

t.test('runner: words → only the files whose path holds one', async t => {
  const { last } = await runSuite(t.testdir(), { 'model/a': passing, 'bus/b': passing, 'api/c': passing }, ['model', 'bus'])
  t.equal(last, '2 passed, 0 failed')
})

t.test('runner: --bail → nothing is begun after a failure', async t => {
  const { status, last } = await runSuite(t.testdir(), { a: 'process.exitCode = 1', b: passing, c: passing }, [
    '--bail',
    '--jobs',
    '1'
  ])
  t.equal(status, 1)
  t.equal(last, '0 passed, 1 failed')
})

t.test('runner: a file over its time, deaf to SIGTERM → killed with its child, and told', async t => {
  const top = t.testdir()
  const pids = join(top, 'pids')
  const hung = `// test: seconds 0
    import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    process.on('SIGTERM', () => {})
    const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
    writeFileSync(${JSON.stringify(pids)}, process.pid + ' ' + child.pid)
    setInterval(() => {}, 1e6)`
  const { status, last, stdout } = await runSuite(top, { hung })
  t.equal(status, 1)
  t.equal(last, '0 passed, 1 failed')
  t.match(stdout, 'it did not end within 0 s and was killed')
  for (const pid of readFileSync(pids, 'utf8').split(' ')) t.notOk(isRunning(Number(pid)), `process ${pid} is gone`)
})

t.test(
  'runner: a process left behind in a group of its own → ended, told, and a failure',
  { skip: !existsSync('/proc/self/environ') },
  async t => {
    const top = t.testdir()
    const pidFile = join(top, 'pid')
    const leaving = `import { spawn } from 'node:child_process'
    import { writeFileSync } from 'node:fs'
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore', detached: true })
    child.unref()
    writeFileSync(${JSON.stringify(pidFile)}, String(child.pid))
    ${passing}`
    const { status, last, stdout } = await runSuite(top, { leaving })
    t.equal(status, 1)
    t.equal(last, '1 passed, 1 failed')
    t.match(stdout, /it left 1 process behind:\n\s+\d+ .*setInterval/)
    t.notOk(isRunning(Number(readFileSync(pidFile, 'utf8'))))
  }
)

t.test('runner: it is stopped by SIGTERM → what it started is gone, exit 1', async t => {
  const top = t.testdir()
  const pidFile = join(top, 'pid')
  writeTree(join(top, 'test'), {
    'a.test.js': `import { writeFileSync } from 'node:fs'
      process.on('SIGTERM', () => {})
      setInterval(() => {}, 1e6)
      writeFileSync(${JSON.stringify(pidFile)}, String(process.pid))`
  })
  const runner = spawn(process.execPath, [join(root, 'scripts/test.mjs'), '--build', top], { stdio: 'ignore' })
  t.teardown(() => runner.kill('SIGKILL'))
  const exited = new Promise(resolve => runner.once('exit', resolve))
  for (let tries = 0; !existsSync(pidFile) && tries < 1_000; tries++) await wait(10)
  runner.kill('SIGTERM')
  t.equal(await exited, 1)
  t.notOk(isRunning(Number(readFileSync(pidFile, 'utf8'))))
})

t.test('runner: files that are to run alone → after the others, one at a time', async t => {
  const top = t.testdir()
  const log = join(top, 'log')
  const logging = (name: string) => `// test: alone
    import { appendFileSync } from 'node:fs'
    appendFileSync(${JSON.stringify(log)}, 'begin ${name}\\n')
    await new Promise(resolve => setTimeout(resolve, 100))
    appendFileSync(${JSON.stringify(log)}, 'end ${name}\\n')
    ${passing}`
  const { status } = await runSuite(top, { a: logging('a'), 'cluster/b': logging('b'), z: passing })
  t.equal(status, 0)
  t.same(readFileSync(log, 'utf8').trim().split('\n'), ['begin a', 'end a', 'begin b', 'end b'])
})

t.test('runner: an unknown option → the usage, exit 1', async t => {
  const { status, stderr } = await runScript('test.mjs', ['--fast'])
  t.equal(status, 1)
  t.match(stderr, /--fast[^]*npm test -- \[words\]/)
})

/** A zombie (killed, not yet fetched by its parent) is gone for our purposes. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const stat = `/proc/${pid}/stat`
  return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, 'utf8'))
}
