import { capacityConstants as known } from './capacity-constants.ts'

/** In which order the keys of a partition were written for the first time. */
export const keyOrders = ['any', 'ascending'] as const
export type KeyOrder = (typeof keyOrders)[number]

export interface TablePages {
  /** Pairs with the branches above them. */
  readonly used: number
  /** That wait to be written over, since LMDB never writes a page in place. */
  readonly waiting: number
}

/**
 * Pages of LMDB that pairs of one size take on a host.
 *
 * A leaf has room for `k` pairs. Keys that come in order fill it; those that come in any order split full leaves in half, and then
 * a leaf holds (k + 1) × (H(k + 1) − H((k + 1) ÷ 2)) of them on average: 70 % where k is large. A record of more than half a page lies
 * in pages of its own, and its leaf has the key alone.
 * @param partitions that the host holds; each ends in a leaf of its own, half full, and a page of fences
 * @param batchPairs pairs that are moved from the log to the table at once
 * @see Yao, On random 2-3 trees, Acta Informatica 9, 1978
 */
export function tablePages(
  pairs: number,
  keyBytes: number,
  recordBytes: number,
  order: KeyOrder,
  partitions: number,
  batchPairs: number
): TablePages {
  const room = known.pageBytes.value - known.pageHeaderBytes.value
  const whole = known.nodeBytes.value + keyBytes + recordBytes
  const isLong = whole > room / 2
  const ownPages = isLong ? Math.ceil((recordBytes + known.pageHeaderBytes.value) / known.pageBytes.value) : 0
  const leaf = perLeaf(isLong ? known.nodeBytes.value + keyBytes + pageNumberBytes : whole, room, order)
  const ends = Math.min(partitions, pairs)
  const leaves = pairs / leaf + ends * (1 / 2 + known.fencePages.value)
  const branches = leaves / Math.max(1, perLeaf(known.nodeBytes.value + keyBytes, room, order) - 1)
  const used = leaves + branches + pairs * ownPages
  // Each key of a batch lies on a leaf by chance; in order they share the last one of each partition.
  const chance = order === 'ascending' ? ends : (pairs / leaf) * -Math.expm1(-(batchPairs * leaf) / Math.max(1, pairs))
  // Rounded up, a record of half a page or more takes at most twice its bytes.
  const touchedOwn = isLong ? (2 * Math.min(batchPairs, pairs) * recordBytes) / known.pageBytes.value : 0
  const touched = Math.min(leaves, chance) + touchedOwn
  return { used, waiting: known.copiesOfTouched.value * touched }
}

const pageNumberBytes = 8

function perLeaf(bytes: number, room: number, order: KeyOrder): number {
  // Nodes begin at even places.
  const full = Math.floor(room / (2 * Math.ceil(bytes / 2)))
  const held = order === 'ascending' ? full * known.ascendingFill.value : afterSplits(full) * known.splitFill.value
  return Math.max(1, held)
}

/** An even number of places splits unevenly: between its neighbours. */
function afterSplits(full: number): number {
  return full % 2 === 1 ? ofOdd(full) : (ofOdd(Math.max(1, full - 1)) + ofOdd(full + 1)) / 2
}

function ofOdd(k: number): number {
  return (k + 1) * (harmonic[k + 1]! - harmonic[(k + 1) / 2]!)
}

/** H(0), H(1), …: as far as there are places on a page, and one beyond. */
const harmonic = [0]
for (let at = 1; at <= known.pageBytes.value / known.nodeBytes.value + 2; at++) harmonic.push(harmonic[at - 1]! + 1 / at)
