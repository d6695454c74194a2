import type { Command } from 'commander'
import { definePlanOrder } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'

export function define(command: Command, terminal: Terminal): void {
  definePlanOrder(
    command,
    terminal,
    'abort',
    'Drop what is staged. Of a plan under way: what the ring shows stays, what it does not show yet is taken back.'
  )
}
