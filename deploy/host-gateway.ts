import { gatewayNameOf, type NatsGateway } from '../bus/nats-gateway.ts'
import type { HostSettings } from './configuration-schema.ts'

/** undefined: this datacenter is alone, as far as its settings say. */
export function gatewayOf({
  dc,
  gatewayPort,
  gatewayJoin
}: Pick<HostSettings, 'dc' | 'gatewayPort' | 'gatewayJoin'>): NatsGateway | undefined {
  if (gatewayPort === 0 && gatewayJoin.length === 0) return undefined
  const remotes = new Map<string, string[]>()
  for (const each of gatewayJoin) {
    const name = each.slice(0, each.indexOf('@'))
    remotes.set(name, [...(remotes.get(name) ?? []), each.slice(name.length + 1)])
  }
  return { dc, port: gatewayPort === 0 ? -1 : gatewayPort, remotes }
}

/**
 * The first token of the subjects under which requests of applications reach this host: of its own nats-server's clients that of its datacenter,
 * since a gateway would take a request to another one where nobody here listens.
 */
export function heardUnder(settings: HostSettings): string {
  const { cluster, dc, busServers } = settings
  return busServers.length > 0 || gatewayOf(settings) === undefined ? cluster : gatewayNameOf(cluster, dc)
}
