// Compiles the sources into build/. By itself: npm run build
import './node-version.mjs'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { attempt, describeFailure } from './command.mjs'
import { fail, SetUpError } from './set-up-error.mjs'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const stampName = '.stamp'
const sourceName = /(?<!\.d)\.[cm]?tsx?$|\.json$/
const outputName = /\.(?:js|d\.ts|js\.map|d\.ts\.map)$/

/** True where build/ was made from the sources as they are. */
export function buildIsCurrent(top = root) {
  return readIfThere(join(top, 'build', stampName)) === fingerprint(top)
}

/**
 * Compiles, and removes what was made from sources that are gone; the stamp is written last.
 * @throws {SetUpError} with the compiler's messages; nothing is emitted then
 */
export async function build(top = root) {
  const before = fingerprint(top)
  const out = join(top, 'build')
  rmSync(join(out, stampName), { force: true })
  const { status, output } = await attempt(
    process.execPath,
    [compiler(top), '-p', 'tsconfig.json', '--noEmitOnError', '--pretty', 'false'],
    { cwd: top }
  )
  if (status !== 0)
    throw new SetUpError(
      describeFailure('tsc -p tsconfig.json', status, output, 'Mend what it names, then run the command again.')
    )
  mkdirSync(out, { recursive: true })
  for (const folder of sourceFolders(top)) removeStale(join(out, folder), join(top, folder))
  writeFileSync(join(out, stampName), before)
}

function compiler(top) {
  const manifest = JSON.parse(readFileSync(join(top, 'node_modules', 'typescript', 'package.json'), 'utf8'))
  return join(top, 'node_modules', 'typescript', manifest.bin.tsc)
}

/** Names, sizes and times of all that the compiler reads: cheaper than their contents, and enough. */
function fingerprint(top) {
  const hash = createHash('sha256')
  for (const file of ['tsconfig.json', 'package.json', 'package-lock.json']) addFile(hash, top, file)
  for (const entry of readdirSync(top, { withFileTypes: true }))
    if (entry.isFile() && sourceName.test(entry.name)) addFile(hash, top, entry.name)
  for (const folder of sourceFolders(top)) addFolder(hash, top, folder)
  return `${hash.digest('hex')}\n`
}

function addFolder(hash, top, folder) {
  for (const entry of entriesOf(join(top, folder))) {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) addFolder(hash, top, path)
    else if (sourceName.test(entry.name)) addFile(hash, top, path)
  }
}

function addFile(hash, top, path) {
  const stat = statSync(join(top, path), { throwIfNoEntry: false })
  if (stat !== undefined) hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`)
}

function sourceFolders(top) {
  const include = JSON.parse(readFileSync(join(top, 'tsconfig.json'), 'utf8')).include
  return include.filter(name => !name.includes('*'))
}

function removeStale(outFolder, sourceFolder) {
  for (const entry of entriesOf(outFolder)) {
    const path = join(outFolder, entry.name)
    if (entry.isDirectory()) {
      removeStale(path, join(sourceFolder, entry.name))
      if (!existsSync(join(sourceFolder, entry.name)) && readdirSync(path).length === 0) rmSync(path, { recursive: true })
    } else if (outputName.test(entry.name)) {
      const stem = join(sourceFolder, entry.name.replace(outputName, ''))
      if (!['.ts', '.tsx'].some(ending => existsSync(stem + ending))) rmSync(path)
    }
  }
}

function entriesOf(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await build()
  } catch (error) {
    fail(error)
  }
}
