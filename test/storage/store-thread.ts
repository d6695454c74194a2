import { parentPort, workerData, type MessagePort } from 'node:worker_threads'
import { LmdbStore } from '../../storage/lmdb-store.ts'
import { connectTableWriter } from '../../storage/table-writer-protocol.ts'
import { CeaselessWriter } from './ceaseless-writer.ts'

/** A data thread, made to be terminated: writes without end and tells its parent what is acknowledged. */
const { directory, first, port } = workerData as { directory: string; first: number; port: MessagePort }
const tableWriter = connectTableWriter(port)
const store = LmdbStore.open({ directory, thread: 0, generation: 1, tableWriter, segmentBytes: 200_000, sealAfterMs: 30 })
new CeaselessWriter(store, first, 64, number => parentPort!.postMessage(number))
