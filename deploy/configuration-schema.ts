import type { Static, TSchema } from '@sinclair/typebox'
import { limits } from '../model/limits.ts'
import { autoscaleSettings } from './configuration-autoscale.ts'
import { Type } from './setting-types.ts'

/**
 * Every setting of a host, once: type, bounds, default and words. File keys, environment names, flags, validation, `config print` and
 * docs/configuration.md all follow from here.
 *
 * A property's name is the field of `HostSettings`; `key` is its spelling in the file where it belongs to a group (`http.port`).
 */
export const hostSettingsSchema = Type.Object(
  {
    name: Type.String({
      pattern: '^(?!(client|all)$)[A-Za-z0-9_-]{1,64}$',
      allowed: '1 to 64 of A-Z a-z 0-9 _ -, and neither "client" nor "all"',
      defaultText: "the machine's hostname",
      description: 'The host’s name, unique in its cluster. It is part of bus subjects and of the default data directory.'
    }),
    cluster: Type.String({
      default: 'carillon',
      pattern: '^[A-Za-z0-9_-]{1,64}$',
      allowed: '1 to 64 of A-Z a-z 0-9 _ -',
      description: 'The cluster’s name and the first token of every NATS subject. Hosts of another cluster are refused.'
    }),
    data: Type.String({
      minLength: 1,
      maxLength: 4096,
      allowed: 'a directory’s path',
      defaultText: './data/<name>',
      description: 'Directory of the host’s data; made where it is missing. A relative path starts at the working directory.'
    }),
    bind: Type.String({
      default: '127.0.0.1',
      pattern: '^[0-9A-Za-z.:-]{1,253}$',
      allowed: 'an IP address or a host name',
      description:
        'Address that every port but the monitor’s listens on. One beyond loopback needs TLS and credentials: see “Beyond loopback”.'
    }),
    advertise: Type.String({
      default: '',
      pattern: '^(?!(0\\.0\\.0\\.0|::)$)[0-9A-Za-z.:-]{0,253}$',
      allowed: 'an IP address or a host name that others reach this host by',
      description:
        'The address that other hosts and clients are told, and that this host’s certificate is for. Empty: `bind`. Needed where `bind` is 0.0.0.0 or ::.'
    }),
    httpPort: Type.Integer({ key: 'http.port', default: 7070, ...port('The HTTP door: API and metrics.') }),
    natsPort: Type.Integer({ key: 'nats.port', default: 7420, ...port('The NATS door: clients in any language.') }),
    routePort: Type.Integer({
      key: 'route.port',
      default: 7620,
      ...port('NATS routes between the hosts of the cluster; `join` names this port of other hosts.')
    }),
    monitorPort: Type.Integer({
      key: 'monitor.port',
      default: 7820,
      ...port('Monitoring of the nats-server; on loopback whatever `bind` says. Where there is a token, it asks for that.')
    }),
    gatewayPort: Type.Integer({
      key: 'gateway.port',
      default: 0,
      minimum: 0,
      maximum: 65_535,
      allowed: 'a port from 1 to 65535, or 0 for none',
      description:
        'NATS gateway to hosts of other datacenters; their `gateway.join` names it. 0: none, or any that is free where `gateway.join` is set. All hosts of a datacenter have one, or none has.'
    }),
    natsServer: Type.String({
      key: 'nats.server',
      default: '',
      maxLength: 4096,
      allowed: 'the path of a nats-server program',
      description: 'The nats-server program to run. Empty: the one on PATH, or in /usr/sbin or /usr/local/sbin.'
    }),
    busServers: Type.Array(Type.String({ pattern: '^(nats|tls)://[^\\s,/@]+$', allowed: 'nats://HOST:PORT' }), {
      key: 'bus.servers',
      default: [],
      maxItems: 64,
      allowed: 'a list of at most 64 of nats://HOST:PORT',
      description: 'Use these NATS servers rather than one of our own on each host. Empty: each host runs its own.'
    }),
    join: Type.Array(Type.String({ pattern: '^(\\[[0-9A-Fa-f:.]+\\]|[0-9A-Za-z._-]+):[0-9]{1,5}$', allowed: 'HOST:ROUTEPORT' }), {
      default: [],
      maxItems: 64,
      allowed: 'a list of at most 64 of HOST:ROUTEPORT',
      description:
        'Hosts of the cluster to join, by address and route port; one that lives is enough. Empty: this host starts a cluster of its own.'
    }),
    gatewayJoin: Type.Array(
      Type.String({
        pattern: '^[A-Za-z0-9_.-]{1,64}@(\\[[0-9A-Fa-f:.]+\\]|[0-9A-Za-z._-]+):[0-9]{1,5}$',
        allowed: 'DC@HOST:GATEWAYPORT'
      }),
      {
        key: 'gateway.join',
        default: [],
        maxItems: 64,
        allowed: 'a list of at most 64 of DC@HOST:GATEWAYPORT',
        description:
          'Hosts of other datacenters of the cluster, by datacenter, address and gateway port. With it and without `join`, this host is the first of its datacenter: it fetches all data, and begins the datacenter’s ring.'
      }
    ),
    newcomers: Type.Unsafe<'join' | 'wait'>({
      type: 'string',
      enum: ['join', 'wait'],
      default: 'join',
      description:
        'What hosts do that come to the cluster: join at once, or wait until a plan with them is committed (`carillon join`, `carillon replace`). One host that says `wait` says it for its cluster; a newcomer, for itself. A host that lost its disk takes its own place again in either case.'
    }),
    dc: Type.String({ default: 'dc1', ...placeName('Datacenter of the host.') }),
    zone: Type.String({
      default: 'zone1',
      ...placeName('Zone of the host (rack, availability zone): replicas of a key are spread over zones.')
    }),
    weight: Type.Number({
      default: 1,
      minimum: limits.weightMin,
      maximum: limits.weightMax,
      description:
        'Share of the ring that the host takes when it joins, relative to the other hosts’ weights. Later `carillon weight` changes it.'
    }),
    threads: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 64,
      description: 'Data threads, each with its part of the partitions. 0: about one per core.'
    }),
    partitions: Type.Integer({
      default: 256,
      minimum: limits.partitionsMin,
      maximum: limits.partitionsMax,
      allowed: `a power of two from ${limits.partitionsMin} to ${limits.partitionsMax}`,
      description: 'Equal parts of the ring. Chosen at the birth of a cluster, the same on every host, never changed.'
    }),
    replicas: Type.Integer({
      default: 3,
      minimum: 1,
      maximum: limits.replicasMax,
      description: 'N: hosts that hold each key, where the bucket says nothing. A smaller cluster holds as many as it has hosts.'
    }),
    readQuorum: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: limits.replicasMax,
      allowed: 'a whole number from 1 to `replicas`, or 0 for a quorum',
      description:
        'R: replicas that a read waits for, where bucket and request say nothing. 0: a quorum, N / 2 rounded down, plus 1.'
    }),
    writeQuorum: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: limits.replicasMax,
      allowed: 'a whole number from 1 to `replicas`, or 0 for a quorum',
      description:
        'W: replicas that a write waits for, where bucket and request say nothing. 0: a quorum, N / 2 rounded down, plus 1.'
    }),
    durability: Type.Unsafe<'flushed' | 'committed'>({
      type: 'string',
      enum: ['flushed', 'committed'],
      default: 'flushed',
      description:
        'What a replica has done before it acknowledges a write, where bucket and request say nothing: `flushed` survives power loss, `committed` the death of the process.'
    }),
    resolver: Type.Unsafe<'siblings' | 'last-write-wins'>({
      type: 'string',
      enum: ['siblings', 'last-write-wins'],
      default: 'siblings',
      description:
        'What becomes of concurrent versions, where the bucket says nothing: kept until a client merges them, or the newest alone (which loses the others).'
    }),
    pairBytesMax: Type.Integer({
      default: limits.pairBytesDefault,
      minimum: 1,
      maximum: limits.pairBytesCeiling,
      description: 'Largest key + value in bytes; a larger pair is refused.'
    }),
    hotCacheBytes: Type.Integer({
      default: limits.hotCacheBytesDefault,
      minimum: 0,
      maximum: limits.hotCacheBytesMax,
      description: 'Memory in which each data thread keeps records that are read again and again. 0: none.'
    }),
    repairBytesPerSecond: Type.Integer({
      key: 'repair.bytesPerSecond',
      default: 16 * 1024 * 1024,
      minimum: 128 * 1024,
      maximum: 1024 * 1024 * 1024,
      description:
        'Bytes that an exchange between two hosts may move in a second at most, to mend replicas; less while answers are slow.'
    }),
    requestTimeoutMs: Type.Integer({
      default: limits.requestTimeoutMsDefault,
      minimum: 1,
      maximum: limits.requestTimeoutMsMax,
      description: 'Milliseconds that a request may take, where it says nothing itself.'
    }),
    requestsPerSecond: Type.Integer({
      key: 'limits.requestsPerSecond',
      default: 0,
      minimum: 0,
      maximum: limits.requestsPerSecondMax,
      description:
        'Requests a second that this host takes from one client: a connection to its NATS doors, an address at its HTTP door. More are refused as `rate_limited`. 0: no limit.'
    }),
    token: Type.String({
      default: '',
      pattern: '^([\\x21-\\x7e]{8,512})?$',
      allowed: '8 to 512 printable ASCII characters without spaces',
      secret: true,
      description: 'Token that every client has to show. Empty: no credentials, on loopback only. `carillon token` makes one.'
    }),
    tokenFile: filePath('A file that holds the token, in place of `token`.'),
    clusterSecret: Type.String({
      default: '',
      pattern: '^([\\x21-\\x7e]{16,512})?$',
      allowed: '16 to 512 printable ASCII characters without spaces',
      secret: true,
      description:
        'What hosts show each other beside their certificates; the same on every host, and no application’s business. Empty: nothing, on loopback only.'
    }),
    clusterSecretFile: filePath('A file that holds the secret, in place of `clusterSecret`.'),
    tlsCa: filePath('Certificates (PEM) of the authority that signed those of the hosts.', 'tls.ca'),
    tlsCert: filePath(
      'This host’s certificate (PEM), and those between it and the authority’s. It is for the address that others reach the host by, and good for both ends of a connection.',
      'tls.cert'
    ),
    tlsKey: filePath(
      'The key (PEM) of `tls.cert`. With `tls.ca` and `tls.cert`: every port but the monitor’s speaks TLS alone.',
      'tls.key'
    ),
    tlsClients: Type.Unsafe<'token' | 'certificate'>({
      key: 'tls.clients',
      type: 'string',
      enum: ['token', 'certificate'],
      default: 'token',
      description:
        '`certificate`: clients, too, have to show a certificate of the authority, beside the token. Hosts always have to.'
    }),
    ...autoscaleSettings,
    logLevel: Type.Unsafe<'debug' | 'info' | 'warn' | 'error' | 'silent'>({
      key: 'log.level',
      type: 'string',
      enum: ['debug', 'info', 'warn', 'error', 'silent'],
      default: 'info',
      description: 'The least severe log lines that are written.'
    }),
    logFormat: Type.Unsafe<'json' | 'text'>({
      key: 'log.format',
      type: 'string',
      enum: ['json', 'text'],
      default: 'json',
      description: 'One JSON object a line for machines, or text for people. Logs go to standard error.'
    })
  },
  { additionalProperties: false }
)

/** All that a host has to know, checked and frozen; nothing is optional. Ports: 0 = any that is free. */
export type HostSettings = Frozen<Static<typeof hostSettingsSchema>>
type Frozen<T> = { readonly [P in keyof T]: T[P] extends readonly (infer E)[] ? readonly E[] : T[P] }

export type SettingName = keyof HostSettings

/** A setting with its three spellings. */
export interface Setting {
  readonly name: SettingName
  /** In carillon.yaml: a dot parts group and name. */
  readonly key: string
  readonly variable: string
  readonly flag: string
  readonly type: 'string' | 'integer' | 'number' | 'array'
  readonly description: string
  /** What is allowed, as the end of a sentence. */
  readonly allowed: string
  /** undefined where it is worked out: see `defaultText`. */
  readonly default: unknown
  readonly defaultText: string
  readonly isSecret: boolean
  /** What a text has to match; undefined where that is left to other bounds. */
  readonly pattern: string | undefined
}

/** In the schema's order. */
export const settings: readonly Setting[] = Object.freeze(
  Object.entries(hostSettingsSchema.properties).map(([name, schema]) => settingOf(name as SettingName, schema))
)

function settingOf(name: SettingName, schema: TSchema): Setting {
  const words = name.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  return Object.freeze({
    name,
    key: schema['key'] ?? name,
    variable: `CARILLON_${words.replaceAll('-', '_').toUpperCase()}`,
    flag: `--${words}`,
    type: schema['type'],
    description: schema.description!,
    allowed: schema['allowed'] ?? allowedBy(schema),
    default: schema.default,
    defaultText: schema['defaultText'] ?? textOf(schema.default),
    isSecret: schema['secret'] === true,
    pattern: schema['pattern']
  })
}

function allowedBy(schema: TSchema): string {
  if (Array.isArray(schema['enum'])) return schema['enum'].join(schema['enum'].length > 2 ? ', ' : ' or ')
  const kind = schema['type'] === 'integer' ? 'a whole number' : 'a number'
  return `${kind} from ${schema['minimum']} to ${schema['maximum']}`
}

/** A value as a person would write it in the environment or behind a flag. */
export function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value)
}

function port(what: string): { minimum: number; maximum: number; allowed: string; description: string } {
  return { minimum: 0, maximum: 65_535, allowed: 'a port from 1 to 65535, or 0 for any that is free', description: what }
}

function filePath(what: string, key?: string) {
  return Type.String({
    ...(key === undefined ? {} : { key }),
    default: '',
    maxLength: 4096,
    allowed: 'a file’s path',
    description: `${what} A relative path starts at the working directory.`
  })
}

function placeName(what: string): { pattern: string; allowed: string; description: string } {
  return { pattern: '^[A-Za-z0-9_.-]{1,64}$', allowed: '1 to 64 of A-Z a-z 0-9 _ . -', description: what }
}
