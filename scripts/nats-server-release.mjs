import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './command.mjs'

const version = '2.11.8'
/** SHA-256 of the release's archives, as in its SHA256SUMS and in NATS's official container files. */
const archives = {
  'linux-x64': ['linux-amd64', '397a6deffb5533e160de0cca322bc3dcaec7fb7282d66a3dfa87a9c183152ad1'],
  'linux-arm64': ['linux-arm64', 'b08936cb1dc0ae7086137bda14c352df64397c4af45ed2b392705c19585aeb84']
}
const archiveBytesMax = 64 * 1024 * 1024
const downloadMsMax = 180_000

/** @returns the pinned release for a platform, or undefined where none is known with its checksum */
export function releaseFor(platform, arch) {
  const known = archives[`${platform}-${arch}`]
  if (known === undefined) return undefined
  const folder = `nats-server-v${version}-${known[0]}`
  return {
    version,
    url: `https://github.com/nats-io/nats-server/releases/download/v${version}/${folder}.tar.gz`,
    sha256: known[1],
    member: `${folder}/nats-server`
  }
}

/**
 * Downloads the archive, compares its checksum before anything of it is unpacked, and puts the program at `.setup/bin`.
 * @throws where it cannot be had or is not the one that is pinned
 */
export async function installRelease(release, root) {
  const bin = join(root, '.setup', 'bin')
  mkdirSync(bin, { recursive: true })
  const folder = mkdtempSync(join(root, '.setup', 'nats-server-'))
  try {
    const archive = join(folder, 'archive.tar.gz')
    writeFileSync(archive, await download(release.url, release.sha256))
    await run('tar', ['-xzf', archive, '-C', folder, release.member], 'Is tar with gzip installed?')
    const program = join(folder, release.member)
    chmodSync(program, 0o755)
    renameSync(program, join(bin, 'nats-server'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function download(url, sha256) {
  const response = await fetch(url, { signal: AbortSignal.timeout(downloadMsMax) })
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`)
  const chunks = []
  let size = 0
  for await (const chunk of response.body) {
    size += chunk.length
    if (size > archiveBytesMax) throw new Error(`it is over ${archiveBytesMax} bytes`)
    chunks.push(chunk)
  }
  const bytes = Buffer.concat(chunks)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== sha256) throw new Error(`its SHA-256 is ${found}, not ${sha256}; nothing of it was used`)
  return bytes
}
