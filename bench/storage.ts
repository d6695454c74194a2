import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { Fault } from '../model/fault.ts'
import { keyOfText, type Key } from '../model/key.ts'
import { LmdbStore, type LmdbStoreOptions } from '../storage/lmdb-store.ts'
import type { Completion, Durability } from '../storage/store.ts'
import { connectTableWriter, type TableWriterRequest } from '../storage/table-writer-protocol.ts'
import { startTableWriter } from '../storage/table-writer.ts'
import { measureHashIndexedLog } from './storage/hash-indexed-log.ts'
import { measurePlainLmdb } from './storage/plain-lmdb.ts'

/**
 * What does a put and a read cost in storage alone? One data thread, the table writer in a thread of its own, 256 partitions.
 * `node bench/storage.js [seconds]`; CPU is user + system of all threads, per operation.
 */
const partitions = 256
const distinctKeys = 200_000

export interface Measured {
  readonly perSecond: number
  readonly cpuUs: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export function partitionOfNumber(number: number): number {
  return Math.imul(number, 0x9e3779b1) >>> 24
}

export function keysOf(count: number): Key[] {
  return Array.from({ length: count }, (_, number) => keyOfText('bench', `key-${String(number).padStart(10, '0')}`))
}

/** Keeps `inFlight` puts under way for `seconds`. */
class PutLoad implements Completion {
  readonly #put: (number: number, completion: Completion) => void
  readonly #began = performance.now()
  readonly #untilMs: number
  readonly #latencies: number[] = []
  readonly #starts: number[] = []
  readonly #cpu = process.cpuUsage()
  #oldest = 0
  #number = 0
  #ended = 0
  #underWay = 0
  #done: (measured: Measured) => void = () => {}
  readonly result: Promise<Measured>
  refused: Fault | undefined

  constructor(inFlight: number, seconds: number, put: (number: number, completion: Completion) => void) {
    this.#put = put
    this.#untilMs = this.#began + seconds * 1000
    this.result = new Promise((resolve) => (this.#done = resolve))
    for (let at = 0; at < inFlight; at++) this.#next()
  }

  #next(): void {
    this.#starts.push(performance.now())
    this.#underWay++
    this.#put(this.#number++, this)
  }

  settled(fault: Fault | undefined): void {
    const now = performance.now()
    this.#underWay--
    this.#ended++
    const start = this.#starts[this.#oldest++]!
    if ((this.#ended & 15) === 0) this.#latencies.push(now - start)
    if (fault !== undefined) this.refused = fault
    if (now < this.#untilMs && fault === undefined) return this.#next()
    if (this.#underWay > 0) return
    const cpu = process.cpuUsage(this.#cpu)
    const sorted = Float64Array.from(this.#latencies).sort()
    this.#done({
      perSecond: (this.#ended / (now - this.#began)) * 1000,
      cpuUs: (cpu.user + cpu.system) / this.#ended,
      p50Ms: sorted[sorted.length >> 1] ?? 0,
      p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? 0
    })
  }
}

export function measurePuts(inFlight: number, seconds: number, put: (number: number, completion: Completion) => void): PutLoad {
  return new PutLoad(inFlight, seconds, put)
}

export function report(what: string, measured: Measured, refused?: Fault): void {
  const rate = `${(measured.perSecond / 1000).toFixed(0)} k/s`.padStart(9)
  const cost = `${measured.cpuUs.toFixed(1)} µs CPU`.padStart(12)
  const latency = measured.p50Ms > 0 ? `  p50 ${measured.p50Ms.toFixed(2)} ms, p99 ${measured.p99Ms.toFixed(2)} ms` : ''
  console.log(`${what.padEnd(52)} ${rate} ${cost}${latency}${refused === undefined ? '' : `  refused: ${refused.detail}`}`)
}

export function measureReads(seconds: number, read: (number: number) => Uint8Array | undefined): Measured {
  const cpu = process.cpuUsage()
  const began = performance.now()
  let reads = 0
  let missing = 0
  while (performance.now() - began < seconds * 1000) {
    for (let at = 0; at < 1000; at++) if (read(Math.imul(reads + at, 7919) >>> 0) === undefined) missing++
    reads += 1000
  }
  if (missing > 0) throw new Error(`${missing} of ${reads} reads found nothing`)
  const used = process.cpuUsage(cpu)
  return { perSecond: (reads / (performance.now() - began)) * 1000, cpuUs: (used.user + used.system) / reads, p50Ms: 0, p99Ms: 0 }
}

/** @returns the store, with its table writer in a worker thread, and how to end both */
export async function openStore(directory: string, options?: Partial<LmdbStoreOptions>): Promise<{ store: LmdbStore; end: () => Promise<void> }> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { directory } })
  await new Promise((resolve) => worker.once('message', resolve))
  const store = LmdbStore.open({ directory, thread: 0, generation: 1, tableWriter: connectTableWriter(worker), ...options })
  const end = async (): Promise<void> => {
    await store.close()
    worker.postMessage('close')
    await new Promise((resolve) => worker.once('exit', resolve))
  }
  return { store, end }
}

async function benchStore(seconds: number): Promise<void> {
  const keys = keysOf(distinctKeys)
  for (const bytes of [100, 1024]) {
    for (const durability of ['flushed', 'committed'] satisfies Durability[]) {
      for (const inFlight of [1, 64, 256, 1024]) {
        const directory = mkdtempSync(join(process.cwd(), '.bench-'))
        const { store, end } = await openStore(directory)
        const load = measurePuts(inFlight, seconds, (number, completion) => {
          const at = number % distinctKeys
          store.write(partitionOfNumber(at), keys[at]!, Buffer.alloc(bytes, at), durability, completion)
        })
        report(`put ${bytes} B, ${durability}, ${inFlight} in flight`, await load.result, load.refused)
        await end()
        rmSync(directory, { recursive: true })
      }
    }
  }
}

async function benchReads(seconds: number): Promise<void> {
  const keys = keysOf(distinctKeys)
  for (const bytes of [100, 1024]) {
    const directory = mkdtempSync(join(process.cwd(), '.bench-'))
    const read = (store: LmdbStore) => (number: number) => {
      const at = number % distinctKeys
      return store.read(partitionOfNumber(at), keys[at]!)
    }
    const first = await openStore(directory, { sealAfterMs: 600_000, segmentBytes: 2 ** 31, memoryTableBytesMax: 2 ** 31 })
    const filled = measurePuts(1024, 600, (number, completion) => {
      const at = number % distinctKeys
      const last: Completion = { settled: (fault) => completion.settled(fault ?? (number >= distinctKeys ? ({} as Fault) : undefined)) }
      first.store.write(partitionOfNumber(at), keys[at]!, Buffer.alloc(bytes, at), 'committed', last)
    })
    await filled.result
    report(`read ${bytes} B from the memory table`, measureReads(seconds, read(first.store)))
    await first.end()
    const second = await openStore(directory)
    report(`read ${bytes} B from LMDB, checksum verified`, measureReads(seconds, read(second.store)))
    const disk = statSync(join(directory, 'table', 'data.mdb')).size
    console.log(`  on disk: ${(disk / distinctKeys).toFixed(0)} B a pair`)
    await second.end()
    rmSync(directory, { recursive: true })
  }
}

if (!isMainThread) {
  const { writer } = await startTableWriter({ directory: (workerData as { directory: string }).directory })
  parentPort!.on('message', (message: TableWriterRequest | 'close') => {
    if (message === 'close') void writer.close().then(() => process.exit(0))
    else writer.handle(message, (reply) => parentPort!.postMessage(reply))
  })
  parentPort!.postMessage('ready')
} else if (process.argv[1] === new URL(import.meta.url).pathname) {
  const seconds = Number(process.argv[2] ?? 2)
  await benchStore(seconds)
  await benchReads(seconds)
  await measureHashIndexedLog(seconds)
  await measurePlainLmdb(seconds)
}
