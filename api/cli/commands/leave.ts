import type { Command } from 'commander'
import { defineChange } from '../host-change.ts'
import type { Terminal } from '../terminal.ts'

/** Stages it; with `--now` begins it, answers at once, and with `--wait` when the host has left. */
export function define(command: Command, terminal: Terminal): void {
  defineChange(command, terminal, {
    request: 'leave',
    description:
      'Stage that a host leaves: once the plan is committed, others take over its partitions, it hands over what it keeps for others, and its process ends. Its data directory stays.',
    now: 'rather than stage it, let it leave at once',
    abort: 'with --now: let it stay; possible until it has given up its place on the ring',
    done: 'left'
  })
}
