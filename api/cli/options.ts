import { InvalidArgumentError, Option, type Command } from 'commander'
import type { ConsistencyLevel } from '../../model/quorum.ts'
import { bucketFault, keyFault } from '../../model/key.ts'
import { limits } from '../../model/limits.ts'
import type { ClusterOptions, Cluster, RequestOptions } from './cluster.ts'
import { tlsOf, tokenOf } from './credentials.ts'
import { UsageError, type Terminal } from './terminal.ts'

/** What the flags below parse to. */
export interface ConnectionFlags {
  readonly servers?: readonly string[]
  readonly token?: string
  readonly tokenFile?: string
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly cluster?: string
  readonly connectTimeout: number
}

export interface QuorumFlags {
  readonly read?: number
  readonly write?: number
  readonly primaries?: number
  readonly durable?: number
  readonly consistency?: ConsistencyLevel
  readonly durability?: 'flushed' | 'committed'
  readonly sloppy: boolean
  readonly receipt?: boolean
  readonly timeout: number
}

/** The single host's NATS port, then those of the first three hosts of `npm start`. */
export const defaultServers: readonly string[] = Object.freeze([7420, 7421, 7422, 7423].map(port => `nats://127.0.0.1:${port}`))
const connectTimeoutMsDefault = 2_000
const serversMax = 64

/** `--servers --token --cluster --connect-timeout --json`: every command that talks to a cluster. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option(
      '--servers <URLS>',
      `NATS addresses, separated by commas; one that answers is enough (default: ${defaultServers[0]}, then ports 7421 to 7423; or CARILLON_SERVERS)`,
      serversOf
    )
    .option('--token <TOKEN>', 'the cluster’s token (or CARILLON_TOKEN, which other users of the machine cannot see)')
    .option('--token-file <FILE>', 'a file that holds the token (or CARILLON_TOKEN_FILE)')
    .option('--tls-ca <FILE>', 'the authority of the cluster’s certificates, PEM: TLS and nothing less (or CARILLON_TLS_CA)')
    .option('--tls-cert <FILE>', 'a certificate to show, PEM, where the cluster asks for one (or CARILLON_TLS_CERT)')
    .option('--tls-key <FILE>', 'its key, PEM (or CARILLON_TLS_KEY)')
    .option('--cluster <NAME>', 'the cluster’s name (default: carillon; or CARILLON_CLUSTER)', clusterOf)
    .addOption(
      wholeOption('--connect-timeout <MS>', 'milliseconds to wait for a host', 1, 60_000).default(connectTimeoutMsDefault)
    )
    .option('--json', 'print JSON')
}

export function addQuorumOptions(command: Command, kind: 'read' | 'write'): Command {
  const isRead = kind === 'read'
  command
    .addOption(
      wholeOption(
        isRead ? '-r, --read <N>' : '-w, --write <N>',
        `replicas that have to ${isRead ? 'answer' : 'acknowledge'}`,
        1,
        limits.replicasMax
      )
    )
    .addOption(
      renamed(
        wholeOption(isRead ? '--pr <N>' : '--pw <N>', 'of these, so many have to be primaries', 1, limits.replicasMax),
        'primaries'
      )
    )
  if (!isRead) {
    command
      .addOption(renamed(wholeOption('--dw <N>', 'of these, so many have to have flushed', 1, limits.replicasMax), 'durable'))
      .addOption(
        new Option('--durability <LEVEL>', 'what a replica has done before it acknowledges').choices(['flushed', 'committed'])
      )
  }
  return command
    .addOption(
      new Option('--consistency <LEVEL>', 'a named level').choices(['one', 'quorum', 'all', 'local_quorum', 'each_quorum'])
    )
    .option('--no-sloppy', 'no host beyond the preference list may stand in')
    .addOption(timeoutOption())
}

/** For the commands that deal with one key. */
export function receiptOption(): Option {
  return new Option('--receipt', 'print who answered or acknowledged')
}

export function timeoutOption(): Option {
  return wholeOption('--timeout <MS>', 'milliseconds that a request may take', 1, limits.requestTimeoutMsMax).default(
    limits.requestTimeoutMsDefault
  )
}

/** `--bucket <NAME>`, checked. */
export function bucketOption(): Option {
  return new Option('-b, --bucket <NAME>', 'the bucket').default('default').argParser(text => {
    const wrong = bucketFault(text)
    if (wrong !== undefined) throw new InvalidArgumentError(wrong.detail)
    return text
  })
}

export function keyEncodingOption(): Option {
  return new Option('--key-base64', 'KEY is the base64 (or base64url) of the key’s bytes')
}

/** An option that takes a whole number within bounds. */
export function wholeOption(flags: string, description: string, min: number, max: number): Option {
  return new Option(flags, description).argParser(text => {
    const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`Allowed is a whole number from ${min} to ${max}.`)
    return value
  })
}

function renamed(option: Option, name: string): Option {
  option.attributeName = () => name
  return option
}

function serversOf(text: string): readonly string[] {
  const servers = text
    .split(',')
    .map(server => server.trim())
    .filter(server => server !== '')
  if (servers.length === 0 || servers.length > serversMax)
    throw new InvalidArgumentError(`Allowed are 1 to ${serversMax} addresses.`)
  for (const server of servers) {
    if (!/^((?:nats|tls):\/\/)?(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?$/.test(server)) {
      // Not an InvalidArgumentError: commander would repeat what may be a password.
      throw new UsageError(
        `${JSON.stringify(server.replace(/\/\/.*@/, '//…@'))} is no NATS address: write nats://HOST:PORT, or tls://; credentials go in --token.`
      )
    }
  }
  return servers
}

function clusterOf(text: string): string {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(text)) throw new InvalidArgumentError('Allowed are 1 to 64 of A-Z a-z 0-9 _ -.')
  return text
}

/** Connect as the flags, then the environment, then the defaults say; `work` done, let go in any case. */
export async function withCluster<T>(
  terminal: Terminal,
  flags: ConnectionFlags,
  work: (cluster: Cluster) => Promise<T>
): Promise<T> {
  const cluster = await terminal.connect(clusterOptionsOf(terminal, flags))
  try {
    return await work(cluster)
  } finally {
    await cluster.close()
  }
}

export function clusterOptionsOf({ environment }: Terminal, flags: ConnectionFlags): ClusterOptions {
  return {
    servers: flags.servers ?? fromEnvironment('CARILLON_SERVERS', environment.servers, serversOf) ?? defaultServers,
    token: tokenOf(flags, environment),
    tls: tlsOf(flags, environment),
    cluster: flags.cluster ?? fromEnvironment('CARILLON_CLUSTER', environment.cluster, clusterOf) ?? 'carillon',
    connectTimeoutMs: flags.connectTimeout
  }
}

function fromEnvironment<T>(variable: string, text: string, parse: (text: string) => T): T | undefined {
  if (text === '') return undefined
  try {
    return parse(text)
  } catch (error) {
    throw new UsageError(`${variable} is wrong: ${(error as Error).message}`)
  }
}

export function requestOptionsOf(flags: QuorumFlags): RequestOptions {
  return {
    level: flags.consistency,
    replicas: flags.read ?? flags.write,
    primaries: flags.primaries,
    durable: flags.durable,
    durability: flags.durability,
    sloppy: flags.sloppy ? undefined : false,
    receipt: flags.receipt,
    timeoutMs: flags.timeout
  }
}

/** @throws {UsageError} empty, too long, or no base64 */
export function keyOfArgument(text: string, isBase64: boolean): Uint8Array {
  const key = isBase64 ? bytesOfBase64(text) : Buffer.from(text, 'utf8')
  if (key === undefined) throw new UsageError(`key ${JSON.stringify(text.slice(0, 80))} is no base64`)
  const wrong = keyFault(key.length)
  if (wrong !== undefined) throw new UsageError(wrong.detail)
  return key
}

/** Base64 or base64url, padded or not; undefined for anything else. */
export function bytesOfBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  const bare = text.replace(/=+$/, '').replaceAll('-', '+').replaceAll('_', '/')
  return bytes.toString('base64').replace(/=+$/, '') === bare ? bytes : undefined
}
