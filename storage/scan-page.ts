import type { Key } from '../model/key.ts'
import { endOfPairs } from './fence.ts'
import type { Entry } from './memory-table.ts'
import { unframeRecord } from './record.ts'
import { CorruptRecord, scanPageBytesMax, type StoredPair, type StorePage } from './store.ts'
import { tablePrefix, tablePrefixCharacters, type Table } from './table.ts'

/**
 * One page of a partition: the table's pairs, and over them those of the memory table.
 * @param newer the memory table's entries after `after`, by key
 */
export function mergedPage(
  table: Table,
  newer: readonly Entry[],
  partition: number,
  after: Key | undefined,
  pairsMax: number
): StorePage {
  const prefix = tablePrefix(partition)
  const range = table.getRange({
    start: after === undefined ? prefix : `${prefix}${after}\0`,
    end: endOfPairs(partition)
  })
  const older = range[Symbol.iterator]()
  const pairs: StoredPair[] = []
  const corrupt: Key[] = []
  let last: Key | undefined
  let bytes = 0
  let at = 0
  let stored = older.next()
  try {
    for (;;) {
      const newest = newer[at]
      const storedKey = stored.done === true ? undefined : (stored.value.key.slice(tablePrefixCharacters) as Key)
      if (newest === undefined && storedKey === undefined) return { pairs, corrupt, next: undefined }
      if (pairs.length + corrupt.length >= pairsMax || bytes >= scanPageBytesMax) return { pairs, corrupt, next: last }
      const fromMemory = newest !== undefined && (storedKey === undefined || newest.key <= storedKey)
      if (fromMemory) {
        at++
        last = newest.key
        if (newest.record !== undefined) {
          bytes += newest.record.length
          pairs.push({ key: newest.key, record: newest.record })
        }
      } else if (stored.done !== true) {
        last = storedKey!
        const framed = stored.value.value
        bytes += framed.length
        const record = verified(framed, partition, last, corrupt)
        if (record !== undefined) pairs.push({ key: last, record })
      }
      if (storedKey === last && stored.done !== true) stored = older.next()
    }
  } finally {
    older.return?.()
  }
}

function verified(framed: Buffer, partition: number, key: Key, corrupt: Key[]): Uint8Array | undefined {
  try {
    return unframeRecord(framed, framed.length, partition, key)
  } catch (error) {
    if (!(error instanceof CorruptRecord)) throw error
    corrupt.push(key)
    return undefined
  }
}
