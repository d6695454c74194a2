import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt, describeFailure, run } from './command.mjs'
import { SetUpError } from './set-up-error.mjs'

const stampName = '.carillon-dependencies'

/** True where node_modules holds what package-lock.json names, for this Node. */
export function dependenciesAreCurrent(root) {
  return readIfThere(join(root, 'node_modules', stampName)) === stampText(root)
}

/** Installs the packages that package-lock.json names; the stamp is written last, so that a broken-off installation is done again. */
export async function installDependencies(root) {
  if (!agreesWithLockfile(root)) {
    console.log('Installing packages (npm ci) …')
    const [program, ...args] = npmCommand()
    await run(
      program,
      [...args, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'],
      'Check the network and the registry (npm config get registry), then run the command again. Carillon needs nothing but Node and its npm for this step.',
      { cwd: root }
    )
  }
  await checkNativeParts(root)
  writeFileSync(join(root, 'node_modules', stampName), stampText(root))
}

/** Native parts are built per platform and per Node's binary interface. */
function stampText(root) {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  return `${lock} ${process.platform}-${process.arch} ${process.versions.modules}\n`
}

/**
 * What npm says it installed (it writes that list last) against what the lockfile asks for: whoever has just run
 * `npm install` need not install everything again.
 */
function agreesWithLockfile(root) {
  const installedText = readIfThere(join(root, 'node_modules', '.package-lock.json'))
  if (installedText === undefined) return false
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(installedText).packages
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue
    const present = installed[path]
    if (present === undefined) {
      if (entry.optional === true) continue
      return false
    }
    if (present.version !== entry.version || present.integrity !== entry.integrity) return false
    if (!existsSync(join(root, path, 'package.json'))) return false
  }
  return true
}

/** Loads what has a native core once, in a process of its own, so that trouble is told here and not at the first write. */
async function checkNativeParts(root) {
  const script = "import('lmdb').then(lmdb => { if (typeof lmdb.open !== 'function') throw new Error('no open()') })"
  const { status, output } = await attempt(process.execPath, ['-e', script], { cwd: root })
  if (status === 0) return
  const advice =
    `The native part of lmdb does not load on ${process.platform}-${process.arch} with Node ${process.version}. ` +
    'Install a C++ compiler, make and python3 (Debian: apt-get install build-essential python3), run "npm rebuild lmdb", and try again.'
  throw new SetUpError(describeFailure('loading lmdb', status, output, advice))
}

/** The npm that runs this script, else the one on the PATH. */
function npmCommand() {
  const own = process.env.npm_execpath
  return own !== undefined && /npm-cli\.[cm]?js$/.test(own) ? [process.execPath, own] : ['npm']
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}
