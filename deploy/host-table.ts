import type { MessagePort } from 'node:worker_threads'
import type { ActorDescription } from '../runtime/actor.ts'
import type { Log } from '../runtime/log.ts'
import type { RecoveryReport, TableWriterRequest } from '../storage/table-writer-protocol.ts'
import { startTableWriter, type TableWriter } from '../storage/table-writer.ts'

/**
 * The host's table and its only writer, on the main thread: a writer that is terminated leaves LMDB locked, and the main thread
 * is the one that ends with the process alone. It works in slices, and its writes go on in native threads.
 */
export class HostTable {
  readonly #writer: TableWriter
  readonly #log: Log
  readonly #ports = new Set<MessagePort>()

  private constructor(writer: TableWriter, log: Log) {
    this.#writer = writer
    this.#log = log
  }

  /** Open it and move what earlier runs have left in their logs. @throws {Error} the table's file is damaged: says how */
  static async open(directory: string, log: Log): Promise<HostTable> {
    const { writer, report } = await startTableWriter({ directory })
    if (report.segments > 0) log.info({ ...report }, 'the commit log of the last run was moved to the table')
    for (const damage of report.damage) log.error({ damage }, 'a part of the commit log is damaged')
    return new HostTable(writer, log)
  }

  /** @param port the other end is a data thread's */
  connect(port: MessagePort): void {
    this.#ports.add(port)
    port.on('close', () => this.#ports.delete(port))
    port.on('message', (request: TableWriterRequest) => this.#writer.handle(request, reply => port.postMessage(reply)))
  }

  /** Move what a data thread that died has left in its log; before its replacement opens its store. */
  recover(thread: number): Promise<RecoveryReport> {
    return new Promise(resolve => {
      this.#writer.handle({ kind: 'recover', id: 0, thread }, reply => {
        if (reply.kind === 'recovered') resolve(reply.report)
        else if (reply.kind === 'stalled')
          this.#log.error({ thread, code: reply.fault.code }, `recovery is delayed: ${reply.fault.detail}`)
      })
    })
  }

  async close(): Promise<void> {
    for (const port of this.#ports) port.close()
    await this.#writer.close()
  }

  describe(host: string): ActorDescription {
    const figures = this.#writer.figures()
    return {
      name: 'table-writer',
      kind: 'table-writer',
      thread: `${host}.main`,
      state: 'running',
      incarnation: 0,
      restarts: 0,
      mailbox: { length: figures.queued, limit: 0, handled: figures.segments, refused: 0 },
      last_crash: null,
      summary: { ...figures },
      children: []
    }
  }
}
