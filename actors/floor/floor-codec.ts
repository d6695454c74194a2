import type { Floor } from '../../model/floor.ts'
import type { Key } from '../../model/key.ts'
import type { KeyClasses } from '../vnode/key-classes.ts'

/** A floor as a replica keeps it. */
export interface KeptFloor {
  /** The class that was compared. */
  readonly n: number
  readonly vector: Floor
  /** Which buckets had which n then: the floor says nothing of keys that have come into the class since. */
  readonly classes: KeyClasses
}

const formatVersion = 1
export const floorsStart = '\0f' as Key
export const floorsEnd = '\0g' as Key

/** Two copies of each: a floor cannot be had from anywhere else. */
export function floorKeysOf(n: number): readonly [Key, Key] {
  const name = `${floorsStart}${n.toString(16).padStart(2, '0')}`
  return [`${name}a` as Key, `${name}b` as Key]
}

export function encodeFloor({ n, vector, classes }: KeptFloor): Uint8Array {
  return Buffer.from(JSON.stringify({ version: formatVersion, n, vector, classes }))
}

/** @returns undefined: a format that is not known */
export function decodeFloor(bytes: Uint8Array): KeptFloor | undefined {
  const { version, n, vector, classes } = JSON.parse(Buffer.from(bytes).toString()) as KeptFloor & { readonly version: number }
  return version === formatVersion ? { n, vector, classes } : undefined
}
