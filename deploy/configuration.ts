import { resolve } from 'node:path'
import {
  hostSettingsSchema,
  settings,
  textOf,
  type HostSettings,
  type Setting,
  type SettingName
} from './configuration-schema.ts'
import { ConfigurationError, type ConfigurationProblem } from './configuration-error.ts'
import { flattenedFile, type ConfigurationFile } from './configuration-file.ts'
import { nearestName } from './configuration-spelling.ts'
import { allows } from './setting-check.ts'
import { pathSettings, securityProblems } from './configuration-security.ts'

export type { HostSettings } from './configuration-schema.ts'

/** Where a value may come from, weakest first. */
export interface ConfigurationSources {
  /** What a computed default rests on. */
  readonly hostname: string
  readonly workingDirectory: string
  readonly file?: ConfigurationFile | undefined
  /** `CARILLON_*` is read, the rest left alone. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Texts of flags by setting, e.g. `{ httpPort: '7071' }`. */
  readonly flags?: Readonly<Partial<Record<SettingName, string>>>
  /** Values that a program gives, e.g. to `startHost`; they win over all others. */
  readonly given?: Readonly<Partial<Record<SettingName, unknown>>>
}

export interface Configuration {
  readonly settings: HostSettings
  /** `default`, the file's path, the variable's or the flag's name, or `given`. */
  readonly sources: Readonly<Record<SettingName, string>>
  /** `CARILLON_*` variables that are no setting and not near one: ignored, since a Kubernetes service named carillon sets such. */
  readonly ignoredVariables: readonly string[]
}

/** Variables with our prefix that are read elsewhere. */
const otherVariables: readonly string[] = ['CARILLON_CONFIG', 'CARILLON_DEV_TOKEN', 'CARILLON_SERVERS', 'CARILLON_SUPERVISOR_PID']

/** Values by name, and where each came from, before they are checked. */
interface Gathered {
  readonly values: Partial<Record<SettingName, unknown>>
  readonly sources: Partial<Record<SettingName, string>>
  readonly problems: ConfigurationProblem[]
  readonly ignoredVariables: string[]
}

/**
 * The settings of a host from all their sources, checked.
 * @throws {ConfigurationError} with every problem, not only the first
 */
export function readConfiguration(from: ConfigurationSources): Configuration {
  const gathered: Gathered = { values: {}, sources: {}, problems: [], ignoredVariables: [] }
  gatherDefaults(gathered, from.hostname)
  if (from.file !== undefined) gatherFile(gathered, from.file)
  gatherEnvironment(gathered, from.environment ?? {})
  for (const setting of settings) {
    const text = from.flags?.[setting.name]
    if (text !== undefined) take(gathered, setting, valueOf(setting, text), setting.flag)
  }
  gatherGiven(gathered, from.given ?? {})
  gathered.values.data ??= `data/${String(gathered.values.name)}`
  gathered.problems.push(...problemsOf(gathered))
  if (gathered.problems.length > 0) throw new ConfigurationError(gathered.problems)

  const checked = gathered.values as { -readonly [P in keyof HostSettings]: HostSettings[P] }
  for (const name of ['data', ...pathSettings] as const) {
    if (checked[name] !== '') checked[name] = resolve(from.workingDirectory, checked[name])
  }
  checked.join = Object.freeze([...checked.join])
  checked.gatewayJoin = Object.freeze([...checked.gatewayJoin])
  checked.busServers = Object.freeze([...checked.busServers])
  return Object.freeze({
    settings: Object.freeze(checked),
    sources: Object.freeze(gathered.sources as Record<SettingName, string>),
    ignoredVariables: gathered.ignoredVariables
  })
}

function gatherDefaults(gathered: Gathered, hostname: string): void {
  for (const setting of settings) {
    gathered.sources[setting.name] = 'default'
    if (setting.default !== undefined) gathered.values[setting.name] = setting.default
  }
  const name = hostname.replaceAll(/[^A-Za-z0-9_-]+/g, '-').slice(0, 64)
  gathered.values.name = name === '' || name === 'client' ? 'carillon' : name
}

function gatherFile(gathered: Gathered, file: ConfigurationFile): void {
  for (const [key, value] of flattenedFile(file)) {
    const setting = settings.find(each => each.key === key || each.name === key)
    if (setting === undefined) {
      gathered.problems.push(
        unknown(
          key,
          file.path,
          settings.map(each => each.key)
        )
      )
    } else {
      take(gathered, setting, value, file.path)
    }
  }
}

function gatherEnvironment(gathered: Gathered, environment: Readonly<Record<string, string | undefined>>): void {
  const variables = [...settings.map(setting => setting.variable), ...otherVariables]
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || !variable.startsWith('CARILLON_') || otherVariables.includes(variable)) continue
    const setting = settings.find(each => each.variable === variable)
    if (setting !== undefined) take(gathered, setting, valueOf(setting, text), variable)
    else if (nearestName(variable, variables, 2) === undefined) gathered.ignoredVariables.push(variable)
    else gathered.problems.push(unknown(variable, 'environment', variables))
  }
}

function gatherGiven(gathered: Gathered, given: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue
    const setting = settings.find(each => each.name === name)
    if (setting === undefined)
      gathered.problems.push(
        unknown(
          name,
          'given',
          settings.map(each => each.name)
        )
      )
    else take(gathered, setting, value, 'given')
  }
}

function take(gathered: Gathered, setting: Setting, value: unknown, source: string): void {
  gathered.values[setting.name] = setting.name === 'join' ? withoutScheme(value) : value
  gathered.sources[setting.name] = source
}

/** NATS spells a seed `nats-route://HOST:PORT` or `tls://HOST:PORT`; all spellings are welcome, and `tls.*` decides. */
function withoutScheme(value: unknown): unknown {
  return Array.isArray(value)
    ? value.map(each => (typeof each === 'string' ? each.replace(/^(?:nats-route|tls):\/\//, '') : each))
    : value
}

/** The text of a variable or flag as its setting's type; text that is no such value stays text, for the schema to refuse. */
function valueOf(setting: Setting, text: string): unknown {
  if (setting.type === 'array') {
    return text
      .split(',')
      .map(part => part.trim())
      .filter(part => part !== '')
  }
  if (setting.type === 'string') return text
  return /^-?[0-9]+(\.[0-9]+)?$/.test(text.trim()) ? Number(text) : text
}

function problemsOf({ values, sources }: Gathered): ConfigurationProblem[] {
  const problems = settings
    .filter(({ name }) => !allows(hostSettingsSchema.properties[name], values[name]))
    .map(setting => refused(setting, values[setting.name], sources[setting.name]!))
  if (problems.length > 0) return problems

  const checked = values as HostSettings
  const refuse = (name: SettingName, why?: string): void => {
    const setting = settings.find(each => each.name === name)!
    problems.push(refused(setting, checked[name], sources[name]!, why))
  }
  if (2 ** Math.round(Math.log2(checked.partitions)) !== checked.partitions) refuse('partitions')
  for (const name of ['readQuorum', 'writeQuorum'] as const) {
    if (checked[name] > checked.replicas)
      refuse(name, `a whole number from 1 to \`replicas\` (${checked.replicas}), or 0 for a quorum`)
  }
  if (checked.join.some(seed => !isPort(seed.slice(seed.lastIndexOf(':') + 1)))) refuse('join')
  refuseGateways(checked, refuse)
  refuseSharedPorts(checked, refuse)
  problems.push(...securityProblems(checked, sources))
  return problems
}

function refuseGateways(checked: HostSettings, refuse: (name: SettingName, why?: string) => void): void {
  if (checked.gatewayJoin.some(each => !isPort(each.slice(each.lastIndexOf(':') + 1)))) refuse('gatewayJoin')
  else if (checked.gatewayJoin.some(each => each.startsWith(`${checked.dc}@`)))
    refuse('gatewayJoin', `hosts of other datacenters than ${checked.dc}, which is this host’s own: name those in join`)
}

function refuseSharedPorts(checked: HostSettings, refuse: (name: SettingName, why: string) => void): void {
  const taken = new Map<number, SettingName>()
  for (const name of ['httpPort', 'natsPort', 'routePort', 'monitorPort', 'gatewayPort'] as const) {
    const other = taken.get(checked[name])
    if (other !== undefined) refuse(name, `a port of its own: ${settings.find(each => each.name === other)!.key} has this one`)
    else if (checked[name] !== 0) taken.set(checked[name], name)
  }
}

function isPort(text: string): boolean {
  return Number(text) >= 1 && Number(text) <= 65_535
}

function refused(setting: Setting, value: unknown, source: string, allowed = setting.allowed): ConfigurationProblem {
  const key = spelling(setting, source)
  const shown = setting.isSecret ? 'not one that can be used' : quoted(value)
  return { key, source, text: `${key} is ${shown}${key === source ? '' : ` (${source})`}: allowed is ${allowed}.` }
}

function spelling(setting: Setting, source: string): string {
  if (source === setting.flag || source === setting.variable) return source
  return source === 'given' ? setting.name : setting.key
}

function quoted(value: unknown): string {
  return JSON.stringify(Array.isArray(value) ? textOf(value) : value)?.slice(0, 120) ?? 'missing'
}

function unknown(key: string, source: string, known: readonly string[]): ConfigurationProblem {
  const near = nearestName(key, known)
  const advice = near === undefined ? 'docs/configuration.md lists them all' : `did you mean ${near}?`
  return { key, source, text: `${key.slice(0, 80)} is no setting (${source}): ${advice}${near === undefined ? '.' : ''}` }
}
