import { merge, resolveLastWriteWins, type Siblings } from '../../model/siblings.ts'
import { decodeSiblings, encodeSiblings } from '../../model/siblings-codec.ts'
import type { Resolver } from './vnode-protocol.ts'

/**
 * What is there and what comes, as one record; one of the two itself where the other adds nothing.
 * @param theirs `incoming`, decoded, where that was done before
 */
export function mergedBytes(
  before: Uint8Array | undefined,
  incoming: Uint8Array,
  resolver: Resolver,
  theirs: Siblings = decodeSiblings(incoming)
): Uint8Array {
  if (before === undefined) return incoming
  const ours = decodeSiblings(before)
  const merged = merge(ours, theirs)
  const resolved = resolver === 'last-write-wins' ? resolveLastWriteWins(merged) : merged
  if (resolved === theirs) return incoming
  return resolved === ours ? before : encodeSiblings(resolved)
}
