import type { Command } from 'commander'
import { defineChange } from '../host-change.ts'
import type { Terminal } from '../terminal.ts'

/** A host, or a whole datacenter. Answers at once; `--wait` until the host is removed. */
export function define(command: Command, terminal: Terminal): void {
  defineChange(command, terminal, {
    request: 'remove',
    description:
      'Remove a host that is down for good: others take its partitions, with what the other replicas have. It must not come back with its old data.',
    abort: 'let it stay; possible until the ring has moved',
    done: 'removed',
    datacenter: 'remove all hosts of this datacenter, which is gone for good: at once, and not to be taken back'
  })
}
