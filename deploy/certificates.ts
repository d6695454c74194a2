import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'

export interface CertificateOrder {
  /** Made where it is missing, and closed to others. */
  readonly directory: string
  /** Each gets a certificate for this name or address, and for this machine's own names for itself. */
  readonly hosts: readonly string[]
  /** Names and addresses that every certificate is for, besides. */
  readonly names: readonly string[]
  readonly days: number
}

const opensslMsMax = 20_000
/** So that commands on the host itself may use its loopback address. */
const ownNames = ['localhost', '127.0.0.1', '::1']
const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/**
 * An authority and certificates of hosts, P-256, by openssl. Nothing is written over: an authority that is there signs again, a host's
 * certificate that is there is refused.
 * @returns the files that were made
 * @throws {Error} one sentence: openssl is missing or fails, or a file is in the way
 */
export async function makeCertificates({ directory, hosts, names, days }: CertificateOrder): Promise<string[]> {
  const file = (name: string): string => join(directory, name)
  const taken = hosts.flatMap(host => [`${fileName(host)}.pem`, `${fileName(host)}-key.pem`]).find(name => existsSync(file(name)))
  if (taken !== undefined) throw new Error(`${file(taken)} is there already: move it away, or leave that host out`)
  if (hosts.some(host => ['ca', 'ca-key'].includes(fileName(host))))
    throw new Error('a host named ca would take the files of the authority')
  const [hasCertificate, hasKey] = [existsSync(file('ca.pem')), existsSync(file('ca-key.pem'))]
  if (hasCertificate !== hasKey)
    throw new Error(
      `${directory} holds ${hasCertificate ? 'ca.pem without ca-key.pem' : 'ca-key.pem without ca.pem'}: put both there, or neither`
    )
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(directory, '.new-'))
  const made: string[] = []
  // Made aside and moved when whole: what is interrupted leaves nothing that looks good.
  const keep = async (name: string): Promise<void> => {
    await rename(join(work, name), file(name))
    made.push(file(name))
  }
  try {
    if (!hasCertificate) {
      await authority(work, days)
      await keep('ca-key.pem')
      await keep('ca.pem')
    }
    for (const host of hosts) {
      await hostCertificate(work, host, [...new Set([host, ...names, ...ownNames])], days)
      await keep(`${fileName(host)}-key.pem`)
      await keep(`${fileName(host)}.pem`)
    }
    return made
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function authority(work: string, days: number): Promise<void> {
  await writeFile(
    join(work, 'ca.cnf'),
    `[req]
distinguished_name = name
prompt = no
x509_extensions = extensions
[name]
CN = Carillon private authority
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
`
  )
  const files = ['-keyout', 'ca-key.pem', '-out', 'ca.pem', '-config', 'ca.cnf']
  await openssl(work, ['req', '-x509', ...keyOptions, '-sha256', '-days', String(days), ...files])
}

async function hostCertificate(work: string, host: string, names: readonly string[], days: number): Promise<void> {
  const name = fileName(host)
  await writeFile(
    join(work, `${name}.cnf`),
    `[req]
distinguished_name = name
prompt = no
[name]
CN = ${host.slice(0, 64)}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = ${names.map(each => `${isIP(each) === 0 ? 'DNS' : 'IP'}:${each}`).join(', ')}
`
  )
  const request = ['-keyout', `${name}-key.pem`, '-out', `${name}.csr`, '-config', `${name}.cnf`]
  await openssl(work, ['req', '-new', ...keyOptions, ...request])
  const signer = ['-CA', '../ca.pem', '-CAkey', '../ca-key.pem']
  const files = ['-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.cnf`, '-extensions', 'extensions']
  await openssl(work, ['x509', '-req', '-sha256', '-days', String(days), '-set_serial', serial(), ...signer, ...files])
}

/** Different for each, without a file that counts. */
function serial(): string {
  return `0x${crypto
    .randomUUID()
    .replaceAll('-', '')
    .replace(/^[89a-f]/, '1')}`
}

function fileName(host: string): string {
  return host.replaceAll(':', '_').replace('*', 'any')
}

function openssl(directory: string, words: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const old = process.umask(0o077)
    const child = execFile('openssl', [...words], { cwd: directory, timeout: opensslMsMax }, (error, _, stderr) => {
      if (error === null) return resolve()
      const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
      const detail = stderr.trim().split('\n').slice(-2).join(' ').slice(0, 400)
      reject(
        new Error(
          isMissing
            ? 'openssl was not found: install it (Debian: apt install openssl; macOS: brew install openssl), or have certificates made elsewhere: docs/deployment.md says what they need'
            : `openssl ${words[0]} failed: ${detail === '' ? error.message : detail}`
        )
      )
    })
    process.umask(old)
    child.stdin?.end()
  })
}
