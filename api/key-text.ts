import { isUtf8 } from 'node:buffer'
import { fault, type Fault } from '../model/fault.ts'
import { keyFault } from '../model/key.ts'

export type KeyEncoding = 'utf8' | 'base64url'

const base64url = /^[A-Za-z0-9_-]*$/
/** Half of a pair of UTF-16 units: such a text has no UTF-8. */
const loneSurrogate = /\p{Surrogate}/u

/** A key as a door was given it, as bytes. Every byte is allowed, in every order. */
export function keyBytesOf(text: string, encoding: KeyEncoding): Buffer | Fault {
  if (encoding === 'base64url') {
    const bytes = base64url.test(text) ? Buffer.from(text, 'base64url') : undefined
    if (bytes === undefined || bytes.toString('base64url') !== text) {
      return fault('bad_request', 'the key is not base64url: use A-Z a-z 0-9 _ - without padding')
    }
    return keyFault(bytes.length) ?? bytes
  }
  if (loneSurrogate.test(text)) {
    return fault(
      'bad_request',
      'the key holds half a surrogate pair, which has no UTF-8: send such bytes with encoding=base64url'
    )
  }
  const bytes = Buffer.from(text, 'utf8')
  return keyFault(bytes.length) ?? bytes
}

/** @returns the key as text; undefined where its bytes are not UTF-8 */
export function textOfKey(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}
