import type { Command } from 'commander'
import { addConnectionOptions, timeoutOption, withCluster } from '../options.ts'
import { describePlan, type PlanFlags, printPlan } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'

export function define(command: Command, terminal: Terminal): void {
  command.description(
    'Show what is staged or under way, what it moves, how long that takes, and the least quorum margin on the way.'
  )
  addConnectionOptions(command.addOption(timeoutOption())).action((flags: PlanFlags) =>
    withCluster(terminal, flags, async cluster => printPlan(terminal, flags, await describePlan(cluster, flags.timeout)))
  )
}
