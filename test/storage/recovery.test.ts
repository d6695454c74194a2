import { execFileSync } from 'node:child_process'
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { keyOfText, type Key } from '../../model/key.ts'
import { LmdbStore } from '../../storage/lmdb-store.ts'
import {
  batchEnd,
  batchHeaderBytes,
  endMark,
  headerDamage,
  sealBatch,
  segmentFile,
  segmentHeader,
  segmentNameOf,
  segmentSeed,
  writeEntry,
  type SegmentName
} from '../../storage/log-segment.ts'
import { tableDamage, walkTable } from '../../storage/table-check.ts'
import { startTableWriter } from '../../storage/table-writer.ts'
import { put, scanAll } from '../contract/store-harness.ts'
import { LmdbHarness, tableWriterOf } from './lmdb-harness.ts'

type Write = readonly [key: string, value: string | undefined]

function key(name: string): Key {
  return keyOfText('b', name)
}

/** A segment's file as a log would have written it, one batch for each list of writes. */
function segment(
  name: SegmentName,
  batches: readonly (readonly Write[])[],
  sealed: boolean
): { bytes: Buffer; starts: number[] } {
  const parts = [segmentHeader(name)]
  const starts: number[] = []
  let at = parts[0]!.length
  for (const [sequence, writes] of batches.entries()) {
    const buffer = Buffer.alloc(100_000)
    let end = batchHeaderBytes
    for (const [written, value] of writes)
      end = writeEntry(buffer, end, 1, key(written), value === undefined ? undefined : Buffer.from(value))
    sealBatch(buffer, end, segmentSeed(name), sequence)
    parts.push(buffer.subarray(0, end))
    starts.push(at)
    at += end
  }
  starts.push(at)
  if (sealed) parts.push(endMark(segmentSeed(name), batches.length))
  return { bytes: Buffer.concat(parts), starts }
}

async function recovered(
  t: Test,
  files: ReadonlyMap<SegmentName, Buffer>
): Promise<{ held: Record<string, string>; report: Awaited<ReturnType<typeof startTableWriter>>['report']; left: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'carillon-recovery-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(join(directory, 'log'))
  for (const [name, bytes] of files) writeFileSync(join(directory, 'log', segmentFile(name)), bytes)
  const { writer, report } = await startTableWriter({ directory })
  const store = LmdbStore.open({ directory, thread: 9, generation: 9, tableWriter: tableWriterOf(writer) })
  const held = Object.fromEntries(scanAll(store, 1, 100).map(([name, value]) => [name.slice(2), value]))
  await store.close()
  await writer.close()
  return { held, report, left: readdirSync(join(directory, 'log')) }
}

const first = { generation: 1, thread: 0, number: 1 }
const second = { generation: 1, thread: 0, number: 2 }

void t.test('segments are applied by generation, thread and number; the newest write wins, an erase too', async t => {
  const later = { generation: 2, thread: 0, number: 1 }
  const { held, report, left } = await recovered(
    t,
    new Map([
      [
        later,
        segment(
          later,
          [
            [
              ['a', 'newest'],
              ['c', undefined]
            ]
          ],
          false
        ).bytes
      ],
      [
        second,
        segment(
          second,
          [
            [
              ['a', 'newer'],
              ['b', '2']
            ]
          ],
          true
        ).bytes
      ],
      [
        first,
        segment(
          first,
          [
            [
              ['a', 'old'],
              ['c', '1']
            ],
            [
              ['b', '1'],
              ['b', undefined]
            ]
          ],
          true
        ).bytes
      ]
    ])
  )
  t.same(held, { a: 'newest', b: '2' })
  t.same(report, { segments: 3, batches: 4, entries: 8, tornTails: 0, damage: [] })
  t.same(left, [], 'the segments are deleted')
})

void t.test('a tail torn at any byte is dropped, all batches before it are kept', async t => {
  const batches: Write[][] = [
    [['a', '1']],
    [
      ['b', '2'],
      ['c', '3']
    ],
    [['d', '4']]
  ]
  const { bytes, starts } = segment(first, batches, false)
  for (const cut of [starts[2]! + 1, starts[2]! + batchHeaderBytes, starts[3]! - 1]) {
    const { held, report } = await recovered(t, new Map([[first, bytes.subarray(0, cut)]]))
    t.same(held, { a: '1', b: '2', c: '3' })
    t.same(report.damage, [])
  }
  const { held } = await recovered(t, new Map([[first, bytes.subarray(0, 10)]]))
  t.same(held, {}, 'a file that ends within its header held nothing')
})

void t.test('damage in the middle is reported and kept aside; the intact batches on both sides are applied', async t => {
  const { bytes, starts } = segment(first, [[['a', '1']], [['b', '2']], [['c', '3']]], true)
  bytes[starts[1]! + batchHeaderBytes + 12]! ^= 0x40
  const { held, report, left } = await recovered(
    t,
    new Map([
      [first, bytes],
      [second, segment(second, [[['d', '4']]], false).bytes]
    ])
  )
  t.same(held, { a: '1', c: '3', d: '4' })
  t.equal(report.damage.length, 1)
  t.match(report.damage[0], /damaged from byte \d+ to \d+/)
  t.same(left, [`${segmentFile(first)}.damaged`])
})

void t.test('a sealed segment that lost its end is reported, since others follow it', async t => {
  const { bytes, starts } = segment(first, [[['a', '1']], [['b', '2']]], true)
  const { held, report } = await recovered(
    t,
    new Map([
      [first, bytes.subarray(0, starts[1])],
      [second, segment(second, [[['c', '3']]], false).bytes]
    ])
  )
  t.same(held, { a: '1', c: '3' })
  t.match(report.damage, [/its end is missing/])
})

void t.test('what an earlier segment left in a file that is written over is never taken for the present one', async t => {
  const old = segment(first, [[['a', 'old']], [['b', 'old']], [['c', 'old']]], true).bytes
  const fresh = segment(second, [[['a', 'new']]], false).bytes
  fresh.copy(old)
  const { held, report } = await recovered(t, new Map([[second, old]]))
  t.same(held, { a: 'new' })
  t.same(report.damage, [])
  t.not(segmentSeed(first), segmentSeed(second))
})

void t.test('a header that is damaged does not hide the batches behind it', async t => {
  const { bytes } = segment(first, [[['a', '1']]], false)
  bytes[5]! ^= 1
  const { held, report } = await recovered(t, new Map([[first, bytes]]))
  t.same(held, { a: '1' })
  t.match(report.damage, [/format version/])
})

void t.test('any segment with any bytes changed recovers without a crash, and never to a value that was not written', async t => {
  const { bytes } = segment(
    first,
    [
      [
        ['a', '1'],
        ['b', '2']
      ],
      [['a', '3']],
      [['c', '4']]
    ],
    true
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ at: fc.nat(bytes.length - 1), flip: fc.integer({ min: 1, max: 255 }) }), {
        minLength: 1,
        maxLength: 4
      }),
      fc.nat(bytes.length),
      async (changes, cut) => {
        const damaged = Buffer.from(bytes)
        for (const { at, flip } of changes) damaged[at]! ^= flip
        const { held } = await recovered(t, new Map([[first, damaged.subarray(0, cut)]]))
        const possible: Record<string, string[]> = { a: ['1', '3'], b: ['2'], c: ['4'] }
        for (const [name, value] of Object.entries(held))
          if (!possible[name]?.includes(value)) throw new Error(`${name} is ${value}`)
      }
    ),
    { numRuns: 30 }
  )
  t.pass()
})

void t.test("a segment's name and header say the same, and a foreign header is told", async t => {
  fc.assert(
    fc.property(
      fc.record({
        generation: fc.integer({ min: 1, max: 2 ** 31 }),
        thread: fc.nat(65_535),
        number: fc.integer({ min: 1, max: 10 ** 11 })
      }),
      name => {
        return (
          JSON.stringify(segmentNameOf(segmentFile(name))) === JSON.stringify(name) &&
          headerDamage(segmentHeader(name), name) === undefined
        )
      }
    )
  )
  t.match(headerDamage(segmentHeader(first), second), /names another segment/)
  t.equal(batchEnd(segment(first, [[['a', '1']]], false).bytes, 64, segmentSeed(second)), -1)
  t.equal(segmentNameOf('../x.log'), undefined)
})

void t.test('a store does not open over segments that were not recovered', async t => {
  const harness = new LmdbHarness({ sealAfterMs: 60_000 })
  t.teardown(() => harness.end())
  const store = await harness.open()
  await put(store, 1, key('a'), Buffer.from('1'))
  await harness.kill()
  const options = { directory: harness.directory, thread: 0, generation: 5, tableWriter: { seal: () => {} } }
  t.throws(() => LmdbStore.open(options), /left over from an earlier run/)
  t.throws(() => LmdbStore.open({ ...options, directory: join(harness.directory, 'elsewhere') }), /there is no table/)
})

void t.test('a table that is cut off, or whose meta page is gone, is told without being mapped', async t => {
  const harness = new LmdbHarness({ sealAfterMs: 10 })
  t.teardown(() => harness.end())
  const store = await harness.open()
  for (let number = 0; number < 300; number++) await put(store, 1, key(`k${number}`), Buffer.alloc(500))
  await harness.settled(store)
  await store.close()
  await harness.writer!.close()
  t.equal(tableDamage(harness.directory), undefined)
  t.equal(await walkTable(harness.directory), undefined)
  const path = join(harness.directory, 'table', 'data.mdb')
  const whole = readFileSync(path)
  truncateSync(path, whole.length >> 1)
  t.match(await walkTable(harness.directory), /ended with/)
  await t.rejects(startTableWriter({ directory: harness.directory }), /is cut off/)
  const fd = openSync(path, 'r+')
  writeSync(fd, whole)
  writeSync(fd, Buffer.alloc(4096), 0, 4096, 0)
  t.match(tableDamage(harness.directory), /lost one of its two meta pages/)
  writeSync(fd, Buffer.alloc(8192), 0, 8192, 0)
  t.match(tableDamage(harness.directory), /no intact meta page/)
  ftruncateSync(fd, 0)
  closeSync(fd)
  writeFileSync(path, whole)
  t.equal(tableDamage(harness.directory), undefined)
})

void t.test('a table whose last pages were never written, since nothing needs them, opens and keeps what it has', async t => {
  const harness = new LmdbHarness({ sealAfterMs: 10 })
  t.teardown(() => harness.end())
  const store = await harness.open()
  for (let number = 0; number < 300; number++) await put(store, 1, key(`k${number}`), Buffer.alloc(500, number & 0xff))
  await harness.settled(store)
  await store.close()
  await harness.writer!.close()
  const path = join(harness.directory, 'table', 'data.mdb')
  const { length } = readFileSync(path)
  // As LMDB leaves it that has taken pages from the end of the file, and given them back in the same transaction.
  const fd = openSync(path, 'r+')
  const metas = [0, 4096].map(at => {
    const meta = Buffer.alloc(16)
    readSync(fd, meta, 0, 16, at + 144)
    return { at, lastPage: meta.readBigUInt64LE(0), transaction: meta.readBigUInt64LE(8) }
  })
  const [newest] = metas.sort((a, b) => Number(b.transaction - a.transaction))
  const more = Buffer.alloc(8)
  more.writeBigUInt64LE(newest!.lastPage + 15n)
  writeSync(fd, more, 0, 8, newest!.at + 144)
  closeSync(fd)
  const { writer } = await startTableWriter({ directory: harness.directory })
  await writer.close()
  t.equal(statSync(path).size, length + 15 * 4096, 'no page of it lies behind the end of the file')
  t.equal(await walkTable(harness.directory), undefined)
  const again = await harness.open()
  for (let number = 0; number < 300; number++)
    t.ok(Buffer.from(again.read(1, key(`k${number}`))!).equals(Buffer.alloc(500, number & 0xff)))
  for (let number = 0; number < 300; number++) await put(again, 1, key(`more-${number}`), Buffer.alloc(900, number & 0xff))
  await harness.settled(again)
  t.equal(await walkTable(harness.directory), undefined)
})

void t.test('the check of the table runs in a process of its own', t => {
  t.throws(
    () =>
      execFileSync(process.execPath, [new URL('../../storage/table-walk.js', import.meta.url).pathname, '/nowhere'], {
        stdio: 'pipe'
      }),
    /there is no table/
  )
  t.end()
})
