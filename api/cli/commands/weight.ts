import { type Command, InvalidArgumentError } from 'commander'
import { addConnectionOptions, timeoutOption, withCluster } from '../options.ts'
import { type PlanFlags, stageChange } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'

export function define(command: Command, terminal: Terminal): void {
  command
    .description('Stage another weight of a host: its share of the ring, relative to the other hosts’ weights.')
    .argument('HOST', 'its name')
    .argument('WEIGHT', 'a number above 0', (text: string) => {
      const weight = text.trim() === '' ? Number.NaN : Number(text)
      if (!Number.isFinite(weight)) throw new InvalidArgumentError('Allowed is a number.')
      return weight
    })
  addConnectionOptions(command.addOption(timeoutOption())).action((host: string, weight: number, flags: PlanFlags) =>
    withCluster(terminal, flags, cluster => stageChange(terminal, flags, cluster, { change: 'weight', host, weight }))
  )
}
