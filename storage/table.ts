import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import type { Key } from '../model/key.ts'
import { writeKey } from './record.ts'

/** Where a host's LMDB environment and its log segments lie below its data directory. */
export function tableDirectory(directory: string): string {
  return join(directory, 'table')
}

export function logDirectory(directory: string): string {
  return join(directory, 'log')
}

/** A key of the table: two characters of partition, big endian, then the key; so the table is in order of partition, then key. */
export type TableKey = string

const prefixes: string[] = []

/** @param partition 0 ≤ partition < 65,536 */
export function tablePrefix(partition: number): TableKey {
  return (prefixes[partition] ??= String.fromCharCode(partition >>> 8, partition & 0xff))
}

export const tablePrefixCharacters = 2

export type Table = RootDatabase<Buffer, TableKey>

/** Address space, not memory or disk: the file grows as it is filled. */
const mapBytes = 2 ** 40

/** Read transactions of all threads, and of what looks on from outside. */
const readersMax = 1024

/** The partition of the key that is being looked up: spares joining the two to a string. -1: the key has its prefix. */
let lookedUp = -1

const keyEncoder = {
  writeKey(key: TableKey, target: Buffer, start: number): number {
    if (lookedUp < 0) return writeKey(target, start, key)
    target[start] = lookedUp >>> 8
    target[start + 1] = lookedUp
    return writeKey(target, start + tablePrefixCharacters, key)
  },
  readKey(target: Buffer, start: number, end: number): TableKey {
    return target.latin1Slice(start, end)
  }
}

/**
 * When LMDB's pages reach the disk. Whichever it is, the table writer keeps a segment of the log until what it took from it is there; modes
 * in which a power failure can leave a table that does not open (no sync at all) or a full disk kills the process (writemap) are none of
 * these.
 * - `commit`: a commit ends when its pages, and then the page that names them, are on the disk
 * - `overlapping`: the next commit may begin while the last one is brought to the disk
 * - `data`: a commit ends when its pages are; the page that names them is flushed once, after the last commit of a segment
 */
export type TableSync = 'commit' | 'overlapping' | 'data'

/** For the one thread that writes. */
export function openTableForWriting(directory: string, sync: TableSync = 'commit'): Table {
  return openTable(directory, false, sync)
}

/** For the threads that read. Opened without a write transaction, so that a thread that ends meanwhile leaves no lock. */
export function openTableForReading(directory: string, sync: TableSync = 'commit'): Table {
  if (!existsSync(join(tableDirectory(directory), 'data.mdb'))) {
    throw new Error(`there is no table in ${directory}: the table writer must be started before the stores are opened`)
  }
  return openTable(directory, true, sync)
}

function openTable(directory: string, readOnly: boolean, sync: TableSync): Table {
  const options = {
    path: tableDirectory(directory),
    encoding: 'binary' as const,
    keyEncoder,
    readOnly,
    noSubdir: false,
    overlappingSync: sync === 'overlapping',
    ...(sync === 'data' ? { noMetaSync: true } : {}),
    mapSize: mapBytes,
    maxReaders: readersMax
  }
  return open<Buffer, TableKey>(options)
}

/** The pair's framed record in LMDB's reused buffer: to be read before the next call. Its bytes may be more than its `length` says. */
export function tableRecord(table: Table, partition: number, key: Key): Buffer | undefined {
  lookedUp = partition
  try {
    return table.getBinaryFast(key)
  } finally {
    lookedUp = -1
  }
}
