import { isUtf8 } from 'node:buffer'

export const jsonType = 'application/json'
export const bytesType = 'application/octet-stream'

const jsonTypes = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i
const textTypes = /^text\//i

/**
 * A stored value as members of a JSON object, without the braces:
 *
 * | stored as | members |
 * |---|---|
 * | JSON | `"value":` and the stored text itself, so that no number, name or order of it changes |
 * | `text/…` in UTF-8 | `"value":"…","content_type":"…"` |
 * | anything else | `"value":"<base64>","encoding":"base64","content_type":"…"` |
 */
export function valueMembers(value: Uint8Array, contentType: string): string {
  const bytes = bufferOf(value)
  if (isUtf8(bytes)) {
    const isPlainJson = contentType === jsonType
    if (isPlainJson || jsonTypes.test(contentType)) {
      const text = bytes.toString('utf8')
      // Any door may have stored it: what is not JSON must not get into a reply as JSON.
      if (isJson(text)) return isPlainJson ? `"value":${text}` : `"value":${text},${typeMember(contentType)}`
    } else if (textTypes.test(contentType)) {
      return `"value":${JSON.stringify(bytes.toString('utf8'))},${typeMember(contentType)}`
    }
  }
  return `"value":"${bytes.toString('base64')}","encoding":"base64",${typeMember(contentType)}`
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The same bytes, not a copy. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function typeMember(contentType: string): string {
  return `"content_type":${JSON.stringify(contentType)}`
}
