import type { Command } from 'commander'
import { wholeOption } from '../api/cli/options.ts'
import { CommandFailure, type Terminal } from '../api/cli/terminal.ts'

interface Flags {
  readonly hosts: number
  readonly data: string
  readonly basePort: number
}

const hostsDefault = 3
const hostsMax = 16
const basePortDefault = 7070
/** The furthest port of a host is base + 750 + its number. */
const basePortMax = 65_535 - 750 - hostsMax

/** What `npm start` runs. */
export function define(command: Command, _terminal: Terminal): void {
  command
    .description(
      'Run a local cluster until Ctrl-C: what npm start runs. Started again, its data is still there. With CARILLON_DEV_TOKEN set, that token is required.'
    )
    .addOption(wholeOption('--hosts <N>', 'hosts of the cluster', 1, hostsMax).default(hostsDefault))
    .option('--data <DIR>', 'directory of their data, one host-n each', './data/dev')
    .addOption(
      wholeOption(
        '--base-port <PORT>',
        'HTTP of host n is PORT + n, NATS PORT + 350 + n, routes PORT + 550 + n, monitor PORT + 750 + n',
        1,
        basePortMax
      ).default(basePortDefault)
    )
    .action(async ({ hosts, data, basePort }: Flags) => {
      const { runDev } = await import('./dev.ts')
      const status = await runDev({ hosts, data, basePort, token: process.env['CARILLON_DEV_TOKEN'] ?? '' })
      if (status !== 0) throw new CommandFailure(`the local cluster ended with status ${status}`)
    })
}
