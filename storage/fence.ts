import { tablePrefix, type Table, type TableKey } from './table.ts'

/** What every fence's key has behind its partition, and no pair's: keys begin with a bucket's name, or with a zero byte. */
export const fenceMark = '\xff'

/** Two of them fill a page of 4 KB, so that nothing else is on it. */
const fenceBytes = 2_000
const fencesOfPartition = ['0', '1']

/** Before all partitions: the first of them needs a page before its own, too. Shorter than a prefix, so no scan comes by. */
const base: TableKey = '\0'

/**
 * Keeps each partition's last page its own. LMDB fills a leaf where pairs are added at its end, and halves it where they are added in
 * between. Keys that come in their order (numbers, times) are at the end of their partition; without a fence the next partition begins on
 * the same page, so that each split leaves a page half empty for ever: 300 bytes of file a pair of 100 bytes in place of 210.
 */
export class Fences {
  readonly #table: Table
  readonly #looked = new Set<number>()
  #isBased = false

  constructor(table: Table) {
    this.#table = table
  }

  /**
   * Before a partition's first pair is written. One that has pairs is left alone: in the middle of a page a fence does harm.
   * @returns the commits to wait for; none where nothing had to be done
   */
  raise(partition: number): Promise<unknown>[] {
    if (this.#looked.has(partition)) return []
    this.#looked.add(partition)
    const prefix = tablePrefix(partition)
    for (const _ of this.#table.getKeys({ start: prefix, end: `${prefix}${fenceMark}${fenceMark}`, limit: 1 })) return []
    const keys = fencesOfPartition.map(name => `${prefix}${fenceMark}${name}`)
    if (!this.#isBased && !this.#table.doesExist(base)) keys.unshift(base)
    this.#isBased = true
    return keys.map(key => this.#table.put(key, Buffer.alloc(fenceBytes)))
  }

  /** A commit failed, and fences may have been in it. */
  forget(): void {
    this.#looked.clear()
    this.#isBased = false
  }
}

/** Where a partition's pairs end in the table. */
export function endOfPairs(partition: number): TableKey {
  return `${tablePrefix(partition)}${fenceMark}`
}
