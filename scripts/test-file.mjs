import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { endTree, strayProcesses } from './process-tree.mjs'
import { TapTally } from './tap-tally.mjs'

const stderrCharactersKept = 16_000
const killGraceMs = 2_000
const drainMs = 1_000
const fileSecondsDefault = 120
const headCharacters = 2_000
let nextMark = 0

/** Folders whose files use every core: one at a time, after all others. */
const aloneFolders = /^test\/browser\//

/**
 * What a test file says of itself at its top: `// test: alone` (nothing else runs meanwhile), `// test: seconds 300`, `// test: soak` (it runs with `--soak`, or
 * where it is named).
 * @param paths the source, which the compiler may strip of its first comment, and the compiled file, which is always there
 */
export function readDirectives(name, ...paths) {
  const path = paths.find(candidate => existsSync(candidate))
  const head = path === undefined ? '' : readFileSync(path, 'utf8').slice(0, headCharacters)
  return {
    alone: aloneFolders.test(name) || /^\/\/ test:.*\balone\b/m.test(head),
    soak: /^\/\/ test:.*\bsoak\b/m.test(head),
    seconds: Number(/^\/\/ test:.*\bseconds (\d+)/m.exec(head)?.[1] ?? fileSecondsDefault)
  }
}

/**
 * Runs one compiled test file in a process (and process group) of its own.
 * It is ended when its time is over; processes that it leaves behind are ended and count as a failure.
 * @returns {Promise<{ name: string, tally: TapTally, seconds: number }>}
 */
export async function runTestFile(file, { root, env, onStart }) {
  const startedMs = performance.now()
  const mark = `${process.pid}-${++nextMark}-${Date.now().toString(36)}`
  const marks = [process.env.CARILLON_TEST_MARK, mark].filter(Boolean).join(',')
  const child = spawn(process.execPath, ['--enable-source-maps', file.path], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env, TAP_TIMEOUT: String(file.seconds), CARILLON_TEST_MARK: marks, FORCE_COLOR: '0' }
  })
  const tree = { group: child.pid, mark }
  onStart?.(tree)
  const tally = new TapTally()
  let stderr = ''
  let problem
  child.stdout.on('data', chunk => tally.write(chunk))
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr = (stderr + chunk).slice(-stderrCharactersKept)
  })
  // tap ends by itself at TAP_TIMEOUT and tells what it was waiting for; this is for a process that can't do even that.
  const timer = setTimeout(
    () => {
      problem = `it did not end within ${file.seconds} s and was killed`
      void endTree(tree, killGraceMs)
    },
    file.seconds * 1000 + killGraceMs
  )
  const ending = await new Promise(resolve => {
    child.on('error', error => resolve({ status: 127, signal: null, error }))
    // 'close' would wait for whoever inherited the pipes; what is in them when the process ends is all that counts.
    child.on('exit', (status, signal) => void drain(child).then(() => resolve({ status, signal })))
  })
  clearTimeout(timer)
  child.stdout.destroy()
  child.stderr.destroy()
  if (ending.error !== undefined) problem = `it could not be started: ${ending.error.message}`
  const strays = await strayProcesses(tree)
  if (strays.length > 0) {
    await endTree(tree, killGraceMs)
    problem ??= `it left ${strays.length} process${strays.length === 1 ? '' : 'es'} behind:\n${strays.map(stray => `  ${stray.pid} ${stray.command}`).join('\n')}`
  }
  await tally.finish({ ...ending, problem, stderr })
  return { name: file.name, tally, seconds: (performance.now() - startedMs) / 1000 }
}

/** Waits for the end of both pipes, but not for strays that hold them open. */
async function drain(child) {
  const ends = [child.stdout, child.stderr].map(
    stream => new Promise(resolve => (stream.readableEnded ? resolve() : stream.once('end', resolve)))
  )
  const patience = new AbortController()
  await Promise.race([Promise.all(ends), wait(drainMs, undefined, { signal: patience.signal }).catch(() => {})])
  patience.abort()
}
