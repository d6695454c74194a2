import { merge, resolveLastWriteWins, type Siblings } from '../../model/siblings.ts'
import {
  decodeSiblings,
  encodeSiblings,
  haveEqualHeaders,
  holdsAllOf,
  outlineOf,
  type SiblingsOutline
} from '../../model/siblings-codec.ts'
import type { Resolver } from './vnode-protocol.ts'

/**
 * What is there and what comes, as one record; one of the two itself where the other adds nothing.
 * @param outline of `incoming`, where that was made before
 */
export function mergedBytes(
  before: Uint8Array | undefined,
  incoming: Uint8Array,
  resolver: Resolver,
  outline: SiblingsOutline = outlineOf(incoming)
): Uint8Array {
  if (before === undefined) return incoming
  if (haveEqualHeaders(before, incoming) && outline.dots.length <= 2) return before
  // The usual case: what comes has seen what is there, and is its successor.
  const isOne = resolver !== 'last-write-wins' || outline.dots.length <= 2
  if (isOne && holdsAllOf(outline, before)) return incoming
  const ours = decodeSiblings(before)
  const theirs: Siblings = decodeSiblings(incoming)
  const merged = merge(ours, theirs)
  const resolved = resolver === 'last-write-wins' ? resolveLastWriteWins(merged) : merged
  if (resolved === theirs) return incoming
  return resolved === ours ? before : encodeSiblings(resolved)
}
