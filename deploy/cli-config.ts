import type { Command } from 'commander'
import { tableOf } from '../api/cli/table.ts'
import { CommandFailure, type Terminal } from '../api/cli/terminal.ts'
import { addHostOptions, configurationOf, type HostFlags } from './cli-configuration.ts'
import { systemClock } from '../runtime/system-clock.ts'
import { ConfigurationError, type ConfigurationProblem } from './configuration-error.ts'
import { printedSettings, shownValue } from './configuration-print.ts'
import type { Configuration } from './configuration.ts'
import { withSecrets } from './host-secrets.ts'
import { hostTlsOf } from './host-tls.ts'

interface Flags {
  readonly json?: boolean
}

/** `config print` and `config check`. */
export function define(command: Command, terminal: Terminal): void {
  command.description('A host’s configuration: carillon.yaml, then CARILLON_*, then flags. See docs/configuration.md.')
  const print = command
    .command('print')
    .summary('print every setting and where it comes from')
    .description('Print every setting and where it comes from; secrets are masked.')
  addHostOptions(print.option('--json', 'print JSON')).action(async ({ json, ...flags }: Flags & HostFlags) => {
    const printed = printedSettings(configurationOf(flags))
    const rows = printed.map(({ key, value, source }) => [key, shownValue(value), source])
    await terminal.output.write(
      json === true
        ? `${JSON.stringify({ settings: printed })}\n`
        : await tableOf(terminal.output, ['KEY', 'VALUE', 'SOURCE'], rows)
    )
  })
  const check = command
    .command('check')
    .summary('say whether a host would take it')
    .description('Say whether a host would take the configuration, and name each problem. Exit status 0 or 1.')
  addHostOptions(check.option('--json', 'print JSON')).action(async ({ json, ...flags }: Flags & HostFlags) => {
    const found = checked(flags)
    if (json === true) {
      const problems = found instanceof ConfigurationError ? found.problems : []
      const ignored = found instanceof ConfigurationError ? [] : found.ignoredVariables
      await terminal.output.write(`${JSON.stringify({ ok: problems.length === 0, problems, ignored_variables: ignored })}\n`)
    }
    if (found instanceof ConfigurationError) throw new CommandFailure(found.message)
    if (json === true) return
    const ignored =
      found.ignoredVariables.length === 0 ? '' : `; ignored, since they are no settings: ${found.ignoredVariables.join(', ')}`
    await terminal.output.write(`the configuration of host ${found.settings.name} is good${ignored}\n`)
  })
}

function checked(flags: HostFlags): Configuration | ConfigurationError {
  try {
    const configuration = configurationOf(flags)
    const problem = fileProblem(configuration)
    return problem === undefined ? configuration : new ConfigurationError([problem])
  } catch (error) {
    if (error instanceof ConfigurationError) return error
    throw error
  }
}

/** What only a look into the files shows: secrets and certificates. */
function fileProblem({ settings }: Configuration): ConfigurationProblem | undefined {
  try {
    hostTlsOf(withSecrets(settings), systemClock.wallMs())
    return undefined
  } catch (error) {
    const { message } = error as Error
    const key = message.slice(0, message.indexOf(' '))
    return { key, source: key, text: `${message}.` }
  }
}
