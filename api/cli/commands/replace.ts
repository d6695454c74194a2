import type { Command } from 'commander'
import { addConnectionOptions, timeoutOption, withCluster } from '../options.ts'
import { type PlanFlags, stageChange } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'

export function define(command: Command, terminal: Terminal): void {
  command
    .description(
      'Stage that a host which waits, or joins, takes the place of another, with its weight and its partitions; nothing else moves. One that is down then counts as dead.'
    )
    .argument('OLD', 'the host to be replaced')
    .argument('NEW', 'the host that takes its place')
  addConnectionOptions(command.addOption(timeoutOption())).action((replaces: string, host: string, flags: PlanFlags) =>
    withCluster(terminal, flags, cluster => stageChange(terminal, flags, cluster, { change: 'replace', host, replaces }))
  )
}
