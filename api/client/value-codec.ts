import { isUtf8 } from 'node:buffer'
import { badRequest } from './errors.ts'

/** How a bucket's values become bytes and values again. */
export interface ValueCodec<T> {
  /** @throws the value cannot be stored */
  encode(value: T): EncodedValue
  /** @param bytes the reader's own @param contentType as it was stored; another client may have stored anything */
  decode(bytes: Uint8Array, contentType: string): T
}

export interface EncodedValue {
  readonly bytes: Uint8Array
  readonly contentType: string
}

export const jsonType = 'application/json'
export const bytesType = 'application/octet-stream'

const jsonTypes = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i
const textTypes = /^text\//i

/**
 * Bytes as they are, everything else as JSON. Each kind of value comes back as it went in: `Uint8Array` as `Uint8Array`, `null` as `null`.
 *
 * | stored as | read as |
 * |---|---|
 * | JSON | what `JSON.parse` makes of it |
 * | `text/…` in UTF-8 | a string |
 * | anything else | `Uint8Array` |
 */
export const anyValue: ValueCodec<unknown> = Object.freeze({
  encode(value: unknown): EncodedValue {
    if (typeof value === 'object' && value !== null) {
      if (ArrayBuffer.isView(value))
        return { bytes: new Uint8Array(value.buffer, value.byteOffset, value.byteLength), contentType: bytesType }
      if (value instanceof ArrayBuffer) return { bytes: new Uint8Array(value), contentType: bytesType }
      if (value instanceof Map || value instanceof Set)
        throw badRequest('a Map or Set has no JSON: store an object, an array, or give the bucket a codec')
    } else if (typeof value === 'number' && !Number.isFinite(value)) {
      throw badRequest(`${value} has no JSON: store a finite number, or give the bucket a codec`)
    }
    return { bytes: Buffer.from(jsonOf(value), 'utf8'), contentType: jsonType }
  },
  decode(bytes: Uint8Array, contentType: string): unknown {
    if (contentType === jsonType || jsonTypes.test(contentType)) {
      try {
        return JSON.parse(textOf(bytes))
      } catch {
        // Another door stored it under this type as it was: better the bytes than nothing.
        return new Uint8Array(bytes)
      }
    }
    return textTypes.test(contentType) && isUtf8(bytes) ? textOf(bytes) : new Uint8Array(bytes)
  }
})

function jsonOf(value: unknown): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw badRequest(`the value has no JSON: ${(error as Error).message}`)
  }
  if (text === undefined)
    throw badRequest(
      `${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`} has no JSON: store null, or delete the key`
    )
  return text
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).utf8Slice()
}
