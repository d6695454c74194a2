import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { LmdbStore, type LmdbStoreOptions } from '../../storage/lmdb-store.ts'
import { connectTableWriter, type TableWriterRequest } from '../../storage/table-writer-protocol.ts'
import { startTableWriter, type TableWriterOptions } from '../../storage/table-writer.ts'

/** A data thread's store as a host has it, and how to end it with its table writer. */
export interface OpenStore {
  readonly store: LmdbStore
  end(): Promise<void>
}

/** @returns the store, with its table writer in a worker thread */
export async function openStore(
  directory: string,
  options: Partial<LmdbStoreOptions> = {},
  table: Omit<TableWriterOptions, 'directory'> = {}
): Promise<OpenStore> {
  const tableOptions: TableWriterOptions = { directory, ...table }
  const worker = new Worker(new URL(import.meta.url), { workerData: { tableOptions } })
  await new Promise(resolve => worker.once('message', resolve))
  const store = LmdbStore.open({ directory, thread: 0, generation: 1, tableWriter: connectTableWriter(worker), ...options })
  const end = async (): Promise<void> => {
    await store.close()
    worker.postMessage('close')
    await new Promise(resolve => worker.once('exit', resolve))
  }
  return { store, end }
}

if (!isMainThread) {
  const { tableOptions } = workerData as { tableOptions: TableWriterOptions }
  const { writer } = await startTableWriter(tableOptions)
  parentPort!.on('message', (message: TableWriterRequest | 'close') => {
    if (message === 'close') void writer.close().then(() => process.exit(0))
    else writer.handle(message, reply => parentPort!.postMessage(reply))
  })
  parentPort!.postMessage('ready')
}
