import type { Command } from 'commander'
import { defineChange } from '../host-change.ts'
import type { Terminal } from '../terminal.ts'

/** Answers at once; `--wait` until the host has left. */
export function define(command: Command, terminal: Terminal): void {
  defineChange(command, terminal, {
    request: 'leave',
    description:
      'Let a host leave: others take over its partitions, it hands over what it keeps for others, and its process ends. Its data directory stays.',
    abort: 'let it stay; possible until it has given up its place on the ring',
    done: 'left'
  })
}
