#!/usr/bin/env node
/**
 * Every Debian package as a pair, for `carillon import`:
 *
 *     apt-cache dumpavail | node build/examples/packages/to-ndjson.js | npx carillon import -
 *
 * The key is name=version:architecture, the value an object of the record's fields. Some records are larger than the store's
 * default limit of 10 KB for a pair: the import refuses those, names them, and stores the rest.
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { lineOf, MalformedRecord, packagesOf } from './dumpavail.ts'

let records = 0

async function* lines(texts: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const found of packagesOf(texts)) {
    records += 1
    yield lineOf(found)
  }
}

process.stdin.setEncoding('utf8')
try {
  await pipeline(Readable.from(lines(process.stdin)), process.stdout)
  console.error(`${records} records`)
} catch (error) {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(0)
  if (!(error instanceof MalformedRecord)) throw error
  console.error(`to-ndjson: ${error.message}: pipe the output of apt-cache dumpavail into it`)
  process.exitCode = 1
}
