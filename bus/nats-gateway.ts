import { isToken } from './bus.ts'

/** How a nats-server of one datacenter meets those of the others. */
export interface NatsGateway {
  /** Datacenter of this server. */
  readonly dc: string
  /** Port for gateways; −1: any free one. */
  readonly port: number
  /** `host:port` of gateways of other datacenters, by datacenter. One that is not named here is learned when it comes. */
  readonly remotes: ReadonlyMap<string, readonly string[]>
}

/** A cluster of servers and a gateway have one name: that of the datacenter, told apart from other clusters'. */
export function gatewayNameOf(cluster: string, dc: string): string {
  return `${cluster}_${dc.replaceAll('.', '-')}`
}

/**
 * The gateway's part of a configuration. Messages to another datacenter pass one connection from server to server, and only those that
 * somebody there listens for.
 * @param advertised the line that says which address servers of other datacenters are told; '': the one that it binds to
 * @param tls the block that says how its connections are encrypted; '' for not at all
 * @param urlOf checks a `host:port` and makes a URL of it
 * @throws {RangeError} a name that could not be written safely
 */
export function gatewayText(
  cluster: string,
  bindHost: string,
  { dc, port, remotes }: NatsGateway,
  secret: string | undefined,
  advertised: string,
  tls: string,
  urlOf: (route: string) => string
): string {
  const urls = [...remotes].filter(([name]) => name !== dc)
  for (const name of [dc, ...urls.map(([name]) => name)]) {
    if (!isToken(name.replaceAll('.', '-')))
      throw new RangeError(`${JSON.stringify(name)} is no datacenter: use 1 to 64 of A-Z a-z 0-9 _ . -`)
  }
  const known = urls.map(
    ([name, routes]) =>
      `    { name: "${gatewayNameOf(cluster, name)}", urls: [ ${routes.map(route => `"${urlOf(route)}"`).join(', ')} ] }`
  )
  return `gateway {
  name: "${gatewayNameOf(cluster, dc)}"
  host: "${bindHost}"
  port: ${port}
${advertised}${tls}${secret === undefined ? '' : `  authorization { user: "route", password: "${secret}", timeout: 2 }\n`}  gateways: [
${known.join('\n')}
  ]
}
`
}
