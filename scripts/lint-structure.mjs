// Keeps the house's edges: node scripts/lint-structure.mjs [FOLDER] [--json]
import { resolve } from 'node:path'
import { checkStructure } from './structure.mjs'

const args = process.argv.slice(2)
const { errors, warnings } = checkStructure(resolve(args.find(arg => !arg.startsWith('--')) ?? '.'))
if (args.includes('--json')) console.log(JSON.stringify({ errors, warnings }))
else {
  for (const { rule, file, line, message } of warnings) console.log(`warning ${file}:${line}  ${message}  (${rule})`)
  for (const { rule, file, line, message } of errors) console.log(`error   ${file}:${line}  ${message}  (${rule})`)
  console.log(`structure: ${errors.length} errors, ${warnings.length} warnings`)
}
process.exitCode = errors.length > 0 ? 1 : 0
