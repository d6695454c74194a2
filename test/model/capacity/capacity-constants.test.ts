import t from 'tap'
import { serviceTimes } from '../../../bench/scaling/service-times.ts'
import { capacityConstants as known } from '../../../model/capacity/capacity-constants.ts'
import { tablePages } from '../../../model/capacity/table-pages.ts'
import { limits } from '../../../model/limits.ts'
import { encodeSiblings } from '../../../model/siblings-codec.ts'
import { recordHeaderBytes } from '../../../storage/record.ts'

const valueBytes = 100

function recordBytes(replicas: number, counter: number): number {
  const ids = [0x9abcdef0, 0xabcdef01, 0xdcba9876].slice(0, replicas).map(uid => uid * 2 ** 20 + 3)
  const version = {
    vnode: ids[0]!,
    counter,
    value: new Uint8Array(valueBytes),
    contentType: 'application/octet-stream',
    modifiedMs: 1,
    expiresMs: 0,
    tombstone: false
  }
  const vector = ids.flatMap(id => [id, counter])
  return recordHeaderBytes + encodeSiblings({ context: { vector, cloud: [] }, versions: [version] }).length
}

t.test('capacity: the bytes of a record are those that the codec writes, for counters up to a million and more', async t => {
  for (const counter of [100, 5_000, 300_000, 3_000_000]) {
    const first = recordBytes(1, counter) - valueBytes
    t.ok(Math.abs(first - known.recordBytes.value) <= 4, `${first} B with counters of ${counter}`)
    const each = (recordBytes(3, counter) - recordBytes(1, counter)) / 2
    t.ok(each <= known.vectorEntryBytes.value && each >= 0.6 * known.vectorEntryBytes.value, `${each} B a vector entry`)
  }
})

t.test('capacity: constants that stand in the code elsewhere are the same there', async t => {
  t.equal(known.segmentBytes.value, limits.logSegmentBytes)
  t.equal(known.hotCacheBytesMin.value, limits.hotCacheBytesDefault)
  t.equal(known.memoryTableBytesMax.value, limits.memoryTableBytesMax)
  t.equal(known.youngHeapBytes.value, (limits.youngHeapMbMax * 2 ** 20 * 2) / 3)
  t.equal(known.nearHosts.value, limits.nearHostsMax)
  t.equal(known.putUs.value, serviceTimes.put.hosts + serviceTimes.put.nats)
  t.equal(known.getUs.value, serviceTimes.get.hosts + serviceTimes.get.nats)
  t.equal(known.putMessagesPerBatch.value, serviceTimes.put.messagesPerBatch)
  t.equal(known.getMessagesPerBatch.value, serviceTimes.get.messagesPerBatch)
  t.equal(known.batchUs.value, serviceTimes.batch.hosts + serviceTimes.batch.nats)
  t.equal(known.routedUs.value, serviceTimes.route)
  t.equal(known.routeSecondUs.value, serviceTimes.routeSecond)
  t.equal(known.routeBytes.value, serviceTimes.routeBytes)
})

t.test('capacity: pairs of 100 bytes take the leaf pages that docs/storage.md measured, within 15 %', async t => {
  const perPair = (order: 'any' | 'ascending'): number =>
    (tablePages(1e6, 24, 139, order, 0, 0).used * known.pageBytes.value) / 1e6
  for (const [order, measured] of [
    ['ascending', 187],
    ['any', 263]
  ] as const)
    t.ok(Math.abs(perPair(order) / measured - 1) < 0.15, `${order}: ${perPair(order).toFixed(0)} B, measured ${measured}`)
})

t.test('capacity: every constant says where it comes from', async t => {
  for (const [name, { what, where, value }] of Object.entries(known))
    t.ok(what.length > 5 && where.length > 5 && Number.isFinite(value), name)
})
