import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import type { ServerTlsFiles, TlsMaterial } from '../bus/nats-tls.ts'
import { addressOfHost, hasTls } from './configuration-security.ts'
import type { HostSettings } from './configuration-schema.ts'
import { textOfFile } from './host-secrets.ts'

/** A host's certificate, in the forms that its parts need. Plain values: it crosses threads. */
export interface HostTls {
  /** For connections that this host makes. */
  readonly material: TlsMaterial
  readonly files: ServerTlsFiles
  readonly asksClients: boolean
}

const chainLengthMax = 8
const clientUse = '1.3.6.1.5.5.7.3.2'
const serverUse = '1.3.6.1.5.5.7.3.1'

/**
 * The certificate that the settings name, looked at closely: a connection that fails over it later fails less clearly, again and again.
 * @returns undefined where there is none
 * @throws {Error} a sentence that says which file is wrong, and how
 */
export function hostTlsOf(host: HostSettings, nowMs: number): HostTls | undefined {
  if (!hasTls(host)) return undefined
  const { tlsCa, tlsCert, tlsKey, tlsClients } = host
  const [ca, cert, key] = [textOfFile(tlsCa, 'tls.ca'), textOfFile(tlsCert, 'tls.cert'), textOfFile(tlsKey, 'tls.key')]
  const authorities = certificatesIn(ca, `tls.ca names ${tlsCa}`)
  const [leaf, ...between] = certificatesIn(cert, `tls.cert names ${tlsCert}`)
  const wrong = (what: string): Error => new Error(`tls.cert names ${tlsCert}, ${what}`)
  if (leaf === undefined) throw wrong('which holds no certificate')
  if (!leaf.checkPrivateKey(privateKeyOf(key, tlsKey))) throw wrong(`which is not for the key in ${tlsKey} (tls.key)`)
  if (!leadsTo(leaf, between, authorities)) throw wrong(`which the authority in ${tlsCa} (tls.ca) did not sign`)
  if (Date.parse(leaf.validFrom) > nowMs)
    throw wrong(`which is not valid before ${leaf.validFrom}: is this machine’s clock right?`)
  if (Date.parse(leaf.validTo) < nowMs) throw wrong(`which was valid until ${leaf.validTo}: make a new one`)
  const address = addressOfHost(host)
  if ((isIP(address) === 0 ? leaf.checkHost(address) : leaf.checkIP(address)) === undefined)
    throw wrong(
      `which is not for ${address}, the address that others reach this host by, but for ${leaf.subjectAltName ?? 'none'}`
    )
  const uses = leaf.keyUsage as readonly string[] | undefined
  if (uses !== undefined && !(uses.includes(clientUse) && uses.includes(serverUse)))
    throw wrong('which has to be good for both ends of a connection (extended key usage serverAuth and clientAuth)')
  const asksClients = tlsClients === 'certificate'
  return {
    material: { ca, cert, key, names: [address] },
    files: { caFile: tlsCa, certFile: tlsCert, keyFile: tlsKey, asksClients },
    asksClients
  }
}

/** Whole days until the host's certificate ends. */
export function daysLeft({ material }: HostTls, nowMs: number): number {
  return Math.floor((Date.parse(new X509Certificate(material.cert ?? '').validTo) - nowMs) / 86_400_000)
}

function certificatesIn(pem: string, where: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new Error(`${where}, which holds no certificate (PEM, BEGIN CERTIFICATE)`)
  try {
    return blocks.map(block => new X509Certificate(block))
  } catch (error) {
    throw new Error(`${where}, which holds a certificate that cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function privateKeyOf(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch (error) {
    throw new Error(`tls.key names ${path}, which holds no key that can be used without a passphrase (PEM)`, { cause: error })
  }
}

function leadsTo(leaf: X509Certificate, between: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  let current = leaf
  for (let length = 0; length < chainLengthMax; length++) {
    if (authorities.some(each => signed(each, current))) return true
    const next = between.find(each => each !== current && signed(each, current))
    if (next === undefined) return false
    current = next
  }
  return false
}

function signed(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}
