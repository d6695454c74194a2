import type { Command } from 'commander'
import { addConnectionOptions, timeoutOption, withCluster } from '../options.ts'
import { type PlanFlags, stageChange } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'

export function define(command: Command, terminal: Terminal): void {
  command
    .description('Stage that a host which has come, and waits to be told (see `newcomers`), takes its place on the ring.')
    .argument('HOST', 'its name')
  addConnectionOptions(command.addOption(timeoutOption())).action((host: string, flags: PlanFlags) =>
    withCluster(terminal, flags, cluster => stageChange(terminal, flags, cluster, { change: 'join', host }))
  )
}
