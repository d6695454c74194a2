import type { MessagePort } from 'node:worker_threads'
import type { ActorDescription } from '../runtime/actor.ts'
import { runThread } from '../runtime/worker-thread.ts'
import type { RecoveryReport, TableWriterRequest } from '../storage/table-writer-protocol.ts'
import { startTableWriter } from '../storage/table-writer.ts'
import type { StorageThreadSettings } from './thread-settings.ts'

/** The thread that alone writes the host's table. It is stopped in order or not at all: a terminated writer leaves LMDB locked. */
runThread<StorageThreadSettings>(async ({ directory }, seat) => {
  const { writer, report } = await startTableWriter({ directory })
  if (report.segments > 0) seat.log.info({ ...report }, 'the commit log of the last run was moved to the table')
  for (const damage of report.damage) seat.log.error({ damage }, 'a part of the commit log is damaged')
  const ports = new Set<MessagePort>()

  return {
    describe: (): ActorDescription => ({
      name: 'table-writer',
      kind: 'table-writer',
      thread: seat.name,
      state: 'running',
      incarnation: seat.incarnationBase,
      restarts: 0,
      mailbox: { length: writer.figures().queued, limit: 0, handled: writer.figures().segments, refused: 0 },
      last_crash: null,
      summary: { ...writer.figures() },
      children: []
    }),
    async drain() {},
    async stop() {
      for (const port of ports) port.close()
      await writer.close()
    },
    command(name, argument) {
      if (name === 'connect') return connect((argument as { port: MessagePort }).port)
      if (name === 'recover') return recover((argument as { thread: number }).thread)
      throw new Error(`the storage thread knows no command ${name}`)
    }
  }

  function connect(port: MessagePort): void {
    ports.add(port)
    port.on('close', () => ports.delete(port))
    port.on('message', (request: TableWriterRequest) => writer.handle(request, reply => port.postMessage(reply)))
  }

  function recover(thread: number): Promise<RecoveryReport> {
    return new Promise(resolve => {
      writer.handle({ kind: 'recover', id: 0, thread }, reply => {
        if (reply.kind === 'recovered') resolve(reply.report)
        else if (reply.kind === 'stalled') seat.log.error({ thread, code: reply.fault.code }, `recovery is delayed: ${reply.fault.detail}`)
      })
    })
  }
})
