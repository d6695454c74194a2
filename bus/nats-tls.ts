import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { TlsOptions } from 'nats'

/** What a connection needs to be encrypted and to know its other end: PEM texts. */
export interface TlsMaterial {
  /** Whose certificates are believed; undefined: those that Node trusts. */
  readonly ca?: string | undefined
  /** Shown to a server that asks for one; with `key`. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** Further names that a server's certificate may be for, beside those in the addresses. */
  readonly names?: readonly string[] | undefined
}

/** A nats-server's files, by absolute paths: it reads them itself. */
export interface ServerTlsFiles {
  readonly caFile: string
  readonly certFile: string
  readonly keyFile: string
  /** Whether applications have to show a certificate of the CA, too; hosts always have to. */
  readonly asksClients: boolean
}

/**
 * The options for a connection by TLS and nothing less: where the server offers none, it fails.
 * The certificate has to be for one of the servers that were named. Left to itself the client would look for "localhost"
 * wherever a server is named by its IP address.
 */
export function natsTls(
  { ca, cert, key, names = [] }: TlsMaterial,
  servers: string | readonly string[]
): { readonly tls: TlsOptions } {
  const wanted = [
    ...new Set([...(typeof servers === 'string' ? [servers] : servers).flatMap(url => hostnameOf(url) ?? []), ...names])
  ]
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    minVersion: 'TLSv1.2',
    checkServerIdentity: (_: string, certificate: PeerCertificate): Error | undefined => {
      const errors = wanted.map(name => checkServerIdentity(name, certificate))
      return errors.includes(undefined) ? undefined : errors[0]
    }
  }
  return { tls }
}

/** Without brackets; undefined where it is no address. */
export function hostnameOf(url: string): string | undefined {
  // A scheme that URL knows no rules for would keep what is no host name.
  const text = url.replace(/^(?:(?:nats|tls|nats-route):)?\/\//, '')
  if (!URL.canParse(`http://${text}`)) return undefined
  return new URL(`http://${text}`).hostname.replace(/^\[|\]$/g, '')
}

/** `HOST:PORT`, in brackets where the host is an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
