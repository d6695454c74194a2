import type { Command } from 'commander'
import { definePlanOrder } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'

export function define(command: Command, terminal: Terminal): void {
  definePlanOrder(command, terminal, 'resume', 'Let a plan that was paused go on.')
}
