import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import type { Terminal } from '../api/cli/terminal.ts'

/** 256 bits: nobody guesses it, however often they may try. */
const tokenBytes = 32

/** `token`: for `token`, `clusterSecret` and their files. */
export function define(command: Command, terminal: Terminal): void {
  command
    .description('Print a token of 256 random bits: for the token that clients show, or for the secret between hosts.')
    .action(async () => {
      await terminal.output.write(`${randomBytes(tokenBytes).toString('base64url')}\n`)
    })
}
