#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs'
import { runCommandLine } from '../api/cli/command-line.ts'
import { clusterCommands } from '../api/cli/commands.ts'
import { processTerminal } from '../api/cli/process-terminal.ts'
import { hostCommands } from './cli-commands.ts'
import { concealedTitle } from './process-title.ts'

/** How long whatever is left open may keep the process after its work. */
const lingerMsMax = 2_000

const title = concealedTitle(process.argv.slice(2))
if (title !== undefined) process.title = title

process.exitCode = await runCommandLine(
  process.argv.slice(2),
  [...hostCommands, ...clusterCommands],
  versionOf(import.meta.url),
  processTerminal(process.env)
)
setTimeout(() => process.exit(), lingerMsMax).unref()

/** Of the package that this file was built into. */
function versionOf(url: string): string {
  for (let folder = new URL('.', url); folder.pathname !== '/'; folder = new URL('..', folder)) {
    const file = new URL('package.json', folder)
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
  }
  return 'unknown'
}
