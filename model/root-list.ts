import { hash53 } from './hash.ts'

/** The root of one tree: of a partition, and the class n of its keys. */
export interface RootEntry {
  readonly partition: number
  readonly n: number
  /** Levels below the root. */
  readonly depth: number
  /** Halves of the hash; both 0 where there are no keys. */
  readonly high: number
  readonly low: number
}

const entryBytes = 12

/**
 * Roots as they travel: partition 2 bytes, n 1, depth 1, high 4, low 4, little-endian.
 * @param roots in an order that both hosts keep
 */
export function encodeRoots(roots: readonly RootEntry[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(roots.length * entryBytes)
  let at = 0
  for (const { partition, n, depth, high, low } of roots) {
    at = bytes.writeUInt16LE(partition, at)
    at = bytes.writeUInt8(n, at)
    at = bytes.writeUInt8(depth, at)
    at = bytes.writeUInt32LE(high, at)
    at = bytes.writeUInt32LE(low, at)
  }
  return bytes
}

export function decodeRoots(bytes: Uint8Array): readonly RootEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const roots: RootEntry[] = []
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    roots.push({
      partition: view.getUint16(at, true),
      n: view.getUint8(at + 2),
      depth: view.getUint8(at + 3),
      high: view.getUint32(at + 4, true),
      low: view.getUint32(at + 8, true)
    })
  }
  return roots
}

/** One number for all of them; a tree's depth is its host's own affair and does not count. */
export function digestOfRoots(roots: readonly RootEntry[]): number {
  return hash53(encodeRoots(roots.map(root => ({ ...root, depth: 0 }))))
}
