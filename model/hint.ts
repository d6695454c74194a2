import * as contexts from './causal-context.ts'
import type { CausalContext } from './causal-context.ts'
import type { Key } from './key.ts'
import { type Sibling, type Siblings, write } from './siblings.ts'
import { epochOf, standInEpochs, type VnodeId } from './version-vector.ts'

/**
 * Where a fallback keeps a hint: `NUL h`, the uid of the host that shall have it as 8 hex digits, then the user's key.
 * One record for each target and key: what comes later is merged into it.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.6: hinted handoff
 */
const hintsBegin = '\0h'
const targetDigits = 8

/** All hints of a partition lie behind this key … */
export const hintsStart = hintsBegin as Key
/** … and before this one. */
export const hintsEnd = '\0i' as Key

/** All hints for `target` lie behind it. */
export function hintsStartOf(target: number): Key {
  return `${hintsBegin}${target.toString(16).padStart(targetDigits, '0')}` as Key
}

export function hintKeyOf(target: number, key: Key): Key {
  return `${hintsStartOf(target)}${key}` as Key
}

/** Uid of the host that a hint is for. */
export function targetOfHint(hintKey: Key): number {
  return Number.parseInt(hintKey.slice(hintsBegin.length, hintsBegin.length + targetDigits), 16)
}

/** The user's key that a hint is about. */
export function keyOfHint(hintKey: Key): Key {
  return hintKey.slice(hintsBegin.length + targetDigits) as Key
}

/**
 * The id under which a host mints while it stands in for the owners of a key, beside its own `vnode`. It has to be another one: as an
 * owner it raises its own entry of the vector, which says that it has seen all that it ever minted for the key. What it minted as a
 * stand-in it has given away since; a later entry of its own would cover that, and a merge would take it for replaced.
 * @param vnode epoch below 2^19: the upper half is for stand-ins
 */
export function standInIdOf(vnode: VnodeId): VnodeId {
  if (epochOf(vnode) >= standInEpochs)
    throw new RangeError(`epoch ${epochOf(vnode)} has no stand-in: they end at ${standInEpochs}`)
  return vnode + standInEpochs
}

/**
 * `local` after a write by a host that stands in for the owners.
 * @param local merge of all hints for the key that this host keeps
 * @param isComplete whether this host still keeps all that it minted under this id for the key. Only then may the id's entry of the
 * vector rise; else the new dot is claimed alone, as a single dot in the cloud.
 */
export function writeStandIn(local: Siblings, client: CausalContext, sibling: Sibling, isComplete: boolean): Siblings {
  const written = write(local, client, sibling)
  if (isComplete) return written
  return {
    context: contexts.withDot(contexts.join(local.context, client), sibling.vnode, sibling.counter),
    versions: written.versions
  }
}
