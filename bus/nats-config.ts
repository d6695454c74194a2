import { isToken } from './bus.ts'
import { gatewayNameOf, gatewayText, type NatsGateway } from './nats-gateway.ts'
import { hostPort, type ServerTlsFiles } from './nats-tls.ts'
import { applicationPermissions, requestMappings } from './subject.ts'

export interface Credentials {
  readonly user: string
  readonly password: string
}

/** Ports to listen on; −1: any free one. */
export interface NatsPorts {
  readonly client: number
  readonly route: number
  readonly monitor: number
}

export interface NatsConfig {
  /** Unique in the cluster. */
  readonly serverName: string
  /** Also the prefix of every subject. */
  readonly cluster: string
  readonly bindHost: string
  readonly ports: NatsPorts
  /** Folder into which the server writes which ports it took. */
  readonly portsFolder: string
  /** `host:port` of other servers' route ports. */
  readonly routes: readonly string[]
  /** How to meet the servers of other datacenters; undefined: there are none. */
  readonly gateway?: NatsGateway | undefined
  /** What routes and gateways must show each other; undefined: nothing. */
  readonly routeSecret: string | undefined
  /** Between hosts: everything. */
  readonly internal: Credentials
  /** The hosts' own end of the account of applications: everything within it. */
  readonly door: Credentials
  readonly system: Credentials
  /** Applications. undefined: whoever connects without credentials is one. */
  readonly application: Credentials | undefined
  /** undefined: everything in the clear. Else clients by TLS, and routes by TLS where both ends show a certificate of the CA. */
  readonly tls?: ServerTlsFiles | undefined
  /** The address that other servers and clients are told; undefined: the one that it listens on. */
  readonly advertise?: string | undefined
}

const routeUser = 'route'
const applicationUser = 'app'

/** Of routes to servers that others told of, once a second; those that are configured are tried for ever. By default it is not tried again. */
const routeRetries = 3_600

/** Seconds for a handshake; nats-server's own 2 are few on a machine that has too much to do. */
const tlsTimeout = 5

/**
 * The configuration of a host's nats-server. Accounts only: with `authorization {}` beside a system account, servers before
 * 2.10.2 let in clients without credentials (CVE-2023-47090). Without JetStream: nothing durable rests on it. The monitor knows no
 * credentials: where applications need them, there is none.
 * @throws {RangeError} a value that could not be written safely
 */
export function natsConfigText(config: NatsConfig): string {
  for (const name of [config.cluster, config.serverName]) {
    if (!isToken(name)) throw new RangeError(`${JSON.stringify(name)} is no name: use 1 to 64 of A-Z a-z 0-9 _ -`)
  }
  const { ports, bindHost } = config
  const heardUnder = config.gateway === undefined ? config.cluster : gatewayNameOf(config.cluster, config.gateway.dc)
  const allowed = applicationPermissions(config.cluster, heardUnder)
  const application = config.application ?? { user: applicationUser, password: config.door.password }
  return `server_name: ${quoted(config.serverName)}
host: ${quoted(bindHost)}
port: ${port(ports.client)}
${config.application === undefined ? `http: ${quoted(`127.0.0.1:${port(ports.monitor)}`)}\n` : ''}${advertised('client_advertise', config.advertise, ports.client)}${tlsBlock(config.tls, config.tls?.asksClients === true)}ports_file_dir: ${quoted(config.portsFolder)}
max_payload: 1048576
max_pending: 67108864
max_control_line: 4096
max_connections: 65536
ping_interval: "5s"
ping_max: 2
write_deadline: "2s"
accounts {
  INTERNAL: { users: [ ${userEntry(config.internal)} ] }
  APPLICATION: {
    users: [
      ${userEntry(config.door)}
      ${userEntry(application, `permissions: { publish: ${list(allowed.publish)}, subscribe: ${list(allowed.subscribe)} }`)}
    ]
${mappingsOf(config.cluster, heardUnder)}  }
  SYSTEM: { users: [ ${userEntry(config.system)} ] }
}
system_account: SYSTEM
${config.application === undefined ? `no_auth_user: ${quoted(application.user)}\n` : ''}cluster {
  name: ${quoted(heardUnder)}
  host: ${quoted(bindHost)}
  port: ${port(ports.route)}
${advertised('  advertise', config.advertise, ports.route)}${tlsBlock(config.tls, true)}${config.routeSecret === undefined ? '' : `  authorization { user: ${quoted(routeUser)}, password: ${quoted(secret(config.routeSecret))}, timeout: 2 }\n`}  connect_retries: ${routeRetries}
  routes: ${list(config.routes.map(route => routeUrl(route, config.routeSecret)))}
}
${gatewayOf(config)}`
}

function gatewayOf({ advertise, bindHost, cluster, gateway, routeSecret, tls }: NatsConfig): string {
  if (gateway === undefined) return ''
  const shown = routeSecret === undefined ? undefined : secret(routeSecret)
  const told = advertised('  advertise', advertise, gateway.port)
  return gatewayText(cluster, bindHost, { ...gateway, port: port(gateway.port) }, shown, told, tlsBlock(tls, true), route =>
    routeUrl(route, routeSecret).replace('nats-route:', 'nats:')
  )
}

function mappingsOf(cluster: string, heardUnder: string): string {
  if (heardUnder === cluster) return ''
  const lines = requestMappings(cluster, heardUnder).map(([from, to]) => `${quoted(from)}: ${quoted(to)}`)
  return `    mappings: { ${lines.join(', ')} }\n`
}

/** Where the port is not known yet, the server takes the one that it gets. */
function advertised(name: string, host: string | undefined, port: number): string {
  return host === undefined || port < 1 ? '' : `${name}: ${quoted(hostPort(host, port))}\n`
}

function tlsBlock(tls: ServerTlsFiles | undefined, asksPeers: boolean): string {
  if (tls === undefined) return ''
  const { caFile, certFile, keyFile } = tls
  return `tls { ca_file: ${quoted(caFile)}, cert_file: ${quoted(certFile)}, key_file: ${quoted(keyFile)}, verify: ${asksPeers}, timeout: ${tlsTimeout} }\n`
}

function routeUrl(route: string, routeSecret: string | undefined): string {
  if (!/^(?:\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/.test(route)) {
    throw new RangeError(`${JSON.stringify(route)} is no route: write host:port`)
  }
  return routeSecret === undefined
    ? `nats-route://${route}`
    : `nats-route://${routeUser}:${encodeURIComponent(secret(routeSecret))}@${route}`
}

function userEntry({ user, password }: Credentials, more?: string): string {
  return `{ user: ${quoted(secret(user))}, password: ${quoted(secret(password))}${more === undefined ? '' : `, ${more}`} }`
}

/** Written with `quoted`. What begins like a bcrypt hash would be taken for one, and nobody could log in. */
function secret(text: string): string {
  if (!/^(?!\$2[abxy]\$)[\x21-\x7e]{1,512}$/.test(text))
    throw new RangeError(
      'credentials for NATS are 1 to 512 printable ASCII characters without spaces, and do not begin as a bcrypt hash does'
    )
  return text
}

function list(texts: readonly string[]): string {
  return `[ ${texts.map(quoted).join(', ')} ]`
}

function quoted(text: string): string {
  if (/[\0-\x1f\x7f]/.test(text)) throw new RangeError(`${JSON.stringify(text)} holds control characters`)
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

function port(number: number): number {
  if (!Number.isInteger(number) || number < -1 || number > 65_535 || number === 0)
    throw new RangeError(`${number} is no port: use 1 to 65535, or -1 for a free one`)
  return number
}
