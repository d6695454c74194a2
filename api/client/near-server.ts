import type { RingView } from '../../actors/ring/ring-view.ts'
import type { NearServer } from '../../bus/near-links.ts'
import type { ClientSettings } from './client-options.ts'

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]'])

/**
 * A host's own server, by what the ring says of it.
 * @returns undefined where the host is unknown, or names its loopback address to a client that reached the cluster by another one:
 * there it would be the client's own machine, which is to see no credentials
 */
export function nearServerOf(
  view: RingView | undefined,
  host: string,
  { servers, user, password }: Pick<ClientSettings, 'servers' | 'user' | 'password'>
): NearServer | undefined {
  const url = view?.hosts.find(each => each.name === host)?.nats
  if (url === undefined || url === '') return undefined
  const name = hostnameOf(url)
  if (name === undefined || (loopback.has(name) && !servers.every(server => loopback.has(hostnameOf(server) ?? ''))))
    return undefined
  return { url, user, password }
}

function hostnameOf(url: string): string | undefined {
  const text = url.includes('://') ? url : `nats://${url}`
  return URL.canParse(text) ? new URL(text).hostname : undefined
}
