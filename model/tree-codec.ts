import { firstChildOf, type MerkleTree, treeFanOut } from './merkle-tree.ts'

/**
 * Children of a node as they travel: a bit for each that has keys below it, then 32 bits of each of those. Half the hash will do:
 * where the parents differ and no child seems to, the parent's keys are listed.
 *
 * | what | bytes |
 * |---|---|
 * | which children are not empty | 2, little-endian |
 * | low half of each one's hash | 4 each, little-endian |
 */
export function encodeChildren(tree: MerkleTree, nodes: readonly number[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(nodes.length * (2 + 4 * treeFanOut))
  let at = 0
  for (const node of nodes) {
    const first = firstChildOf(node)
    const start = at
    let present = 0
    at += 2
    for (let child = 0; child < treeFanOut; child++) {
      if (tree.low(first + child) === 0 && tree.high(first + child) === 0) continue
      present |= 1 << child
      at = bytes.writeUInt32LE(tree.low(first + child), at)
    }
    bytes.writeUInt16LE(present, start)
  }
  return bytes.subarray(0, at)
}

/**
 * What of `nodes` differs between two encodings of their children.
 * @returns children that differ; and nodes none of whose children seems to, to be listed themselves
 * @throws {RangeError} the bytes end too early
 */
export function differingChildren(
  nodes: readonly number[],
  ours: Uint8Array,
  theirs: Uint8Array
): { readonly children: readonly number[]; readonly alike: readonly number[] } {
  const children: number[] = []
  const alike: number[] = []
  const a = new ChildReader(ours)
  const b = new ChildReader(theirs)
  for (const node of nodes) {
    const first = firstChildOf(node)
    const before = children.length
    a.next()
    b.next()
    for (let child = 0; child < treeFanOut; child++) {
      if (a.take(child) !== b.take(child)) children.push(first + child)
    }
    if (children.length === before) alike.push(node)
  }
  return { children, alike }
}

class ChildReader {
  readonly #bytes: DataView
  #at = 0
  #present = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  next(): void {
    this.#present = this.#bytes.getUint16(this.#at, true)
    this.#at += 2
  }

  /** @returns −1 where it is empty */
  take(child: number): number {
    if ((this.#present & (1 << child)) === 0) return -1
    const word = this.#bytes.getUint32(this.#at, true)
    this.#at += 4
    return word
  }
}

/** A key as it is listed: its hash, and its record's digest. */
export interface ListedKey {
  readonly hash: number
  readonly digest: number
}

const listedBytes = 11
const twoTo32 = 0x1_0000_0000

/** Hash 4 bytes, digest 7, little-endian; by hash, then by the digest's low half, then by its high one. */
export function encodeListed(keys: readonly ListedKey[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(keys.length * listedBytes)
  let at = 0
  for (const { hash, digest } of [...keys].sort(byHash)) {
    at = bytes.writeUInt32LE(hash, at)
    at = bytes.writeUInt32LE(digest % twoTo32, at)
    at = bytes.writeUIntLE(Math.floor(digest / twoTo32), at, 3)
  }
  return bytes
}

function byHash(a: ListedKey, b: ListedKey): number {
  return a.hash - b.hash || (a.digest % twoTo32) - (b.digest % twoTo32) || a.digest - b.digest
}

/** Hashes of keys that one list has and the other has not, or with another digest: theirs are to be asked for, ours to be given. */
export function differingKeys(
  ours: Uint8Array,
  theirs: Uint8Array
): { readonly wanted: readonly number[]; readonly given: readonly number[] } {
  const wanted = new Set<number>()
  const given = new Set<number>()
  const a = bufferOf(ours)
  const b = bufferOf(theirs)
  let i = 0
  let j = 0
  while (i + listedBytes <= a.length || j + listedBytes <= b.length) {
    const order = i + listedBytes > a.length ? 1 : j + listedBytes > b.length ? -1 : compareListed(a, i, b, j)
    if (order < 0) given.add(a.readUInt32LE(i))
    if (order > 0) wanted.add(b.readUInt32LE(j))
    if (order <= 0) i += listedBytes
    if (order >= 0) j += listedBytes
  }
  return { wanted: [...wanted], given: [...given] }
}

function compareListed(a: Buffer, i: number, b: Buffer, j: number): number {
  return (
    a.readUInt32LE(i) - b.readUInt32LE(j) ||
    a.readUInt32LE(i + 4) - b.readUInt32LE(j + 4) ||
    a.readUIntLE(i + 8, 3) - b.readUIntLE(j + 8, 3)
  )
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Node numbers, or hashes: 4 bytes each, little-endian. */
export function encodeWords(words: readonly number[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(words.length * 4)
  let at = 0
  for (const word of words) at = bytes.writeUInt32LE(word, at)
  return bytes
}

export function decodeWords(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const words: number[] = []
  for (let at = 0; at + 4 <= bytes.length; at += 4) words.push(view.getUint32(at, true))
  return words
}
