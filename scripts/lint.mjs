// npm run lint: oxlint with types, the format, the house's edges. All three run, so that one run tells all.
import './node-version.mjs'
import { join } from 'node:path'
import { attempt } from './command.mjs'
import { root } from './build.mjs'

const bin = name => join(root, 'node_modules', '.bin', name)
const checks = [
  ['oxlint', bin('oxlint'), ['--deny-warnings']],
  ['format (npm run format mends it)', bin('biome'), ['format', '--max-diagnostics=20', '.']],
  ['structure', process.execPath, [join(root, 'scripts', 'lint-structure.mjs'), root]]
]

const failed = []
for (const [name, program, args] of checks) {
  const { status, output } = await attempt(program, args, { cwd: root })
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${name}`)
  if (status !== 0) failed.push(name)
  if (status !== 0 || /\bwarning\b/.test(output)) console.log(output.trimEnd().replace(/^(?=.)/gm, '  '))
}
console.log(failed.length === 0 ? '\nlint: clean' : `\nlint: ${failed.join(', ')} failed`)
process.exitCode = failed.length === 0 ? 0 : 1
