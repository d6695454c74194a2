import type { Key } from '../model/key.ts'

/** Something that must never happen, and did. */
export interface Violation {
  /** `I5`, … as the tests name them. */
  readonly invariant: string
  readonly atMs: number
  /** The key that it is about, where it is about one. */
  readonly key: Key | undefined
  readonly text: string
}

/** A key as people read it: `bucket/key`. */
export function keyText(key: Key): string {
  return key.replace('\0', '/')
}

/** One run tells so many at most: after the first few, the others are the same one again. */
export const violationsMax = 100
