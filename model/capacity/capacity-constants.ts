/** A figure that the estimate rests on, with where it comes from. */
export interface Constant {
  readonly value: number
  readonly unit: string
  readonly what: string
  /** The page, file or command that it was measured or counted with. */
  readonly where: string
}

function constant(value: number, unit: string, what: string, where: string): Constant {
  return Object.freeze({ value, unit, what, where })
}

/**
 * Every measured or counted figure of the capacity estimate: change one here, and the command, its document and the cross-check follow.
 * Times are of the machine that they were measured on: put in your own.
 */
export const capacityConstants = Object.freeze({
  pageBytes: constant(4_096, 'B', 'a page of LMDB', 'storage/table.ts, mdb_stat'),
  pageHeaderBytes: constant(16, 'B', 'of a page that LMDB keeps for itself', 'LMDB, mdb.c: PAGEHDRSZ'),
  nodeBytes: constant(10, 'B', 'a pair’s place in a page: header and pointer', 'LMDB, mdb.c: NODESIZE and indx_t'),
  keyBytes: constant(
    10,
    'B',
    'beside the key: partition 2, a bucket’s name of 7 and the byte behind it',
    'model/key.ts, storage/table.ts'
  ),
  ascendingFill: constant(
    0.91,
    '',
    'of a leaf, where keys come in order but several writes are under way',
    'docs/storage.md, Measured: 187 B a pair of 169'
  ),
  splitFill: constant(
    0.95,
    '',
    'of what chance would fill, since a batch comes in order',
    'docs/storage.md, Measured: 263 B a pair of 169'
  ),
  recordBytes: constant(
    39,
    'B',
    'beside the value: frame 6, and a key’s version with one vector entry, one dot, flags and time',
    'storage/record.ts, model/siblings-codec.ts; test/model/capacity-constants.test.ts counts it'
  ),
  vectorEntryBytes: constant(
    10,
    'B',
    'a further replica that has minted a version of the key',
    'model/dot-codec.ts; counted by the same test'
  ),
  fencePages: constant(1, 'pages', 'of fences behind each partition', 'docs/storage.md, The files'),
  copiesOfTouched: constant(
    2,
    '',
    'times the pages of one batch that wait to be written over',
    'LMDB: pages are free two commits later'
  ),
  segmentBytes: constant(16 * 1024 * 1024, 'B', 'a segment of the commit log', 'model/limits.ts: logSegmentBytes'),
  segmentSeconds: constant(5, 's', 'after which a segment is sealed, at most', 'docs/storage.md, The way of a write'),
  segmentsOnDisk: constant(
    5,
    '',
    'log files of a data thread: one open, one on its way, three spare',
    'docs/storage.md: The log keeps up to three'
  ),
  logEntryBytes: constant(9, 'B', 'an entry of the log beside key and record', 'docs/storage.md, Log segment'),
  heapBytes: constant(
    170e6,
    'B',
    'a host’s heaps, stacks and buffers under load that lasts, nats-server included, beside what is below',
    'bench/capacity.ts --keys 200000, less the other parts'
  ),
  youngHeapBytes: constant(
    64 * 1024 * 1024,
    'B',
    'young generation of a data thread’s heap: V8 holds two halves, each a third of its limit',
    'model/limits.ts: youngHeapMbMax'
  ),
  codeBytes: constant(
    60e6,
    'B',
    'programs and libraries that it has mapped',
    'RssFile of a bare node and nats-server: 34 and 9 MB; native modules more'
  ),
  hotCacheBytesMin: constant(
    16 * 1024 * 1024,
    'B',
    'hot-value cache of a data thread by default',
    'model/limits.ts: hotCacheBytesDefault'
  ),
  hotEntryBytes: constant(256, 'B', 'an entry of that cache beside its record', 'storage/hot-cache.ts: entryBytes'),
  memoryEntryBytes: constant(160, 'B', 'an entry of the memory table beside key and record', 'storage/memory-table.ts'),
  memoryTableBytesMax: constant(
    128 * 1024 * 1024,
    'B',
    'memory table of a data thread at most',
    'model/limits.ts: memoryTableBytesMax'
  ),
  treeBytes: constant(16, 'B', 'a key’s part of its partition’s Merkle tree', 'bench/targets/growth.ts'),
  routeBytes: constant(370_000, 'B', 'a route of a nats-server', 'docs/scaling.md, Measured: times'),
  putUs: constant(163, 'µs', 'CPU of a put, hosts and nats-servers, N=3, 100-byte values', 'decision 11, docs/scaling.md'),
  getUs: constant(50, 'µs', 'CPU of a get, the same, R=2', 'decision 11, docs/scaling.md'),
  putMessagesPerBatch: constant(
    7.6,
    '',
    'bus messages in a NATS message when that was measured, puts',
    'docs/scaling.md, Measured: times'
  ),
  getMessagesPerBatch: constant(9.2, '', 'the same, gets', 'docs/scaling.md, Measured: times'),
  batchUs: constant(54, 'µs', 'one NATS message more: 30 of hosts, 24 of nats-servers', 'docs/scaling.md, Measured: times'),
  routedUs: constant(8, 'µs', 'more for one that goes by a route', 'docs/scaling.md, Measured: times'),
  nearHosts: constant(8, '', 'near connections of a thread, which take no route', 'model/limits.ts: nearHostsMax'),
  putByteUs: constant(
    0.017,
    'µs/B',
    'CPU of a byte of value beyond 100 on each replica, puts',
    'docs/storage.md, Measured: 5.5 and 21 µs at 256 in flight'
  ),
  getByteUs: constant(0.0026, 'µs/B', 'the same, for each replica that a get asks', 'docs/storage.md, Measured: 3.5 and 5.8 µs'),
  routeSecondUs: constant(85, 'µs/s', 'CPU of a route that nothing passes', 'docs/scaling.md, Measured: times'),
  askAllShare: constant(1 / 16, '', 'share of gets that ask all owners', 'docs/scaling.md, Counted: messages'),
  putBytes: constant(655, 'B', 'that a put sends, N=3, three values of 100 bytes included', 'bench/scaling/request-load.ts'),
  getBytes: constant(342, 'B', 'that a get sends, R=2, one value of 100 bytes included', 'bench/scaling/request-load.ts'),
  natsBytes: constant(90, 'B', 'that NATS adds to a message', 'bench/scaling/request-load.ts'),
  gossipBytes: constant(437, 'B/s', 'gossip of a host', 'docs/scaling.md, Counted: messages'),
  loadFactor: constant(
    1.1,
    '',
    'a host holds at most so much of its share, and one partition more',
    'decision 2, docs/scaling.md'
  ),
  shareWanted: constant(30, '', 'partitions that a host should hold at least', 'decision 2')
})

export type CapacityConstant = keyof typeof capacityConstants
