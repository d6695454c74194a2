import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Key } from '../../model/key.ts'
import { LmdbStore, type LmdbStoreOptions } from '../../storage/lmdb-store.ts'
import type { Store } from '../../storage/store.ts'
import {
  connectTableWriter,
  type RecoveryReport,
  type TableWriterClient,
  type TableWriterReply,
  type TableWriterRequest
} from '../../storage/table-writer-protocol.ts'
import { startTableWriter, type TableWriter, type TableWriterOptions } from '../../storage/table-writer.ts'
import { openTableForWriting, tablePrefix } from '../../storage/table.ts'
import type { StoreHarness } from '../contract/store-harness.ts'
import { FaultyFiles } from './faulty-files.ts'

/** Both ends of the way to a table writer in the same thread; replies come in a later turn, as over a port. */
export function tableWriterOf(writer: TableWriter): TableWriterClient {
  let listener: (reply: TableWriterReply) => void = () => {}
  return connectTableWriter({
    postMessage: message => writer.handle(message as TableWriterRequest, reply => setImmediate(() => listener(reply))),
    on: (_event, added) => (listener = added)
  })
}

/** A host's storage in one thread, in a temporary directory. */
export class LmdbHarness implements StoreHarness {
  readonly directory: string
  readonly #options: Partial<LmdbStoreOptions>
  readonly #tableOptions: Omit<TableWriterOptions, 'directory'>
  files = new FaultyFiles()
  writer: TableWriter | undefined
  report: RecoveryReport | undefined
  #store: LmdbStore | undefined
  #generation = 0

  /** @param directory undefined: a temporary one; deleted at the end in any case */
  constructor(
    options: Partial<LmdbStoreOptions> = {},
    directory?: string,
    tableOptions: Omit<TableWriterOptions, 'directory'> = {}
  ) {
    this.#options = options
    this.#tableOptions = tableOptions
    this.directory = directory ?? mkdtempSync(join(tmpdir(), 'carillon-store-'))
  }

  async open(): Promise<LmdbStore> {
    await this.writer?.close()
    const started = await startTableWriter({ directory: this.directory, retryMs: 20, ...this.#tableOptions })
    this.writer = started.writer
    this.report = started.report
    this.#store = LmdbStore.open({
      directory: this.directory,
      thread: 0,
      generation: ++this.#generation,
      tableWriter: tableWriterOf(this.writer),
      files: this.files,
      ...this.#options
    })
    return this.#store
  }

  async kill(): Promise<void> {
    this.files.dead = true
    await this.files.still()
    this.files = new FaultyFiles()
    this.#store = undefined
    await this.writer?.close()
    this.writer = undefined
  }

  setFull(full: boolean): void {
    this.files.full = full
  }

  async settled(store: Store): Promise<void> {
    const until = Date.now() + 10_000
    while (store.figures().memoryTablePairs > 0) {
      if (Date.now() > until) throw new Error(`the memory table still holds ${store.figures().memoryTablePairs} pairs`)
      await new Promise(resolve => setTimeout(resolve, 2))
    }
  }

  async corrupt(partition: number, key: Key): Promise<void> {
    const table = openTableForWriting(this.directory)
    const framed = Buffer.from(table.getBinary(tablePrefix(partition) + key)!)
    framed[framed.length - 1]! ^= 1
    await table.put(tablePrefix(partition) + key, framed)
    await table.close()
  }

  async end(): Promise<void> {
    this.files.full = false
    await this.#store?.close()
    await this.writer?.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}
