import { type Command, InvalidArgumentError, Option } from 'commander'
import { wholeOption } from '../api/cli/options.ts'
import { CommandFailure, type Terminal } from '../api/cli/terminal.ts'
import { hostSettingsSchema, settings } from './configuration-schema.ts'
import { allows } from './setting-check.ts'

interface Flags {
  readonly hosts: number
  readonly datacenters: number
  readonly data: string
  readonly basePort: number
  readonly autoscale?: readonly [number, number]
}

const hostsDefault = 3
const hostsMax = 16
const datacentersMax = 4
const basePortDefault = 7070
/** The furthest port of a host is base + 850 + its number. */
const basePortMax = 65_535 - 850 - hostsMax * datacentersMax

/** What `npm start` runs. */
export function define(command: Command, _terminal: Terminal): void {
  command
    .description(
      'Run a local cluster until Ctrl-C: what npm start runs. Started again, its data is still there. With CARILLON_DEV_TOKEN set, that token is required.'
    )
    .addOption(wholeOption('--hosts <N>', 'hosts of the cluster', 1, hostsMax).default(hostsDefault))
    .addOption(
      wholeOption('--datacenters <N>', 'datacenters, each with so many hosts and a ring of its own', 1, datacentersMax).default(1)
    )
    .option('--data <DIR>', 'directory of their data, one host-n each', './data/dev')
    .addOption(
      wholeOption(
        '--base-port <PORT>',
        'HTTP of host n is PORT + n, NATS PORT + 350 + n, routes PORT + 550 + n, monitor PORT + 750 + n, gateway PORT + 850 + n',
        1,
        basePortMax
      ).default(basePortDefault)
    )
    .addOption(
      new Option(
        '--autoscale <MIN..MAX>',
        'start hosts and let them leave as traffic wants it; --hosts is how many there are at first'
      ).argParser(rangeOf)
    )
    .action(async ({ hosts, datacenters, data, basePort, autoscale }: Flags) => {
      const token = devToken(process.env)
      const { runDev } = await import('./dev.ts')
      if (autoscale !== undefined && datacenters > 1)
        throw new CommandFailure('--autoscale goes with one datacenter: leave --datacenters out')
      const range = autoscale === undefined ? undefined : { min: autoscale[0], max: autoscale[1] }
      const first = Math.max(hosts, range?.min ?? 0)
      await runDev({ hosts: first, datacenters, data, basePort, token, autoscale: range }).catch(error => {
        throw new CommandFailure(`the local cluster could not start: ${error instanceof Error ? error.message : String(error)}`)
      })
    })
}

function rangeOf(text: string): readonly [number, number] {
  const [, min, max] = (/^([0-9]{1,2})\.\.([0-9]{1,2})$/.exec(text) ?? []).map(Number)
  if (min === undefined || max === undefined || min < 1 || max < min || max > hostsMax)
    throw new InvalidArgumentError(`Allowed is MIN..MAX of 1 to ${hostsMax}, as 3..6.`)
  return [min, max]
}

/** The hosts take it as their `token`: what they would refuse is refused here, by the name under which it was set. */
function devToken(environment: Readonly<Record<string, string | undefined>>): string {
  const token = environment['CARILLON_DEV_TOKEN'] ?? ''
  const setting = settings.find(each => each.name === 'token')
  if (!allows(hostSettingsSchema.properties.token, token)) {
    throw new CommandFailure(
      `CARILLON_DEV_TOKEN is not one that can be used: allowed is ${setting?.allowed}; or unset it for none`
    )
  }
  return token
}
