import { isIP } from 'node:net'
import type { ConfigurationProblem } from './configuration-error.ts'
import { settings, type HostSettings, type SettingName } from './configuration-schema.ts'

/** Settings that are paths of files; '' for none. */
export const pathSettings = Object.freeze(['tokenFile', 'clusterSecretFile', 'tlsCa', 'tlsCert', 'tlsKey'] as const)

/** Whether nobody beyond this machine can reach the address. */
export function isLoopback(address: string): boolean {
  if (isIP(address) === 4) return address.startsWith('127.')
  return address === 'localhost' || address === '::1'
}

/** Whether it means all addresses of this machine, and so says nothing of the one that others use. */
export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/** The address that others are told; a wildcard is not told to anybody. */
export function addressOfHost({ bind, advertise }: Pick<HostSettings, 'bind' | 'advertise'>): string {
  if (advertise !== '') return advertise
  return isWildcard(bind) ? '127.0.0.1' : bind
}

export function hasTls({ tlsCert }: Pick<HostSettings, 'tlsCert'>): boolean {
  return tlsCert !== ''
}

/** What is wrong with credentials and TLS taken together. Files are not looked into. */
export function securityProblems(
  checked: HostSettings,
  sources: Readonly<Partial<Record<SettingName, string>>>
): ConfigurationProblem[] {
  const problems: ConfigurationProblem[] = []
  const refuse = (name: SettingName, text: string): void => {
    problems.push({ key: keyOf(name), source: sources[name] ?? 'default', text })
  }
  for (const [secret, file] of [
    ['token', 'tokenFile'],
    ['clusterSecret', 'clusterSecretFile']
  ] as const) {
    if (checked[secret] !== '' && checked[file] !== '')
      refuse(file, `${secret} (${sources[secret]}) and ${file} (${sources[file]}) are both set: set one of them.`)
  }
  const parts = (['tlsCa', 'tlsCert', 'tlsKey'] as const).filter(name => checked[name] === '')
  if (parts.length > 0 && parts.length < 3)
    refuse(
      parts[0]!,
      `tls.ca, tls.cert and tls.key belong together: set ${parts.map(keyOf).join(' and ')}, too, or none of them.`
    )
  if (checked.tlsClients === 'certificate' && !hasTls(checked))
    refuse('tlsClients', 'tls.clients is "certificate", and there is no TLS: set tls.ca, tls.cert and tls.key, too.')
  if (!isLoopback(checked.bind)) {
    const problem = beyondLoopback(checked, sources)
    if (problem !== undefined) refuse('bind', problem)
  }
  return problems
}

function beyondLoopback(checked: HostSettings, sources: Readonly<Partial<Record<SettingName, string>>>): string | undefined {
  const { bind, advertise, token, tokenFile, clusterSecret, clusterSecretFile, busServers } = checked
  const missing: string[] = []
  if (!hasTls(checked))
    missing.push(
      'TLS (`carillon certificates DIR --hosts HOST,…` makes certificates to begin with: set tls.ca, tls.cert and tls.key)'
    )
  if (token === '' && tokenFile === '') missing.push('a token (`carillon token > FILE`, and set tokenFile)')
  if (clusterSecret === '' && clusterSecretFile === '' && busServers.length === 0)
    missing.push('a secret between the hosts (`carillon token > FILE`, and set clusterSecretFile)')
  if (isWildcard(bind) && (advertise === '' || isLoopback(advertise)))
    missing.push('the address that others reach this host by (set advertise)')
  if (missing.length === 0) return undefined
  return (
    `bind is ${JSON.stringify(bind)} (${sources.bind}): beyond loopback every port needs TLS and credentials, and this configuration is without ` +
    `${missing.join('; without ')}. Or bind 127.0.0.1. docs/deployment.md shows all of it.`
  )
}

function keyOf(name: SettingName): string {
  return settings.find(each => each.name === name)!.key
}
