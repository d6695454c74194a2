import { stringify } from 'yaml'
import type { Configuration } from './configuration.ts'
import { settings, textOf, type Setting } from './configuration-schema.ts'

/** One setting for `config print`: its value, and the source that decided it. */
export interface PrintedSetting {
  readonly key: string
  readonly value: unknown
  readonly source: string
}

/** What stands for a secret that is set. */
export const masked = '********'

/** Every setting in the schema's order; secrets are masked, so the result may be logged or shown. */
export function printedSettings({ settings: values, sources }: Configuration): PrintedSetting[] {
  return settings.map(setting => {
    const value = values[setting.name]
    return { key: setting.key, value: setting.isSecret && value !== '' ? masked : value, source: sources[setting.name] }
  })
}

/** docs/configuration.md, whole. */
export function configurationDocument(): string {
  return `# Configuration

<!-- Written by deploy/configuration-document.ts from deploy/configuration-schema.ts; a test keeps the two equal. Change the schema. -->

A host reads its settings from four places; a later one wins:

1. the defaults below
2. the file \`carillon.yaml\` of the working directory, or the one that \`--config FILE\` or \`CARILLON_CONFIG\` names
3. the environment, \`CARILLON_*\`
4. the flags of \`carillon host\`

A program that embeds a host gives its settings to \`startHost\`; they win over all of these.

\`carillon config print\` shows every value and the source that decided it (\`--json\` for programs; secrets are masked).
\`carillon config check\` says whether a host would take the configuration: exit status 0, or 1 with one sentence for each problem.
Both take the flags of \`carillon host\`. A bad value is refused with its key, the value and what is allowed; an unknown key or flag is refused with the nearest known one.
A \`CARILLON_*\` variable that is neither a setting nor nearly spelt like one is left alone (Kubernetes sets such for a service named carillon); \`config check\` lists them.

Lists are separated by commas in the environment and in flags.

## Settings

| key in carillon.yaml | environment | flag | default | allowed |
|---|---|---|---|---|
${settings.map(row).join('\n')}

${settings.map(paragraph).join('\n')}

## Example

\`\`\`yaml
${stringify({ name: 'a', data: '/var/lib/carillon', http: { port: 7070 }, nats: { port: 7420 }, route: { port: 7620 }, join: ['127.0.0.1:7621'], zone: 'rack-1' }).trimEnd()}
\`\`\`

## Ports
Port 0 means any that is free. \`npm start\` gives host n the ports 7070 + n, 7420 + n, 7620 + n and 7820 + n, and data in ./data/dev/host-n; \`--base-port P\` moves them to P + n, P + 350 + n, P + 550 + n and P + 750 + n.

## Beyond loopback
A \`bind\` beyond loopback (127.0.0.0/8, ::1, localhost) is refused unless every port has TLS and asks for credentials:

\`\`\`yaml
bind: 0.0.0.0
advertise: a.example.org                             # what others are told; needed with 0.0.0.0 and ::
tokenFile: /etc/carillon/token                       # carillon token > FILE
clusterSecretFile: /etc/carillon/cluster-secret      # carillon token > FILE; hosts alone
tls:                                                 # carillon certificates DIR --hosts a.example.org,…
  ca: /etc/carillon/ca.pem
  cert: /etc/carillon/host.pem
  key: /etc/carillon/host-key.pem
\`\`\`

A secret stands in its setting or in a file, not in both; of a file the end of line is left out. \`config check\` looks into the files. On loopback all of this may be used as well, and a token alone, too.
What each port asks of whom, and files for systemd, Compose and Kubernetes: [deployment.md](deployment.md).

## Other variables
| variable | meaning |
|---|---|
| \`CARILLON_CONFIG\` | the configuration file, as \`--config\` |
| \`CARILLON_SERVERS\` | \`--servers\` of every command that talks to a cluster |
| \`CARILLON_DEV_TOKEN\` | the token of the local cluster of \`npm start\`; unset: it runs without credentials, on loopback |
`
}

function row(setting: Setting): string {
  const byDefault = setting.defaultText === '' ? 'empty' : `\`${setting.defaultText}\``
  return `| \`${setting.key}\` | \`${setting.variable}\` | \`${setting.flag}\` | ${setting.default === undefined ? setting.defaultText : byDefault} | ${setting.allowed.replaceAll('|', '\\|')} |`
}

function paragraph(setting: Setting): string {
  return `- **\`${setting.key}\`**: ${setting.description}${setting.isSecret ? ' Secret: never printed nor logged.' : ''}`
}

/** A value for a table. */
export function shownValue(value: unknown): string {
  return value === '' || (Array.isArray(value) && value.length === 0) ? '(empty)' : textOf(value)
}
