import { mix32 } from './hash.ts'
import type { Key } from './key.ts'
import type { VersionVector, VnodeId } from './version-vector.ts'

/** Children of an inner node. */
export const treeFanOut = 16
/** Levels below the root; the leaves of the deepest tree are 65,536. */
export const treeDepthMax = 4
/** Keys of a leaf, on average, before another level is cheaper to send than the leaf's list. */
const leafKeysMax = 8

/** Where a level begins in the order root, its children, their children, …: node 0 is the root. */
const levelStarts: readonly number[] = Object.freeze([0, 1, 17, 273, 4369, 69_905])

/** Where the functions below leave their two words: a pair of their own would be an object for each write. */
const hash = new Int32Array(2)
const entry = new Int32Array(2)

/**
 * What replicas compare instead of keys: each node is the XOR of 64 bits for every key below it, hashed from the key and the digest of
 * its record, so that the order of writes leaves no trace, and a write costs one XOR a level. A node stands for a prefix of the key's
 * hash; it has the same value however deep the tree is, so trees of different depths compare down to the shallower one's leaves.
 * @see DeCandia et al., Dynamo (SOSP 2007), section 4.7; Merkle, A Digital Signature Based on a Conventional Encryption Function (1988)
 */
export class MerkleTree {
  /** Levels below the root, 1 ≤ depth ≤ `treeDepthMax`. */
  readonly depth: number
  readonly #high: Uint32Array
  readonly #low: Uint32Array
  #keys = 0
  #seen = new Map<VnodeId, number>()

  constructor(depth: number) {
    if (!Number.isInteger(depth) || depth < 1 || depth > treeDepthMax)
      throw new RangeError(`a tree has 1 to ${treeDepthMax} levels below its root, not ${depth}`)
    this.depth = depth
    this.#high = new Uint32Array(levelStarts[depth + 1]!)
    this.#low = new Uint32Array(levelStarts[depth + 1]!)
  }

  get keys(): number {
    return this.#keys
  }

  /** The highest counter of each vnode id among the dots that it was told to `see`; none ever falls. */
  get seen(): VersionVector {
    return [...this.#seen].sort(([a], [b]) => a - b).flat()
  }

  high(node: number): number {
    return this.#high[node]!
  }

  low(node: number): number {
    return this.#low[node]!
  }

  add(key: Key, digest: number): void {
    this.#keys++
    hashKey(key)
    hashEntry(digest)
    this.#toggle(entry[0]!, entry[1]!)
  }

  remove(key: Key, digest: number): void {
    this.#keys--
    hashKey(key)
    hashEntry(digest)
    this.#toggle(entry[0]!, entry[1]!)
  }

  /** @param before digest of the record that was added, `after` of the one in its place */
  replace(key: Key, before: number, after: number): void {
    if (before === after) return
    hashKey(key)
    hashEntry(before)
    const high = entry[0]!
    const low = entry[1]!
    hashEntry(after)
    this.#toggle(high ^ entry[0]!, low ^ entry[1]!)
  }

  /** @param dots flat: a vector's entries, or a cloud's */
  see(dots: readonly number[]): void {
    for (let at = 0; at < dots.length; at += 2) {
      const counter = dots[at + 1]!
      if (counter > (this.#seen.get(dots[at]!) ?? 0)) this.#seen.set(dots[at]!, counter)
    }
  }

  /** The same with fewer levels. */
  cut(depth: number): MerkleTree {
    const tree = new MerkleTree(Math.min(depth, this.depth))
    const nodes = levelStarts[tree.depth + 1]!
    tree.#high.set(this.#high.subarray(0, nodes))
    tree.#low.set(this.#low.subarray(0, nodes))
    tree.#keys = this.#keys
    tree.#seen = new Map(this.#seen)
    return tree
  }

  /** For the key in `hash`. */
  #toggle(high: number, low: number): void {
    const prefix = hash[0]!
    const highs = this.#high
    const lows = this.#low
    highs[0] = highs[0]! ^ high
    lows[0] = lows[0]! ^ low
    for (let level = 1; level <= this.depth; level++) {
      const node = levelStarts[level]! + (prefix >>> (32 - 4 * level))
      highs[node] = highs[node]! ^ high
      lows[node] = lows[node]! ^ low
    }
  }
}

/** The depth that suits so many keys. */
export function depthFor(keys: number): number {
  let depth = 1
  for (let leaves = treeFanOut; depth < treeDepthMax && keys > leaves * leafKeysMax; leaves *= treeFanOut) depth++
  return depth
}

/** 32 bits of the key alone, unsigned: its first bits say in which leaf it lies. */
export function treeHashOf(key: Key): number {
  hashKey(key)
  return hash[0]! >>> 0
}

/** @returns 0 for the root */
export function levelOf(node: number): number {
  let level = 0
  while (node >= levelStarts[level + 1]!) level++
  return level
}

/** Node of `level` in which a key with this hash lies. */
export function nodeAt(level: number, keyHash: number): number {
  return level === 0 ? 0 : levelStarts[level]! + (keyHash >>> (32 - 4 * level))
}

/** The first of `treeFanOut` children, which follow each other. */
export function firstChildOf(node: number): number {
  const level = levelOf(node)
  return levelStarts[level + 1]! + (node - levelStarts[level]!) * treeFanOut
}

/** @param node any but the root */
export function parentOf(node: number): number {
  const level = levelOf(node)
  return levelStarts[level - 1]! + Math.floor((node - levelStarts[level]!) / treeFanOut)
}

/** Two independent 32-bit hashes of the characters, into `hash`. From the string itself: it is at hand where its bytes are not. */
function hashKey(key: Key): void {
  let first = 0xdeadbeef | 0
  let second = 0x41c6ce57 | 0
  for (let at = 0; at < key.length; at++) {
    const code = key.charCodeAt(at)
    first = Math.imul(first ^ code, 0x9e3779b1)
    second = Math.imul(second ^ code, 0x5f356495)
  }
  hash[0] = mix32(first, second)
  hash[1] = mix32(second, first)
}

/** What a record with this digest adds to the nodes above the key in `hash`, into `entry`. */
function hashEntry(digest: number): void {
  const digestLow = digest | 0
  const digestHigh = Math.floor(digest / 0x1_0000_0000)
  entry[0] = mix32(hash[0]! ^ digestLow, (hash[1]! + digestHigh) | 0)
  entry[1] = mix32(hash[1]! ^ digestLow, hash[0]! ^ Math.imul(digestHigh, 0x9e3779b1))
}
