// npm run chaos: sets up what is missing, then hosts as real processes under faults; see docs/reliability.md.
// CHAOS_BUILD=DIR runs what is compiled there, without any set-up.
import './node-version.mjs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './build.mjs'
import { fail } from './set-up-error.mjs'
import { setUp } from './setup.mjs'

const given = process.env.CHAOS_BUILD
try {
  if (given === undefined) process.env.CARILLON_NATS_SERVER = await setUp()
} catch (error) {
  fail(error)
}
await import(pathToFileURL(join(resolve(root, given ?? 'build'), 'test', 'chaos', 'chaos.js')).href)
