import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { root } from '../project/checkout.ts'

const run = promisify(execFile)
const bytesMax = 64 * 1024 * 1024

/**
 * Whether the history has the commit. @returns why it has not, undefined where it has
 */
export async function historyLacks(commit: string): Promise<string | undefined> {
  if (!existsSync(join(root, '.git'))) return 'this checkout has no history to take the earlier release from'
  try {
    await run('git', ['-C', root, 'cat-file', '-e', `${commit}^{commit}`])
    return undefined
  } catch {
    return `the history does not reach back to ${commit}: fetch all of it (git fetch --unshallow)`
  }
}

/** The program as of a commit, built into a folder, with the packages of this checkout. @returns its `carillon.js` */
export async function buildOf(commit: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const archive = join(folder, 'source.tar')
  await run('git', ['-C', root, 'archive', '--format=tar', '--output', archive, commit])
  await run('tar', ['-xf', archive, '-C', folder])
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const parts = ['*.ts', 'model', 'bus', 'storage', 'runtime', 'actors', 'api', 'simulation', 'deploy']
  // Its types were checked when it was new.
  const options = { noCheck: true, declaration: false, sourceMap: false }
  const config = { extends: './tsconfig.json', compilerOptions: options, include: parts, exclude: ['node_modules', 'build'] }
  writeFileSync(join(folder, 'tsconfig.program.json'), JSON.stringify(config))
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  await run(process.execPath, [compiler, '-p', join(folder, 'tsconfig.program.json'), '--outDir', join(folder, 'build')], {
    maxBuffer: bytesMax
  })
  return join(folder, 'build', 'deploy', 'carillon.js')
}
