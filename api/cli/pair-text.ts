import { isUtf8 } from 'node:buffer'
import type { Version } from './cluster.ts'

export const jsonType = 'application/json'
export const textType = 'text/plain; charset=utf-8'
export const bytesType = 'application/octet-stream'

/** A value in JSON output: as itself where it is JSON or text, else as base64. */
export type ShownValue =
  | { readonly value: unknown; readonly content_type?: string }
  | { readonly value_base64: string; readonly content_type?: string }

/** The content type of bytes that came without one: JSON text, other text, or bytes. */
export function guessedType(value: Uint8Array): string {
  if (!isUtf8(value)) return bytesType
  return parsedJson(value) === undefined ? textType : jsonType
}

export function shownVersion({ value, contentType }: Version): ShownValue {
  if (contentType === jsonType) {
    const json = parsedJson(value)
    if (json !== undefined) return { value: json.value }
  }
  if (contentType.startsWith('text/') && isUtf8(value)) return { value: textOfBytes(value), content_type: contentType }
  return { value_base64: base64Of(value), content_type: contentType }
}

export function shownKey(key: Uint8Array): { key: string } | { key_base64: string } {
  return isUtf8(key) ? { key: textOfBytes(key) } : { key_base64: base64Of(key) }
}

/** A key on a line of its own. */
export function keyText(key: Uint8Array): string {
  return isUtf8(key) ? textOfBytes(key) : `base64:${base64Of(key)}`
}

export function textOfBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

export function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

/** In an object, since `null` is JSON too. */
export function parsedJson(value: Uint8Array): { readonly value: unknown } | undefined {
  if (!isUtf8(value)) return undefined
  try {
    return { value: JSON.parse(textOfBytes(value)) }
  } catch {
    return undefined
  }
}
