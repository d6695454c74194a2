import { type Command, InvalidArgumentError } from 'commander'
import { addConnectionOptions, timeoutOption, withCluster } from '../options.ts'
import { orderPlan, type PlanFlags, printBrief } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'

const powers: Readonly<Record<string, number>> = Object.freeze({ '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 })

export function define(command: Command, terminal: Terminal): void {
  command
    .description('Bound how fast each host fetches what the plan gives it.')
    .argument('RATE', 'bytes a second for each host, with k, M or G for 1024, 1024², 1024³ of them; 0 for no bound', rateOf)
  addConnectionOptions(command.addOption(timeoutOption())).action((bytesPerSecond: number, flags: PlanFlags) =>
    withCluster(terminal, flags, async cluster => {
      const plan = await orderPlan(cluster, 'throttle', { bytes_per_second: bytesPerSecond }, flags.timeout)
      await printBrief(terminal, flags, plan)
    })
  )
}

function rateOf(text: string): number {
  const [, digits, unit] = /^([0-9]{1,12})([kKmMgG]?)$/.exec(text) ?? []
  if (digits === undefined || unit === undefined)
    throw new InvalidArgumentError('Allowed is a whole number, with k, M or G behind it.')
  return Number(digits) * powers[unit.toLowerCase()]!
}
