// Makes a checkout ready to run: packages, build, nats-server. Does nothing where all is there.
// By itself: npm run setup
import './node-version.mjs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, buildIsCurrent, root } from './build.mjs'
import { dependenciesAreCurrent, installDependencies } from './dependencies.mjs'
import { exclusively } from './exclusive.mjs'
import { findNatsServer, installNatsServer } from './nats-server.mjs'
import { fail } from './set-up-error.mjs'

/**
 * @returns the path of the nats-server to use
 * @throws {SetUpError} with what failed and what to do
 */
export async function setUp() {
  const found = findNatsServer(root)
  if (found !== undefined && dependenciesAreCurrent(root) && buildIsCurrent()) return found
  return exclusively(join(root, '.setup', 'lock'), async () => {
    const startedMs = Date.now()
    let worked = false
    if (!dependenciesAreCurrent(root)) {
      await installDependencies(root)
      worked = true
    }
    if (!buildIsCurrent()) {
      console.log('Building …')
      await build()
      worked = true
    }
    let natsServer = findNatsServer(root)
    if (natsServer === undefined) {
      natsServer = await installNatsServer(root)
      worked = true
    }
    if (worked) console.log(`Set up in ${((Date.now() - startedMs) / 1000).toFixed(1)} s.`)
    return natsServer
  })
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await setUp()
  } catch (error) {
    fail(error)
  }
}
