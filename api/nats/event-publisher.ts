import { headers } from 'nats'
import type { Accepted } from '../../actors/coordinator/coordinator-protocol.ts'
import { eventSubject, keyHeader } from '../../bus/subject.ts'
import { encodeContext } from '../../model/causal-context.ts'
import { bucketOf, keyBytesOf } from '../../model/key.ts'
import { textOfKey } from '../key-text.ts'
import type { DoorConnection } from './connection.ts'

const ascii = /^[\x20-\x7e]*$/

/**
 * Tells of one accepted write on `<cluster>.event.<bucket>.<key>`, once and at most once: nobody who was away is told later.
 * The payload is JSON: `{"bucket","key","op":"put"|"delete","content_type","context"}`; where the key is no UTF-8, `key_base64`
 * in place of `key`. Where the key is no legal subject, the subject ends at the bucket and `Carillon-Key` has the key.
 * @throws {Error} the connection is closed
 */
export function publishEvent(
  connection: DoorConnection,
  cluster: string,
  { key, operation, contentType, context }: Accepted
): void {
  const bucket = bucketOf(key)
  const binary = key.slice(bucket.length + 1)
  // Most keys are ASCII: their binary string is their text, and needs no bytes.
  const text = ascii.test(binary) ? binary : textOfKey(keyBytesOf(key))
  const { subject, hasKey } = eventSubject(cluster, bucket, text)
  const shownKey = text === undefined ? `"key_base64":"${keyBytesOf(key).toString('base64')}"` : `"key":${JSON.stringify(text)}`
  const type = operation === 'put' ? `,"content_type":${JSON.stringify(contentType)}` : ''
  const payload = Buffer.from(
    `{"bucket":"${bucket}",${shownKey},"op":"${operation}"${type},"context":"${encodeContext(context)}"}`
  )
  if (hasKey) {
    connection.publish(subject, payload)
    return
  }
  const head = headers()
  head.set(keyHeader, keyBytesOf(key).toString('base64url'))
  connection.publish(subject, payload, { headers: head })
}
