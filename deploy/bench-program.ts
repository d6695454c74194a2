import { execFile } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { PeerMissing } from '../api/bench/target.ts'

/** Debian puts daemons where the PATH of an ordinary user does not look. */
const systemFolders = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin']
const answerMsMax = 5_000

/** A program of a peer, and how to get it. */
export interface PeerProgram {
  readonly command: string
  /** For people: 'install the Debian package redis-server (apt-get install redis-server)'. */
  readonly advice: string
}

export function debianProgram(command: string, debianPackage: string): PeerProgram {
  return {
    command,
    advice: `install the Debian package ${debianPackage} (apt-get install --no-install-recommends ${debianPackage})`
  }
}

/** @returns its path @throws {PeerMissing} it is not on this machine; the message says what to install */
export function programPath({ command, advice }: PeerProgram, path: string | undefined = process.env['PATH']): string {
  for (const folder of [...(path ?? '').split(delimiter), ...systemFolders]) {
    const candidate = join(folder, command)
    if (folder !== '' && isExecutable(candidate)) return candidate
  }
  throw new PeerMissing(`${command} is not on the PATH: ${advice}`)
}

/** @returns as the program says itself: '7.0.15'; '' where it does not say */
export function programVersion(path: string): Promise<string> {
  return new Promise(resolve => {
    execFile(path, ['--version'], { timeout: answerMsMax }, (_, stdout, stderr) => {
      resolve(/\d+\.\d+(?:\.\d+)?[\w.-]*/.exec(stdout + stderr)?.[0] ?? '')
    })
  })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
