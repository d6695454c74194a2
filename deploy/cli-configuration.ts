import { hostname } from 'node:os'
import type { Command } from 'commander'
import { readConfigurationFile } from './configuration-file.ts'
import { settings, type SettingName } from './configuration-schema.ts'
import { readConfiguration, type Configuration } from './configuration.ts'

/** What commander makes of the flags below. */
export type HostFlags = Readonly<Partial<Record<SettingName | 'config', string>>>

/** `--config` and a flag for every setting of a host. */
export function addHostOptions(command: Command): Command {
  command.option('--config <FILE>', 'the configuration file (default: carillon.yaml, if there is one; or CARILLON_CONFIG)')
  for (const { flag, name, description, defaultText } of settings) {
    const text = description.replaceAll('`', '')
    const option = command.createOption(`${flag} <VALUE>`, defaultText === '' ? text : `${text} (default: ${defaultText})`)
    option.attributeName = () => name
    command.addOption(option)
  }
  return command
}

/** The configuration that a host with these flags would have in this process. @throws {ConfigurationError} */
export function configurationOf(
  flags: HostFlags,
  environment: Readonly<Record<string, string | undefined>> = process.env
): Configuration {
  const { config, ...rest } = flags
  const path = config ?? (environment['CARILLON_CONFIG'] === '' ? undefined : environment['CARILLON_CONFIG'])
  return readConfiguration({
    hostname: hostname(),
    workingDirectory: process.cwd(),
    file: readConfigurationFile(path),
    environment,
    flags: rest
  })
}
