import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Key } from '../model/key.ts'
import type { LmdbStore } from '../storage/lmdb-store.ts'
import type { Durability } from '../storage/store.ts'
import { ask, type Bench } from './question.ts'
import { putsOfHashIndexedLog, readsOfHashIndexedLog } from './storage/hash-indexed-log.ts'
import { distinctKeys, keysOf, measurePuts, measureReads, partitionOfNumber, report } from './storage/load.ts'
import { openStore } from './storage/open-store.ts'
import { putsOfPlainLmdb } from './storage/plain-lmdb.ts'

/*
 * `node build/bench/storage.js [--seconds 2] [--json]`: one data thread, the table writer in a thread of its own, 256 partitions;
 * CPU is that of all threads. Files lie in the working directory, for the disk under /tmp may be memory.
 */

async function putsOfStore(
  bench: Bench,
  directory: string,
  bytes: number,
  inFlight: number,
  seconds: number,
  durability: Durability
): Promise<void> {
  const keys = keysOf(distinctKeys)
  const { store, end } = await openStore(directory)
  const load = measurePuts(inFlight, seconds, (number, completion) => {
    const at = number % distinctKeys
    store.write(partitionOfNumber(at), keys[at]!, Buffer.alloc(bytes, at), durability, completion)
  })
  report(bench, `put ${bytes} B, ${inFlight} in flight: ${durability}`, await load.result, load.refused)
  await end()
}

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(process.cwd(), '.bench-'))
  try {
    await work(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Side by side, so that whatever else the machine does meets all of them. */
async function benchPuts(bench: Bench, seconds: number): Promise<void> {
  for (const bytes of [100, 1024]) {
    for (const inFlight of [1, 64, 256, 1024]) {
      await inDirectory(directory => putsOfStore(bench, directory, bytes, inFlight, seconds, 'flushed'))
      await inDirectory(directory => putsOfStore(bench, directory, bytes, inFlight, seconds, 'committed'))
      await inDirectory(directory => putsOfPlainLmdb(bench, directory, bytes, inFlight, seconds))
      await inDirectory(directory => putsOfHashIndexedLog(bench, directory, bytes, inFlight, seconds))
    }
  }
}

async function benchReads(bench: Bench, seconds: number): Promise<void> {
  const keys = keysOf(distinctKeys)
  for (const bytes of [100, 1024]) {
    const directory = mkdtempSync(join(process.cwd(), '.bench-'))
    const read = (store: LmdbStore) => (number: number) => {
      const at = number % distinctKeys
      return store.read(partitionOfNumber(at), keys[at]!)
    }
    const first = await openStore(directory, { sealAfterMs: 600_000, segmentBytes: 2 ** 31, memoryTableBytesMax: 2 ** 31 })
    const filled = measurePuts(
      1024,
      Infinity,
      (number, completion) => {
        const at = number % distinctKeys
        first.store.write(partitionOfNumber(at), keys[at]!, Buffer.alloc(bytes, at), 'committed', completion)
      },
      distinctKeys
    )
    await filled.result
    report(bench, `read ${bytes} B: memory table`, measureReads(seconds, read(first.store)))
    await first.end()
    const second = await openStore(directory)
    report(bench, `read ${bytes} B: LMDB, checksum verified`, measureReads(seconds, read(second.store)))
    const began = performance.now()
    let scanned = 0
    for (let partition = 0; partition < 256; partition++) {
      for (let after: Key | undefined; ; ) {
        const page = second.store.scan(partition, after, 1000)
        scanned += page.pairs.length
        after = page.next
        if (after === undefined) break
      }
    }
    const elapsedMs = performance.now() - began
    const disk = statSync(join(directory, 'table', 'data.mdb')).size
    bench.row({
      what: `scan ${bytes} B: LMDB, all in key order`,
      per_second: (scanned / elapsedMs) * 1_000,
      disk_bytes_per_pair: disk / distinctKeys
    })
    await second.end()
    rmSync(directory, { recursive: true })
  }
}

await ask('What do a put and a read cost in storage alone?', async bench => {
  const seconds = bench.option('seconds', 2)
  await benchPuts(bench, seconds)
  await benchReads(bench, seconds)
  for (const bytes of [100, 1024]) await inDirectory(directory => readsOfHashIndexedLog(bench, directory, bytes, seconds))
})
