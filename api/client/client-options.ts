import { isToken } from '../../bus/bus.ts'
import type { TlsMaterial } from '../../bus/nats-tls.ts'
import { defaultCluster } from '../../bus/subject.ts'
import { limits } from '../../model/limits.ts'
import { badRequest } from './errors.ts'
import { bad, checkNames, wholeNumber } from './operation-options.ts'

/** How to know the cluster's servers, and to be known to them. PEM texts. */
export interface TlsOptions {
  /** Whose certificates are believed; default: those that Node trusts. */
  readonly ca?: string | undefined
  /** This client's own certificate and its key, where the cluster asks for one. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

/** How to reach a cluster, and what its requests get where they say nothing. */
export interface ConnectOptions {
  /** `nats://host:port`, or `tls://` for nothing less than TLS; one or more (a list, or with commas); one that can be reached is enough. */
  readonly servers: string | readonly string[]
  /** Where the cluster wants one. */
  readonly token?: string | undefined
  /** Instead of `token`. */
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** PEM texts. With it, or a server spelled `tls://`, nothing is sent before the server has shown a certificate for its own name. */
  readonly tls?: TlsOptions | undefined
  /** The cluster's name; default `carillon`. */
  readonly cluster?: string | undefined
  /** Of each request; default 2,000, at most 60,000. */
  readonly timeoutMs?: number | undefined
  /** For connecting and learning the ring; default 10,000. */
  readonly connectTimeoutMs?: number | undefined
  /** Requests that may be under way; one more is refused with `Overloaded`. Default 16,384. */
  readonly requestsMax?: number | undefined
  /** Bytes of key and value together; set it where the cluster's own limit is another. Default 10,240. */
  readonly pairBytesMax?: number | undefined
  /** Operations of one `batch` that are under way at a time; default 1,024. */
  readonly inFlightMax?: number | undefined
  /**
   * Whom gets ask. `owners` (default): the owners of the key, by the client itself, which asks a coordinator only where they differ, are
   * slow, or more is wanted than what they say. `coordinator`: always a coordinator.
   */
  readonly readsFrom?: Asked | undefined
  /**
   * Who counts the acknowledgements of puts. `coordinator` (default): always the coordinator. `owners`: they tell the client, which counts by itself
   * while it has few requests under way: one message less to wait for, and more of them to handle, so it is for hosts on machines of their own.
   */
  readonly acksFrom?: Asked | undefined
}

/** Whom the client hears: the owners of a key, each by itself, or one coordinator for all. */
export type Asked = 'owners' | 'coordinator'
export const askedNames: readonly Asked[] = Object.freeze(['owners', 'coordinator'] as const)

/** The same, complete and checked. */
export interface ClientSettings {
  readonly servers: readonly string[]
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: TlsMaterial | undefined
  readonly cluster: string
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly requestsMax: number
  readonly pairBytesMax: number
  readonly inFlightMax: number
  readonly readsFrom: Asked
  readonly acksFrom: Asked
}

/** The user whose password is the cluster's token. */
export const tokenUser = 'app'

export const clientDefaults = Object.freeze({
  cluster: defaultCluster,
  timeoutMs: limits.requestTimeoutMsDefault,
  connectTimeoutMs: 10_000,
  requestsMax: limits.clientRequestsMax,
  pairBytesMax: limits.pairBytesDefault,
  inFlightMax: 1_024,
  readsFrom: 'owners',
  acksFrom: 'coordinator'
} as const)

const names = ['servers', 'token', 'user', 'password', 'tls', ...Object.keys(clientDefaults)]
const serverPattern = /^(?:(?:nats|tls):\/\/)?(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/

/** @throws {BadRequest} names the option, its value and what is allowed; never a secret */
export function clientSettings(options: ConnectOptions): ClientSettings {
  checkNames(options, names)
  const cluster = options.cluster ?? clientDefaults.cluster
  if (typeof cluster !== 'string' || !isToken(cluster)) throw bad('cluster', cluster, '1 to 64 of A-Z a-z 0-9 _ -')
  const token = secret('token', options.token)
  const user = secret('user', options.user)
  const password = secret('password', options.password)
  if (token !== undefined && (user !== undefined || password !== undefined))
    throw badRequest('there is a token, and a user or password: give one or the other')
  if ((user === undefined) !== (password === undefined)) throw badRequest('user and password belong together: give both or none')
  const servers = serversOf(options.servers)
  return {
    servers,
    user: token === undefined ? user : tokenUser,
    password: token ?? password,
    tls: tlsOf(options.tls, servers),
    cluster,
    timeoutMs: whole('timeoutMs', options.timeoutMs, 1, limits.requestTimeoutMsMax),
    connectTimeoutMs: whole('connectTimeoutMs', options.connectTimeoutMs, 1, 600_000),
    requestsMax: whole('requestsMax', options.requestsMax, 1, 1_000_000),
    pairBytesMax: whole('pairBytesMax', options.pairBytesMax, 1, limits.pairBytesCeiling),
    inFlightMax: whole('inFlightMax', options.inFlightMax, 1, 1_000_000),
    readsFrom: asked('readsFrom', options.readsFrom),
    acksFrom: asked('acksFrom', options.acksFrom)
  }
}

function tlsOf(given: unknown, servers: readonly string[]): TlsMaterial | undefined {
  if (given === undefined) return servers.some(server => server.startsWith('tls://')) ? {} : undefined
  if (typeof given !== 'object' || given === null) throw badRequest('tls has to be an object with some of ca, cert and key')
  for (const [name, value] of Object.entries(given)) {
    if (!['ca', 'cert', 'key'].includes(name)) throw badRequest(`tls.${name} is unknown: there are ca, cert and key`)
    if (value !== undefined && (typeof value !== 'string' || !value.includes('-----BEGIN ')))
      throw badRequest(`tls.${name} has to be a PEM text (with a line -----BEGIN …), not a path`)
  }
  const { ca, cert, key } = given as TlsOptions
  if ((cert === undefined) !== (key === undefined)) throw badRequest('tls.cert and tls.key belong together: give both or none')
  return { ca, cert, key }
}

function asked(name: 'readsFrom' | 'acksFrom', given: unknown): Asked {
  if (given === undefined) return clientDefaults[name]
  if (!(askedNames as readonly unknown[]).includes(given)) throw bad(name, given, askedNames.join(' or '))
  return given as Asked
}

function whole(
  name: Exclude<keyof typeof clientDefaults, 'cluster' | 'readsFrom' | 'acksFrom'>,
  value: number | undefined,
  min: number,
  max: number
): number {
  return value === undefined ? clientDefaults[name] : wholeNumber(name, value, min, max)
}

function serversOf(servers: string | readonly string[]): readonly string[] {
  const given: unknown = typeof servers === 'string' ? servers.split(',') : servers
  if (!Array.isArray(given) || given.length === 0)
    throw bad('servers', servers, 'nats://host:port or tls://host:port, one or more')
  return given.map((each: unknown) => {
    const server = typeof each === 'string' ? each.trim() : ''
    const port = serverPattern.exec(server)?.[1]
    if (!serverPattern.test(server) || (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535))) {
      throw bad(
        'servers',
        typeof each === 'string' ? withoutSecrets(each) : each,
        'nats://host:port or tls://host:port, credentials go in token, or user and password'
      )
    }
    return server
  })
}

function withoutSecrets(server: string): string {
  return server.replace(/\/\/.*@/, '//…@')
}

function secret(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  // Its value is not repeated: it may be a secret all the same.
  if (typeof value !== 'string' || value === '') throw badRequest(`${name} has to be a text that is not empty`)
  return value
}
