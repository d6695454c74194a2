import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import type { Test } from 'tap'
import { makeCertificates } from '../../deploy/certificates.ts'
import { type Host, type HostOptions, startHost } from '../../deploy/host.ts'
import { temporaryDirectory } from './cluster-rig.ts'

/** Files and secrets of a cluster that is closed to strangers. */
export interface Secured {
  readonly directory: string
  readonly token: string
  readonly clusterSecret: string
  readonly ca: string
  /** Settings of the host with that certificate. */
  optionsOf(address: string): HostOptions
  certificateOf(address: string): { readonly cert: string; readonly key: string }
}

export async function securedFiles(t: Test, addresses: readonly string[], names: readonly string[] = []): Promise<Secured> {
  const directory = temporaryDirectory(t)
  await makeCertificates({ directory, hosts: addresses, names, days: 2 })
  const [token, clusterSecret] = [randomBytes(24).toString('base64url'), randomBytes(24).toString('base64url')]
  writeFileSync(join(directory, 'token'), `${token}\n`, { mode: 0o600 })
  writeFileSync(join(directory, 'secret'), `${clusterSecret}\n`, { mode: 0o600 })
  return {
    directory,
    token,
    clusterSecret,
    ca: readFileSync(join(directory, 'ca.pem'), 'utf8'),
    certificateOf: address => ({
      cert: readFileSync(join(directory, `${address}.pem`), 'utf8'),
      key: readFileSync(join(directory, `${address}-key.pem`), 'utf8')
    }),
    optionsOf: address => ({
      tokenFile: join(directory, 'token'),
      clusterSecretFile: join(directory, 'secret'),
      tlsCa: join(directory, 'ca.pem'),
      tlsCert: join(directory, `${address}.pem`),
      tlsKey: join(directory, `${address}-key.pem`)
    })
  }
}

/** Hosts in this process, one after the other, each joining those before it. Stopped when the test is through. */
export async function startHosts(t: Test, options: readonly HostOptions[]): Promise<Host[]> {
  const data = temporaryDirectory(t)
  const hosts: Host[] = []
  t.teardown(async () => {
    for (const host of hosts.toReversed()) await host.stop()
  })
  for (const [index, each] of options.entries()) {
    hosts.push(
      await startHost({
        name: `h${index + 1}`,
        data: join(data, `h${index + 1}`),
        seeds: hosts.map(host => `tls://${host.route}`),
        httpPort: 0,
        natsPort: 0,
        routePort: 0,
        monitorPort: 0,
        threads: 1,
        partitions: 64,
        logLevel: 'error',
        ...each
      })
    )
  }
  return hosts
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** HTTPS as someone with this certificate authority sees it. @throws whatever TLS finds wrong */
export function askTls(
  url: string,
  how: {
    readonly ca?: string
    readonly token?: string
    readonly method?: string
    readonly body?: string
    readonly cert?: string
    readonly key?: string
  } = {}
): Promise<Answer> {
  const { ca, token, method = 'GET', body, cert, key } = how
  return new Promise((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' })
    }
    const asked = request(url, { method, headers, ca, cert, key, agent: false, timeout: 10_000 }, response => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer in time')))
    asked.on('error', reject)
    asked.end(body)
  })
}
