import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import t from 'tap'
import type { Key } from '../../model/key.ts'
import { LmdbStore } from '../../storage/lmdb-store.ts'
import { tableDamage, walkTable } from '../../storage/table-check.ts'
import type { TableWriterRequest } from '../../storage/table-writer-protocol.ts'
import { startTableWriter } from '../../storage/table-writer.ts'
import { put } from '../contract/store-harness.ts'
import { verifyWrites, writerKey } from './ceaseless-writer.ts'
import { Acknowledged, writeUntilKilled } from './doomed-writer.ts'
import { tableWriterOf } from './lmdb-harness.ts'

/** CARILLON_KILL_ROUNDS=100 for the long run. */
const rounds = Number(process.env.CARILLON_KILL_ROUNDS ?? 20)

void t.test(
  `I2: ${rounds} times killed with SIGKILL at random moments, a host's storage keeps every acknowledged write`,
  { timeout: rounds * 5_000 },
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'carillon-kill-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const acknowledged = new Acknowledged()
    let recovered = 0
    for (let round = 1; round <= rounds; round++) {
      await writeUntilKilled(directory, round, Math.floor(Math.random() * 200), acknowledged, child => child.kill('SIGKILL'))
      t.equal(tableDamage(directory), undefined)
      const { writer, report } = await startTableWriter({ directory })
      recovered += report.segments
      if (report.damage.length > 0) t.fail(`round ${round}: ${report.damage.join('; ')}`)
      const store = LmdbStore.open({ directory, thread: 0, generation: round, tableWriter: tableWriterOf(writer) })
      verifyWrites(store, acknowledged.any)
      await store.close()
      await writer.close()
    }
    t.equal(await walkTable(directory), undefined, 'the table is whole')
    t.comment(`${acknowledged.any.size} keys, up to number ${acknowledged.highest}, ${recovered} segments recovered`)
    t.ok(acknowledged.any.size > 0 && recovered > 0)
  }
)

void t.test(
  'I23: a data thread terminated in mid-write blocks neither the table writer nor another thread, and its writes are recovered',
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'carillon-terminate-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const { writer } = await startTableWriter({ directory })
    const supervisor = tableWriterOf(writer)
    const other = LmdbStore.open({ directory, thread: 1, generation: 1, tableWriter: tableWriterOf(writer), sealAfterMs: 10 })
    const acknowledged = new Map<Key, number>()
    let first = 1
    for (let round = 0; round < 6; round++) {
      const { port1, port2 } = new MessageChannel()
      port1.on('message', (request: TableWriterRequest) => writer.handle(request, reply => port1.postMessage(reply)))
      const program = new URL('./store-thread.js', import.meta.url)
      const worker = new Worker(program, { workerData: { directory, first, port: port2 }, transferList: [port2] })
      const count = 500 + Math.floor(Math.random() * 3_000)
      let seen = 0
      await new Promise<void>((resolve, reject) => {
        worker.on('error', reject)
        worker.on('message', (number: number) => {
          first = Math.max(first, number)
          acknowledged.set(writerKey(number), Math.max(number, acknowledged.get(writerKey(number)) ?? 0))
          if (++seen === count) resolve()
        })
      })
      await worker.terminate()
      port1.close()
      first += 100_000
      const report = await supervisor.recover(0)
      t.same(report.damage, [])
      t.equal(await put(other, 100, writerKey(round), Buffer.from('other'), 'flushed'), undefined)
      const before = writer.figures().segments
      const until = Date.now() + 10_000
      while (other.figures().memoryTablePairs > 0 && Date.now() < until) await new Promise(resolve => setTimeout(resolve, 5))
      t.equal(other.figures().memoryTablePairs, 0, "the other thread's segment went to the table")
      t.ok(writer.figures().segments > before)
      verifyWrites(other, acknowledged)
    }
    await other.close()
    await writer.close()
  }
)
