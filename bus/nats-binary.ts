import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Debian puts daemons where the PATH of an ordinary user does not look. */
const systemFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin']
const versionMin = [2, 9] as const
const answerMsMax = 5_000

export interface NatsBinary {
  readonly path: string
  /** As it says itself: '2.9.10'. */
  readonly version: string
}

/**
 * Find nats-server: the given path, else the PATH, else the system's folders.
 * @param given a path that is taken or refused, never passed over
 * @param path the PATH to look in
 * @throws {Error} there is none, or it is too old; the sentence says what to do
 */
export async function findNatsServer(given: string | undefined, path: string | undefined): Promise<NatsBinary> {
  if (given !== undefined && given !== '') return checked(given)
  for (const folder of [...(path ?? '').split(delimiter), ...systemFolders]) {
    const candidate = join(folder, 'nats-server')
    if (folder !== '' && isExecutable(candidate)) return checked(candidate)
  }
  throw new Error(
    'nats-server was not found: install it (Debian: apt install nats-server; macOS: brew install nats-server), or name it in CARILLON_NATS_SERVER'
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

async function checked(path: string): Promise<NatsBinary> {
  const said = await new Promise<string>((resolve, reject) => {
    execFile(path, ['--version'], { timeout: answerMsMax }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout + stderr)
      else reject(new Error(`${path} does not run as nats-server: ${error.message}`))
    })
  })
  const found = /v?(\d+)\.(\d+)\.(\d+)/.exec(said)
  if (found === null) throw new Error(`${path} does not say which version of nats-server it is: ${said.slice(0, 200)}`)
  const [major, minor] = [Number(found[1]), Number(found[2])]
  if (major < versionMin[0] || (major === versionMin[0] && minor < versionMin[1])) {
    throw new Error(`${path} is nats-server ${found[0]}; ${versionMin.join('.')} or later is needed`)
  }
  return { path, version: `${found[1]}.${found[2]}.${found[3]}` }
}
