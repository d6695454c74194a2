import * as contexts from './causal-context.ts'
import type { CausalContext } from './causal-context.ts'
import type { Dot, Relation, VnodeId } from './version-vector.ts'

/** One value, with the dot that names it. */
export interface Sibling extends Dot {
  readonly vnode: VnodeId
  readonly counter: number
  readonly value: Uint8Array
  readonly contentType: string
  /** Wall clock of the coordinator, for people and for last-write-wins; no decision about causality rests on it. */
  readonly modifiedMs: number
  /** 0: never. */
  readonly expiresMs: number
  /** A delete: it replaces what it had seen like any write. */
  readonly tombstone: boolean
}

/**
 * All that a replica knows of one key: the values that nothing it has seen replaces, and what it has seen.
 * Every version's dot is covered by the context. What the context covers and `versions` lacks was replaced.
 * @see Preguiça et al., Dotted Version Vectors (2010); Almeida et al., Scalable and Accurate Causality Tracking (DAIS 2014), section 5
 */
export interface Siblings {
  readonly context: CausalContext
  /** Ascending by vnode, then counter. */
  readonly versions: readonly Sibling[]
}

export const emptySiblings: Siblings = Object.freeze({ context: contexts.emptyContext, versions: Object.freeze([]) })

/** A dot was minted that someone has seen before, or claims to have seen: it would name two values. */
export class DotReused extends Error {
  readonly vnode: VnodeId
  readonly counter: number
  constructor(dot: Dot) {
    super(`dot ${dot.vnode}:${dot.counter} is covered before it was written: a dot names one value for ever`)
    this.name = 'DotReused'
    this.vnode = dot.vnode
    this.counter = dot.counter
  }
}

/**
 * `local` after a write at the vnode that mints `sibling`'s dot: what the client had seen is replaced, all else stays beside it.
 * The vnode's own entry rises to the new counter, since it has seen every event of this key that it minted.
 * @param isWhole false: it may have lost some of them, so that the new dot is claimed alone, as a single dot in the cloud: an entry
 * that rose would cover what was lost here and is kept elsewhere, and a merge would take that for replaced
 * @throws {DotReused} either context covers the new dot; a client's can be refused before: see `counterSeen`
 */
export function write(local: Siblings, clientContext: CausalContext, sibling: Sibling, isWhole = true): Siblings {
  const { vnode, counter } = sibling
  if (contexts.covers(local.context, vnode, counter) || contexts.covers(clientContext, vnode, counter))
    throw new DotReused(sibling)
  const versions: Sibling[] = []
  let placed = false
  for (const version of local.versions) {
    if (contexts.covers(clientContext, version.vnode, version.counter)) continue
    if (!placed && order(sibling, version) < 0) {
      versions.push(sibling)
      placed = true
    }
    versions.push(version)
  }
  if (!placed) versions.push(sibling)
  const seen = contexts.join(local.context, clientContext)
  return { context: isWhole ? contexts.withCounter(seen, vnode, counter) : contexts.withDot(seen, vnode, counter), versions }
}

/**
 * What the reply to a write tells its writer: the history of the value that was written.
 * Where it has no sibling, every event in the context is in its history, so the context is that history, and stays short over
 * a chain of writes without reads; else `contextOfWrite`.
 * @param written the result of `write`
 */
export function contextAfterWrite(written: Siblings, clientContext: CausalContext, dot: Dot): CausalContext {
  return written.versions.length === 1 ? written.context : contexts.contextOfWrite(clientContext, dot)
}

/**
 * What two replicas know together: a version stays if both have it, or if the one that lacks it has not seen it.
 * Commutative, associative, idempotent.
 * @returns `a` itself where `b` adds nothing, `b` itself where `a` adds nothing
 */
export function merge(a: Siblings, b: Siblings): Siblings {
  if (a === b || absorbs(a, b)) return a
  if (absorbs(b, a)) return b
  const versions: Sibling[] = []
  let i = 0
  let j = 0
  while (i < a.versions.length || j < b.versions.length) {
    const left = a.versions[i]
    const right = b.versions[j]
    const step = left === undefined ? 1 : right === undefined ? -1 : order(left, right)
    if (step === 0) {
      versions.push(left!)
      i++
      j++
    } else if (step < 0) {
      if (!contexts.covers(b.context, left!.vnode, left!.counter)) versions.push(left!)
      i++
    } else {
      if (!contexts.covers(a.context, right!.vnode, right!.counter)) versions.push(right!)
      j++
    }
  }
  return { context: contexts.join(a.context, b.context), versions }
}

/** How `a` stands to `b`, by what their merge would be: `before` where it is `b`. */
export function relation(a: Siblings, b: Siblings): Relation {
  const aAddsNothing = absorbs(b, a)
  if (absorbs(a, b)) return aAddsNothing ? 'equal' : 'after'
  return aAddsNothing ? 'before' : 'concurrent'
}

/** The version that is shown first: the greatest by (modifiedMs, vnode, counter). */
export function newest(siblings: Siblings): Sibling | undefined {
  let best: Sibling | undefined
  // Versions ascend by dot, so of equal times the later one has the greater dot.
  for (const version of siblings.versions) {
    if (best === undefined || version.modifiedMs >= best.modifiedMs) best = version
  }
  return best
}

/** The values to show: no tombstones and, where `nowMs` is given, none that has expired by then. */
export function live(siblings: Siblings, nowMs?: number): readonly Sibling[] {
  const { versions } = siblings
  for (const version of versions) {
    if (!isLive(version, nowMs)) return versions.filter(each => isLive(each, nowMs))
  }
  return versions
}

/** Whether it was written, and nothing of it is left to show. */
export function isDeleted(siblings: Siblings, nowMs?: number): boolean {
  const { versions } = siblings
  for (const version of versions) {
    if (isLive(version, nowMs)) return false
  }
  return versions.length > 0
}

/** The newest alone. The context stays, so the others are replaced wherever this is merged. */
export function resolveLastWriteWins(siblings: Siblings): Siblings {
  return siblings.versions.length <= 1 ? siblings : { context: siblings.context, versions: [newest(siblings)!] }
}

/** Whether merging `b` into `a` leaves `a` as it is. */
function absorbs(a: Siblings, b: Siblings): boolean {
  if (!contexts.descends(a.context, b.context)) return false
  for (const version of a.versions) {
    if (contexts.covers(b.context, version.vnode, version.counter) && !has(b.versions, version)) return false
  }
  return true
}

function has(versions: readonly Sibling[], dot: Dot): boolean {
  for (const version of versions) {
    if (version.vnode === dot.vnode && version.counter === dot.counter) return true
  }
  return false
}

function order(a: Dot, b: Dot): number {
  return a.vnode - b.vnode || a.counter - b.counter
}

function isLive(version: Sibling, nowMs: number | undefined): boolean {
  return !version.tombstone && (nowMs === undefined || version.expiresMs === 0 || version.expiresMs > nowMs)
}
