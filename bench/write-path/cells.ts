import { limits } from '../../model/limits.ts'
import type { Durability } from '../../storage/store.ts'
import type { TableSync } from '../../storage/table.ts'

/** One way to write: settings of the store, and what is asked of it. */
export interface WayToWrite {
  readonly segmentBytes: number
  readonly batchBytesMax: number
  /** 0: no bound but bytes. */
  readonly batchRecordsMax: number
  readonly sealAfterMs: number
  readonly commitBytesMax: number
  readonly tableSync: TableSync
  readonly durability: Durability
  readonly valueBytes: number
  readonly inFlight: number
  /** Puts a second; 0: as many as go. What is fed to the table by time depends on it. */
  readonly rate: number
  /** On the same disk at once, a process each. */
  readonly stores: number
}

/** What a data thread of a host has, with 256 puts under way. */
export const usual: WayToWrite = Object.freeze({
  segmentBytes: limits.logSegmentBytes,
  batchBytesMax: limits.logBatchBytesMax,
  batchRecordsMax: 0,
  sealAfterMs: 5_000,
  commitBytesMax: 32 * 1024 * 1024,
  tableSync: 'commit',
  durability: 'flushed',
  valueBytes: 100,
  inFlight: 256,
  rate: 0,
  stores: 1
})

const mb = 1024 * 1024

/** By name of what is changed: the values beside the usual one. */
const changes: readonly { readonly name: string; readonly ways: readonly [string, Partial<WayToWrite>][] }[] = [
  {
    name: 'segment',
    ways: [
      ['segments of 2 MB', { segmentBytes: 2 * mb }],
      ['segments of 4 MB', { segmentBytes: 4 * mb }],
      ['segments of 8 MB', { segmentBytes: 8 * mb }],
      ['segments of 64 MB', { segmentBytes: 64 * mb }]
    ]
  },
  {
    name: 'batch',
    ways: [
      ['batches of 16 KB at most', { batchBytesMax: 16 * 1024 }],
      ['batches of 256 KB at most', { batchBytesMax: 256 * 1024 }],
      ['batches of 64 records at most', { batchRecordsMax: 64 }]
    ]
  },
  {
    name: 'feed',
    ways: [
      ['2,000 puts a second, sealed after 1 s', { rate: 2_000, sealAfterMs: 1_000 }],
      ['2,000 puts a second, sealed after 5 s', { rate: 2_000 }],
      ['2,000 puts a second, sealed after 15 s', { rate: 2_000, sealAfterMs: 15_000 }]
    ]
  },
  {
    name: 'commit',
    ways: [
      ['LMDB commits of 1 MB', { commitBytesMax: mb }],
      ['LMDB commits of 4 MB', { commitBytesMax: 4 * mb }]
    ]
  },
  {
    name: 'sync',
    ways: [
      ['LMDB syncs while it goes on', { tableSync: 'overlapping' }],
      ['LMDB syncs data, its meta page by us', { tableSync: 'data' }]
    ]
  },
  { name: 'durability', ways: [['committed', { durability: 'committed' }]] },
  {
    name: 'value',
    ways: [
      ['values of 1 KB', { valueBytes: 1_024 }],
      ['values of 1 KB, committed', { valueBytes: 1_024, durability: 'committed' }]
    ]
  },
  {
    name: 'stores',
    ways: [
      ['three stores at once', { stores: 3 }],
      ['three stores at once, committed', { stores: 3, durability: 'committed' }],
      ['three stores at once, segments of 4 MB', { stores: 3, segmentBytes: 4 * mb }]
    ]
  }
]

export interface Cell extends WayToWrite {
  readonly what: string
}

export const changeNames: readonly string[] = changes.map(({ name }) => name)

/** The usual way, and the ones that differ from it in what is named; in a round one after the other. */
export function cellsOf(names: readonly string[]): Cell[] {
  const ways = changes.filter(({ name }) => names.includes(name)).flatMap(change => change.ways)
  return [{ what: 'as it is', ...usual }, ...ways.map(([what, change]) => ({ what, ...usual, ...change }))]
}
