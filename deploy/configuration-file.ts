import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { parseDocument as ParseDocument } from 'yaml'
import { ConfigurationError } from './configuration-error.ts'

/** A configuration file's text and where it was found. */
export interface ConfigurationFile {
  readonly path: string
  readonly text: string
}

export const defaultConfigurationPath = 'carillon.yaml'
const fileBytesMax = 256 * 1024
const groupDepthMax = 4
const require = createRequire(import.meta.url)

/**
 * @param path the file that was asked for; undefined: carillon.yaml of the working directory, if there is one
 * @throws {ConfigurationError} it was asked for and cannot be read, or is too large
 */
export function readConfigurationFile(path: string | undefined): ConfigurationFile | undefined {
  const wanted = path ?? defaultConfigurationPath
  try {
    const { size } = statSync(wanted)
    if (size > fileBytesMax) throw problem(wanted, `has ${size} bytes, the limit is ${fileBytesMax}.`)
    return { path: wanted, text: readFileSync(wanted, 'utf8') }
  } catch (error) {
    if (path === undefined && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    if (error instanceof ConfigurationError) throw error
    throw problem(wanted, `cannot be read: ${(error as Error).message}.`)
  }
}

/**
 * The file's values with groups as dotted keys: `http: { port: 1 }` is `http.port`.
 * @throws {ConfigurationError} it is no YAML, or not a map of names
 */
export function flattenedFile(file: ConfigurationFile): Map<string, unknown> {
  // Loaded for a file alone: most hosts have flags and variables.
  const { parseDocument } = require('yaml') as { readonly parseDocument: typeof ParseDocument }
  const document = parseDocument(file.text, { prettyErrors: true })
  const broken = document.errors[0]
  if (broken !== undefined) throw problem(file.path, `is no YAML: ${broken.message.split('\n')[0]}`)
  let content: unknown
  try {
    content = document.toJS({ maxAliasCount: 16 })
  } catch (error) {
    throw problem(file.path, `is no YAML: ${(error as Error).message}.`)
  }
  const flat = new Map<string, unknown>()
  if (content === null || content === undefined) return flat
  if (!isGroup(content)) throw problem(file.path, 'has to be a map of settings, one `key: value` a line.')
  flatten(content, '', 1, flat)
  return flat
}

function flatten(group: Record<string, unknown>, prefix: string, depth: number, flat: Map<string, unknown>): void {
  for (const [name, value] of Object.entries(group)) {
    const key = prefix + name
    if (isGroup(value) && depth < groupDepthMax) flatten(value, `${key}.`, depth + 1, flat)
    else flat.set(key, value)
  }
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function problem(path: string, what: string): ConfigurationError {
  return new ConfigurationError([{ key: path, source: path, text: `${path} ${what}` }])
}
