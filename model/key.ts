import { fault, type Fault } from './fault.ts'
import { hash32 } from './hash.ts'
import { limits } from './limits.ts'

/**
 * A bucket and a key as one binary string, one character per byte: `bucket NUL key`.
 * Bucket names hold no NUL, so the first one parts them. A string, since it is looked up in maps at every step.
 */
export type Key = string & { readonly __key: true }

/**
 * Keys below this one are the system's own and lie beside the users' in the same partition: hints, floors. They begin with NUL,
 * as if of a bucket without a name, which no user's has. Scans of users' keys begin after it.
 */
export const systemKeysEnd = '\0\xff' as Key

const bucketPattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/

export function bucketFault(bucket: string): Fault | undefined {
  return bucketPattern.test(bucket)
    ? undefined
    : fault(
        'bad_request',
        `bucket ${JSON.stringify(bucket.slice(0, 80))} is no bucket name: use 1 to 64 of A-Z a-z 0-9 _ -, beginning with a letter or digit`
      )
}

/** Why `bytes` is no key, if it is none. */
export function keyFault(bytes: number): Fault | undefined {
  if (bytes === 0) return fault('bad_request', 'the key is empty: give it at least one byte')
  if (bytes <= limits.keyBytesMax) return undefined
  return fault(
    'too_large',
    `the key has ${bytes} bytes, the limit is ${limits.keyBytesMax}: use a shorter key, or a hash of it`,
    {
      limit: limits.keyBytesMax,
      size: bytes
    }
  )
}

/** @param key the key's bytes; checked before by `keyFault` and `bucketFault` */
export function keyOf(bucket: string, key: Uint8Array): Key {
  return `${bucket}\0${Buffer.from(key.buffer, key.byteOffset, key.byteLength).latin1Slice()}` as Key
}

/** @param key any text; its UTF-8 bytes are the key */
export function keyOfText(bucket: string, key: string): Key {
  return `${bucket}\0${Buffer.from(key, 'utf8').latin1Slice()}` as Key
}

export function bucketOf(key: Key): string {
  return key.slice(0, key.indexOf('\0'))
}

/** The bytes that the user gave. */
export function keyBytesOf(key: Key): Buffer {
  return Buffer.from(key.slice(key.indexOf('\0') + 1), 'latin1')
}

/** Bytes of the user's part. */
export function keyLengthOf(key: Key): number {
  return key.length - key.indexOf('\0') - 1
}

/** Where the key lies on the ring, 0 ≤ position < 2^32: XXH32 of `bucket NUL key`, seed 0. */
export function positionOf(key: Key): number {
  return hash32(Buffer.from(key, 'latin1'), 0)
}

/** @param partitions a power of two; the ring is cut into that many equal arcs */
export function partitionOf(position: number, partitions: number): number {
  return Math.floor(position / (0x1_0000_0000 / partitions))
}
