import type { Command } from 'commander'
import { definePlanOrder } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'

export function define(command: Command, terminal: Terminal): void {
  definePlanOrder(
    command,
    terminal,
    'pause',
    'Let a plan stand still: nothing further begins, and nothing is fetched. Writes go on as they were.'
  )
}
