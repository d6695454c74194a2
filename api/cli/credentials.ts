import { readFileSync, statSync } from 'node:fs'
import type { TlsOptions } from '../client/client-options.ts'
import { type ClientEnvironment, UsageError } from './terminal.ts'

/** Of the flags, those that credentials come from. */
export interface CredentialFlags {
  readonly token?: string
  readonly tokenFile?: string
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
}

const fileBytesMax = 64 * 1024

/** A flag before a variable, a token before a file. @returns '' for none @throws {UsageError} the file cannot be read, or is empty */
export function tokenOf(flags: CredentialFlags, environment: ClientEnvironment): string {
  if (flags.token !== undefined && flags.tokenFile !== undefined)
    throw new UsageError('--token and --token-file are both there: give one of them.')
  if (flags.token !== undefined) return flags.token
  if (flags.tokenFile !== undefined) return tokenIn('--token-file', flags.tokenFile)
  if (environment.token !== '') return environment.token
  const { tokenFile = '' } = environment
  return tokenFile === '' ? '' : tokenIn('CARILLON_TOKEN_FILE', tokenFile)
}

/** @returns undefined where nothing asks for TLS @throws {UsageError} a file cannot be read, or is no PEM */
export function tlsOf(flags: CredentialFlags, environment: ClientEnvironment): TlsOptions | undefined {
  const ca = pemIn('--tls-ca', flags.tlsCa, 'CARILLON_TLS_CA', environment.tlsCa)
  const cert = pemIn('--tls-cert', flags.tlsCert, 'CARILLON_TLS_CERT', environment.tlsCert)
  const key = pemIn('--tls-key', flags.tlsKey, 'CARILLON_TLS_KEY', environment.tlsKey)
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError('--tls-cert and --tls-key belong together: give both or none.')
  return ca === undefined && cert === undefined ? undefined : { ca, cert, key }
}

function tokenIn(name: string, path: string): string {
  // Editors and shells put an end of line behind it.
  const token = textIn(name, path).replace(/[\r\n]+$/, '')
  if (token === '') throw new UsageError(`${name} names ${path}, which is empty.`)
  return token
}

function pemIn(flag: string, given: string | undefined, variable: string, fallback = ''): string | undefined {
  const [name, path] = given === undefined ? [variable, fallback] : [flag, given]
  if (path === '') return undefined
  const text = textIn(name, path)
  if (!text.includes('-----BEGIN ')) throw new UsageError(`${name} names ${path}, which is no PEM file.`)
  return text
}

function textIn(name: string, path: string): string {
  try {
    const { size } = statSync(path)
    if (size > fileBytesMax) throw new Error(`it has ${size} bytes, the limit is ${fileBytesMax}`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${name} names ${path}, which cannot be read: ${(error as Error).message}`)
  }
}
