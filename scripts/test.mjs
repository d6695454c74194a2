// npm test: sets up what is missing, then runs every build/test/**/*.test.js, each in a process of its own.
// npm test -- [words] [--coverage] [--bail] [--soak] [--jobs N]
import './node-version.mjs'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './build.mjs'
import { fail, SetUpError } from './set-up-error.mjs'
import { setUp } from './setup.mjs'

const usage = `npm test -- [words] [options]
  words         run only the files whose path holds one of them: npm test -- model bus
  --coverage    measure what the tests reach; a table here, pages in coverage/
  --soak        the long ones too; a file that a word names runs in any case
  --bail        stop at the first file that fails
  --jobs N      files at a time (default 2)
  --build DIR   run the tests compiled there, without any set-up`

try {
  process.exitCode = await main(readOptions(process.argv.slice(2)))
} catch (error) {
  fail(error)
}

function readOptions(args) {
  const types = { coverage: 'boolean', bail: 'boolean', soak: 'boolean', jobs: 'string', build: 'string', help: 'boolean' }
  let parsed
  try {
    parsed = parseArgs({
      args,
      allowPositionals: true,
      options: Object.fromEntries(Object.entries(types).map(([name, type]) => [name, { type }]))
    })
  } catch (error) {
    throw new SetUpError(`${error.message}\n\n${usage}`)
  }
  const { values, positionals } = parsed
  if (values.help) {
    console.log(usage)
    process.exit(0)
  }
  const jobs = Number(values.jobs ?? 2)
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 64)
    throw new SetUpError(`--jobs takes a number from 1 to 64, not ${values.jobs}`)
  const { coverage = false, bail = false, soak = false, build } = values
  return { words: positionals, coverage, bail, soak, jobs, build }
}

/** @returns the exit status */
async function main(options) {
  const env = options.bail ? { TAP_BAIL: '1' } : {}
  if (options.build === undefined) env.CARILLON_NATS_SERVER = await setUp()
  // Loaded only now: they need packages that the set-up installs.
  const [{ runTestFile, readDirectives }, { signalTree }, report] = await Promise.all([
    import('./test-file.mjs'),
    import('./process-tree.mjs'),
    import('./reporter.mjs')
  ])
  const buildFolder = resolve(root, options.build ?? 'build')
  const files = findFiles(join(buildFolder, 'test'), 'test')
    .filter(name => options.words.length === 0 || options.words.some(word => name.includes(word)))
    .map(name => {
      const path = join(buildFolder, name.replace(/\.ts$/, '.js'))
      return { name, path, ...readDirectives(name, join(root, name), path) }
    })
    .filter(file => !file.soak || options.soak || options.words.length > 0)
  const coverageFolder = options.coverage ? mkdtempSync(join(tmpdir(), 'carillon-coverage-')) : undefined
  if (coverageFolder !== undefined) env.NODE_V8_COVERAGE = coverageFolder

  const running = new Set()
  let stopped = false
  const onSignal = signal => {
    stopped = true
    for (const tree of running) signalTree(tree, 'SIGKILL')
    console.log(`\nStopped by ${signal}.`)
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)

  const results = []
  const work = async queue => {
    for (let file = queue.shift(); file !== undefined && !stopped; file = queue.shift()) {
      let started
      const result = await runTestFile(file, {
        root,
        env,
        onStart: tree => {
          started = tree
          running.add(tree)
        }
      })
      running.delete(started)
      results.push(result)
      console.log(report.fileLine(result))
      if (result.tally.failed > 0) console.log(report.failureReport(result))
      if (options.bail && result.tally.failed > 0) stopped = true
    }
  }
  const together = files.filter(file => !file.alone)
  await Promise.all(Array.from({ length: options.jobs }, () => work(together)))
  await work(files.filter(file => file.alone))

  if (coverageFolder !== undefined) await reportCoverage(coverageFolder)
  const wrong = results.some(result => result.tally.failed > 0)
  if (wrong) console.log(report.failureList(results))
  const slowest = report.slowestReport(results)
  if (slowest !== '') console.log(slowest)
  const ran = results.reduce((total, result) => total + result.tally.passed + result.tally.failed, 0)
  if (ran === 0)
    console.log(`\nNo test ran${options.words.length > 0 ? `: no file's path holds ${options.words.join(' or ')}` : ''}.`)
  console.log(`\n${report.summaryLine(results)}`)
  return wrong || ran === 0 || stopped ? 1 : 0
}

/** @returns source names, `test/model/ring.test.ts`, sorted */
function findFiles(folder, name) {
  if (!existsSync(folder)) return []
  const found = []
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) found.push(...findFiles(join(folder, entry.name), `${name}/${entry.name}`))
    else if (entry.name.endsWith('.test.js')) found.push(`${name}/${entry.name.replace(/\.js$/, '.ts')}`)
  }
  return found.sort()
}

async function reportCoverage(folder) {
  const { attempt } = await import('./command.mjs')
  const c8 = join(root, 'node_modules', 'c8', 'bin', 'c8.js')
  const args = [
    'report',
    '--temp-directory',
    folder,
    '--reporter',
    'text',
    '--reporter',
    'html',
    '--exclude-after-remap',
    '--exclude',
    'test/**',
    '--exclude',
    'node_modules/**',
    '--exclude',
    'scripts/**'
  ]
  const { output } = await attempt(process.execPath, [c8, ...args], { cwd: root })
  console.log(`\n${output.trimEnd()}`)
  rmSync(folder, { recursive: true, force: true })
}
