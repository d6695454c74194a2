import t from 'tap'
import { LmdbHarness } from '../storage/lmdb-harness.ts'
import { storeContract } from './store-contract.ts'

void t.test('small segments, sealed soon: records pass through log, memory table and LMDB', async t => {
  storeContract(t, async () => new LmdbHarness({ segmentBytes: 4_096, batchBytesMax: 2_048, sealAfterMs: 15, lazyFlushMs: 10 }))
})

void t.test('the usual segments, sealed after a tenth of a second', async t => {
  storeContract(t, async () => new LmdbHarness({ sealAfterMs: 100 }))
})

void t.test('a hot cache so small that records come and go, segments sealed soon', async t => {
  storeContract(t, async () => new LmdbHarness({ hotCacheBytes: 4_000, segmentBytes: 4_096, sealAfterMs: 15, lazyFlushMs: 10 }))
})
