// npm start: sets up what is missing, then runs the local cluster in this very process (`carillon dev`), so that
// signals, the exit status and the terminal are the cluster's own.
import './node-version.mjs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './build.mjs'
import { fail } from './set-up-error.mjs'
import { setUp } from './setup.mjs'

try {
  process.env.CARILLON_NATS_SERVER = await setUp()
} catch (error) {
  fail(error)
}
const command = join(root, 'build', 'deploy', 'carillon.js')
process.argv = [process.execPath, command, 'dev', ...process.argv.slice(2)]
await import(pathToFileURL(command).href)
