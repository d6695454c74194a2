import { writeSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { LmdbStore } from '../../storage/lmdb-store.ts'
import { connectTableWriter, type TableWriterRequest } from '../../storage/table-writer-protocol.ts'
import { startTableWriter } from '../../storage/table-writer.ts'
import { CeaselessWriter } from './ceaseless-writer.ts'

/** A host's storage as a process, made to be killed: `node store-process.js DIRECTORY GENERATION FIRST`; prints what is acknowledged. */
if (isMainThread) {
  const [directory, generation, first] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])]
  const worker = new Worker(new URL(import.meta.url), { workerData: directory })
  await new Promise(resolve => worker.once('message', resolve))
  const store = LmdbStore.open({
    directory,
    thread: 0,
    generation,
    tableWriter: connectTableWriter(worker),
    segmentBytes: 200_000,
    sealAfterMs: 30
  })
  let told = ''
  const tell = (): void => {
    writeSync(1, told)
    told = ''
  }
  new CeaselessWriter(store, first, 64, number => {
    if (told === '') setImmediate(tell)
    told += `${number}\n`
  })
} else {
  const { writer } = await startTableWriter({ directory: workerData as string })
  parentPort!.on('message', (request: TableWriterRequest) => writer.handle(request, reply => parentPort!.postMessage(reply)))
  parentPort!.postMessage('ready')
}
