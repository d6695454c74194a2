import { createHmac } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { HostSettings, SettingName } from './configuration-schema.ts'
import { settings } from './configuration-schema.ts'

const fileBytesMax = 64 * 1024

/**
 * The same settings with the secrets that stand in files.
 * @throws {Error} a sentence that names the file, never what is in it
 */
export function withSecrets(host: HostSettings): HostSettings {
  return Object.freeze({
    ...host,
    token: secretOf(host, 'token', 'tokenFile'),
    clusterSecret: secretOf(host, 'clusterSecret', 'clusterSecretFile')
  })
}

/** What servers show each other, as text that any nats-server takes; it tells nothing of the secret. undefined: there is none. */
export function routeSecretOf({ cluster, clusterSecret }: HostSettings): string | undefined {
  if (clusterSecret === '') return undefined
  return createHmac('sha256', clusterSecret).update(`carillon route ${cluster}`).digest('base64url')
}

/** A file's text. @throws {Error} a sentence that names the setting and the file */
export function textOfFile(path: string, key: string): string {
  try {
    const { size } = statSync(path)
    if (size > fileBytesMax) throw new Error(`it has ${size} bytes, the limit is ${fileBytesMax}`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new Error(`${key} names ${path}, which cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function secretOf(host: HostSettings, name: 'token' | 'clusterSecret', file: 'tokenFile' | 'clusterSecretFile'): string {
  if (host[file] === '') return host[name]
  // Editors and shells put an end of line behind it.
  const text = textOfFile(host[file], file).replace(/[\r\n]+$/, '')
  const { pattern, allowed } = rulesOf(name)
  if (text === '' || !pattern.test(text))
    throw new Error(`${file} names ${host[file]}, and what is in it cannot be used: allowed is ${allowed}`)
  return text
}

function rulesOf(name: SettingName): { readonly pattern: RegExp; readonly allowed: string } {
  const setting = settings.find(each => each.name === name)!
  return { pattern: new RegExp(setting.pattern ?? ''), allowed: setting.allowed }
}
