import { createHash } from 'node:crypto'
import type { Sibling } from '../../model/siblings.ts'
import { bufferOf } from '../json-value.ts'

/**
 * Siblings as one body of `multipart/mixed`, newest first, each with its `Content-Type`.
 * @returns the body, and a boundary that no value holds
 * @see RFC 2046, section 5.1
 */
export function multipartOf(versions: readonly Sibling[]): { readonly boundary: string; readonly body: Buffer } {
  const boundary = boundaryFor(versions)
  const parts: Buffer[] = []
  for (const version of versions) {
    parts.push(
      Buffer.from(
        `--${boundary}\r\nContent-Type: ${version.contentType}\r\nContent-Length: ${version.value.length}\r\n\r\n`,
        'latin1'
      )
    )
    parts.push(bufferOf(version.value), lineEnd)
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`, 'latin1'))
  return { boundary, body: Buffer.concat(parts) }
}

const lineEnd = Buffer.from('\r\n', 'latin1')

/** From the values themselves, so equal siblings give equal bodies; another one where a value was made to hold it. */
function boundaryFor(versions: readonly Sibling[]): string {
  const hash = createHash('sha256')
  for (const { value } of versions) hash.update(value)
  for (let salt = 0; ; salt++) {
    const boundary = `carillon-${hash.copy().update(String(salt)).digest('hex').slice(0, 32)}`
    if (!versions.some(({ value }) => bufferOf(value).includes(boundary, 0, 'latin1'))) return boundary
  }
}
