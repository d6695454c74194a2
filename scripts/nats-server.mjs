import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { attempt, describeFailure } from './command.mjs'
import { installRelease, releaseFor } from './nats-server-release.mjs'
import { SetUpError } from './set-up-error.mjs'

const advice =
  'Install nats-server 2.9 or newer (https://docs.nats.io/running-a-nats-service/introduction/installation), or set CARILLON_NATS_SERVER to its path.'

/**
 * The nats-server to use: CARILLON_NATS_SERVER, then the PATH, then where packages put it, then this checkout's own.
 * @returns its path, or undefined where there is none
 * @throws {SetUpError} where CARILLON_NATS_SERVER names no program
 */
export function findNatsServer(root, env = process.env) {
  const named = env.CARILLON_NATS_SERVER
  if (named !== undefined && named !== '') {
    if (isProgram(named)) return named
    throw new SetUpError(`CARILLON_NATS_SERVER is ${JSON.stringify(named)}, which is no program: correct it or unset it.`)
  }
  const folders = (env.PATH ?? '').split(delimiter).filter(folder => folder !== '')
  folders.push('/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin', join(root, '.setup', 'bin'))
  return folders.map(folder => join(folder, 'nats-server')).find(isProgram)
}

/**
 * Installs nats-server by the first of these that applies: apt (root, or sudo without a password), brew, a pinned release.
 * @throws {SetUpError} with what was tried and what to install
 */
export async function installNatsServer(root) {
  const tried = []
  for (const way of [byApt, byBrew, byRelease]) {
    const failure = await way(root)
    const found = findNatsServer(root)
    if (found !== undefined) return found
    if (failure !== undefined) tried.push(failure)
  }
  throw new SetUpError([...tried, `There is no nats-server on this machine. ${advice}`].join('\n\n'))
}

/**
 * The package's service is kept from starting (it would take NATS's usual port): policy-rc.d forbids it while apt works.
 * Runs as root; put back whatever happens.
 */
const aptScript = `
policy=/usr/sbin/policy-rc.d
made=
if [ ! -e "$policy" ]; then printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy" && made=1; fi
trap '[ -z "$made" ] || rm -f "$policy"' EXIT
trap 'exit 130' INT TERM HUP
export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y --no-install-recommends nats-server; }
install || { apt-get update && install; } || exit 1
if command -v systemctl > /dev/null; then systemctl disable nats-server > /dev/null 2>&1; fi
exit 0`

async function byApt() {
  if (process.platform !== 'linux' || !existsSync('/usr/bin/apt-get')) return undefined
  let command
  if (process.getuid() === 0) command = ['sh', '-c', aptScript]
  else if ((await attempt('sudo', ['-n', 'true'])).status === 0) command = ['sudo', '-n', 'sh', '-c', aptScript]
  else return undefined
  console.log('Installing nats-server (apt-get install nats-server) …')
  const { status, output } = await attempt(command[0], command.slice(1))
  return status === 0 ? undefined : describeFailure('apt-get install nats-server', status, output, 'Trying the next way.')
}

async function byBrew() {
  if (process.platform !== 'darwin') return undefined
  const brew = ['/opt/homebrew/bin/brew', '/usr/local/bin/brew'].find(isProgram)
  if (brew === undefined) return undefined
  console.log('Installing nats-server (brew install nats-server) …')
  const { status, output } = await attempt(brew, ['install', 'nats-server'])
  return status === 0 ? undefined : describeFailure('brew install nats-server', status, output, 'Trying the next way.')
}

async function byRelease(root) {
  const release = releaseFor(process.platform, process.arch)
  if (release === undefined) return undefined
  console.log(`Downloading nats-server ${release.version} …`)
  try {
    await installRelease(release, root)
    return undefined
  } catch (error) {
    return `${release.url}\ncould not be installed: ${error.message}`
  }
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
