import { covers as isSeen } from './causal-context.ts'
import type { Sibling, Siblings } from './siblings.ts'
import { counterOf, covers, descends, join, type VersionVector } from './version-vector.ts'

/**
 * A floor of a partition's keys (of one class): for each vnode id a counter, so that every event up to there which the replica that
 * keeps the floor does not hold is obsolete for ever. What proves it is in docs/decisions/0009-tombstones-by-floors.md. It takes the
 * place of tombstones: a replica that has the floor forgets them, and still tells what comes back from the dead from what is new.
 */
export type Floor = VersionVector

/**
 * What of `incoming` a replica takes that keeps `floor`.
 *
 * A version that the floor covers, and that the replica's own record has not seen, was purged here: with its tombstone, or long before.
 * One exception: where the sender keeps a floor that is as high, and holds the version, it is this replica that has lost it.
 * @param local what is here of the key; undefined: nothing
 * @param senders the floor that the sender keeps, where it said so
 * @returns `incoming` itself where nothing is to be taken away; undefined where nothing is left
 */
export function admitted(
  floor: Floor,
  local: Siblings | undefined,
  incoming: Siblings,
  senders: Floor | undefined
): Siblings | undefined {
  let purged = 0
  let purgedValues = 0
  const isPurged = incoming.versions.map(version => {
    const { vnode, counter, tombstone } = version
    if (!covers(floor, vnode, counter)) return false
    if (local !== undefined && isSeen(local.context, vnode, counter)) return false
    if (!tombstone && senders !== undefined && descends(senders, floor)) return false
    purged++
    if (!tombstone) purgedValues++
    return true
  })
  if (purged === 0) return incoming
  const versions = incoming.versions.filter((_, index) => !isPurged[index])
  if (versions.length === 0) return undefined
  return purgedValues === 0 ? { context: incoming.context, versions } : claimingNothingElse(versions)
}

/** If it is the replica that is wrong, what it keeps must not claim to have replaced what it refused or dropped. */
function claimingNothingElse(versions: readonly Sibling[]): Siblings {
  return { context: { vector: [], cloud: versions.flatMap(({ vnode, counter }) => [vnode, counter]) }, versions }
}

/** Whether a record says nothing but 'deleted', and the floor says so for it. */
export function isPurgeable(floor: Floor, { context, versions }: Siblings): boolean {
  for (const { vnode, counter, tombstone } of versions) if (!tombstone || !covers(floor, vnode, counter)) return false
  return descends(floor, context.vector) && coversAll(floor, context.cloud)
}

/**
 * What is left of a record when another replica has said that it purged all that it was sent of it.
 * @param own the floor of the replica that holds the record
 * @param others the floor of the one that called it obsolete
 * @returns `held` itself where nothing is to be dropped; undefined where nothing is left
 */
export function stripped(held: Siblings, own: Floor | undefined, others: Floor): Siblings | undefined {
  if (own !== undefined && isPurgeable(own, held)) return undefined
  // Who has proved as much itself, and holds it still, is right.
  if (own !== undefined && descends(own, others)) return held
  const versions = held.versions.filter(({ vnode, counter }) => !covers(others, vnode, counter))
  if (versions.length === held.versions.length) return held
  return versions.length === 0 ? undefined : claimingNothingElse(versions)
}

/**
 * What a new owner keeps of its own record of a key, beside what the owner has from whom it takes the partition over.
 * @param floor the one that the other owner kept before `theirs` was read
 * @param theirs undefined: the other owner has nothing of the key
 * @returns `own` itself where nothing is to be dropped; undefined where nothing is left
 */
export function keptBeside(own: Siblings, floor: Floor, theirs: Siblings | undefined): Siblings | undefined {
  const isKnown = ({ vnode, counter }: Sibling): boolean =>
    theirs !== undefined &&
    (isSeen(theirs.context, vnode, counter) ||
      theirs.versions.some(version => version.vnode === vnode && version.counter === counter))
  const versions = own.versions.filter(version => !covers(floor, version.vnode, version.counter) || isKnown(version))
  if (versions.length === own.versions.length) return own
  return versions.length === 0 ? undefined : claimingNothingElse(versions)
}

/** What one replica answers to a read. */
export interface FloorAnswer {
  readonly siblings: Siblings
  readonly floor: Floor | undefined
}

/**
 * What replicas know together, without what one of them has purged: an old value on a disk that went back in time is not shown.
 * @param merged the merge of all answers
 * @returns `merged` itself where nothing is to be left out
 */
export function withoutPurged(merged: Siblings, answers: readonly FloorAnswer[]): Siblings {
  const versions = merged.versions.filter(version => version.tombstone || !isPurged(version, answers))
  return versions.length === merged.versions.length ? merged : { context: merged.context, versions }
}

function isPurged({ vnode, counter }: Sibling, answers: readonly FloorAnswer[]): boolean {
  const holds = ({ siblings }: FloorAnswer) =>
    siblings.versions.some(version => version.vnode === vnode && version.counter === counter)
  return answers.some(({ siblings, floor }) => {
    if (floor === undefined || !covers(floor, vnode, counter) || isSeen(siblings.context, vnode, counter)) return false
    return !answers.some(other => other.floor !== undefined && holds(other) && descends(other.floor, floor))
  })
}

/** What one owner says: before and after all hosts were asked who mints. */
export interface FloorWitness {
  readonly floor: Floor
  readonly seenBefore: VersionVector
  readonly seen: VersionVector
}

/**
 * The floor that equal replicas prove.
 * @param witnesses all owners, whose records were found to be equal
 * @param minting [vnode id, counter, …] of all that mint now: beyond the counter, something may still be on its way
 */
export function provenFloor(witnesses: readonly FloorWitness[], minting: readonly number[]): Floor {
  const caps = new Map<number, number>()
  for (let at = 0; at < minting.length; at += 2) {
    const vnode = minting[at]!
    caps.set(vnode, Math.min(caps.get(vnode) ?? Number.POSITIVE_INFINITY, minting[at + 1]!))
  }
  let floor: Floor = []
  const [first] = witnesses
  if (first === undefined) return floor
  const proven: number[] = []
  for (let at = 0; at < first.seen.length; at += 2) {
    const vnode = first.seen[at]!
    let counter = caps.get(vnode) ?? Number.POSITIVE_INFINITY
    for (const { seen, seenBefore } of witnesses)
      counter = Math.min(counter, counterOf(seen, vnode), counterOf(seenBefore, vnode))
    if (counter > 0) proven.push(vnode, counter)
  }
  floor = proven
  for (const witness of witnesses) floor = join(floor, witness.floor)
  return floor
}

function coversAll(floor: Floor, dots: readonly number[]): boolean {
  for (let at = 0; at < dots.length; at += 2) if (!covers(floor, dots[at]!, dots[at + 1]!)) return false
  return true
}
