/**
 * Version vectors as flat arrays: [vnode0, counter0, vnode1, counter1, …], ascending by vnode, no vnode twice.
 * An entry covers every event of its vnode up to and including its counter.
 * @see Parker et al., Detection of Mutual Inconsistency in Distributed Systems (1983)
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.4
 */
export type VersionVector = readonly number[]

/** Who mints dots: host uid (32 bits) × 2^20 + epoch (20 bits), below 2^52. */
export type VnodeId = number

/** One event: the `counter`-th thing that `vnode` did. It names one value for ever. */
export interface Dot {
  readonly vnode: VnodeId
  readonly counter: number
}

export type Relation = 'equal' | 'before' | 'after' | 'concurrent'

const epochs = 0x10_0000
/**
 * Epochs that a host takes for itself lie below; from here on they are those of its stand-ins (`standInIdOf`). One that ran on past it would
 * mint with ids that have minted before.
 */
export const standInEpochs = 2 ** 19

/**
 * @param uid the host's, 0 ≤ uid < 2^32
 * @param epoch 0 ≤ epoch < 2^20
 * @throws {RangeError} either is out of its range
 */
export function vnodeIdOf(uid: number, epoch: number): VnodeId {
  if (uid >>> 0 !== uid) throw new RangeError(`a host's uid is an integer from 0 to 2^32 - 1, not ${uid}`)
  if (!Number.isInteger(epoch) || epoch < 0 || epoch >= epochs)
    throw new RangeError(`an epoch is an integer from 0 to 2^20 - 1, not ${epoch}`)
  return uid * epochs + epoch
}

export function uidOf(vnode: VnodeId): number {
  return Math.floor(vnode / epochs)
}

export function epochOf(vnode: VnodeId): number {
  // the low 20 bits: also of what has more than 32
  return vnode & (epochs - 1)
}

export const emptyVector: VersionVector = Object.freeze([])

/** @returns the highest counter that is covered; 0 where none is */
export function counterOf(vector: VersionVector, vnode: VnodeId): number {
  for (let at = 0; at < vector.length; at += 2) {
    const id = vector[at]!
    if (id >= vnode) return id === vnode ? vector[at + 1]! : 0
  }
  return 0
}

export function covers(vector: VersionVector, vnode: VnodeId, counter: number): boolean {
  return counterOf(vector, vnode) >= counter
}

/** How `a` stands to `b`: `before` where `b` has seen all of `a` and more. */
export function compare(a: VersionVector, b: VersionVector): Relation {
  if (a === b) return 'equal'
  let aHasMore = false
  let bHasMore = false
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const difference = a[i]! - b[j]!
    if (difference < 0) {
      aHasMore = true
      i += 2
    } else if (difference > 0) {
      bHasMore = true
      j += 2
    } else {
      const ahead = a[i + 1]! - b[j + 1]!
      if (ahead > 0) aHasMore = true
      else if (ahead < 0) bHasMore = true
      i += 2
      j += 2
    }
  }
  if (i < a.length) aHasMore = true
  if (j < b.length) bHasMore = true
  if (aHasMore) return bHasMore ? 'concurrent' : 'after'
  return bHasMore ? 'before' : 'equal'
}

/** Whether `a` has seen all that `b` has. */
export function descends(a: VersionVector, b: VersionVector): boolean {
  if (a === b) return true
  let i = 0
  for (let j = 0; j < b.length; j += 2) {
    const id = b[j]!
    while (i < a.length && a[i]! < id) i += 2
    if (i >= a.length || a[i]! !== id || a[i + 1]! < b[j + 1]!) return false
  }
  return true
}

/** The least vector that descends from both; one of the arguments itself where that one does. */
export function join(a: VersionVector, b: VersionVector): VersionVector {
  const relation = compare(a, b)
  if (relation === 'equal' || relation === 'after') return a
  if (relation === 'before') return b
  const joined: number[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const idA = i < a.length ? a[i]! : Infinity
    const idB = j < b.length ? b[j]! : Infinity
    if (idA < idB) {
      joined.push(idA, a[i + 1]!)
      i += 2
    } else if (idB < idA) {
      joined.push(idB, b[j + 1]!)
      j += 2
    } else {
      joined.push(idA, Math.max(a[i + 1]!, b[j + 1]!))
      i += 2
      j += 2
    }
  }
  return joined
}

/** `vector` with the entry of `vnode` raised to `counter`; itself where it is there already. */
export function raised(vector: VersionVector, vnode: VnodeId, counter: number): VersionVector {
  let at = 0
  while (at < vector.length && vector[at]! < vnode) at += 2
  if (at < vector.length && vector[at] === vnode) {
    if (vector[at + 1]! >= counter) return vector
    const copy = vector.slice()
    copy[at + 1] = counter
    return copy
  }
  const copy = vector.slice(0, at)
  copy.push(vnode, counter)
  for (; at < vector.length; at++) copy.push(vector[at]!)
  return copy
}
