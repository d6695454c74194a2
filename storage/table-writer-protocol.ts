import type { Fault } from '../model/fault.ts'
import type { SealedSegment } from './commit-log-owner.ts'

/** What a thread may ask of the table writer. `id` is the asker's own and comes back in each reply. */
export type TableWriterRequest =
  /** Move a sealed segment to the table; then keep its file as a spare, or delete it. */
  | { readonly kind: 'seal'; readonly id: number; readonly path: string; readonly bytes: number; readonly recycle: boolean }
  /** Move what a thread that died has left, and delete it. */
  | { readonly kind: 'recover'; readonly id: number; readonly thread: number }

export type TableWriterReply =
  /** The segment is in the table, durably. `spare`: the file that may be written over. */
  | { readonly kind: 'applied'; readonly id: number; readonly spare: string | undefined }
  /** It could not be done yet; it is tried again, without end. */
  | { readonly kind: 'stalled'; readonly id: number; readonly fault: Fault }
  | { readonly kind: 'recovered'; readonly id: number; readonly report: RecoveryReport }

/** What recovery found in the segments that were left over. */
export interface RecoveryReport {
  readonly segments: number
  readonly batches: number
  readonly entries: number
  /** Segments whose end was cut off in mid-batch: the batch was never acknowledged. */
  readonly tornTails: number
  /** What was damaged elsewhere: which file, where, how much was left out. The intact batches around it were applied. */
  readonly damage: readonly string[]
}

/** A data thread's way to the table writer. */
export interface TableWriterPort {
  /**
   * @param told called with the fault each time the attempt fails, and once without one when the segment is in the table
   */
  seal(segment: SealedSegment, recycle: boolean, told: (fault: Fault | undefined, spare: string | undefined) => void): void
}

/** The way to the table writer for whoever supervises data threads. */
export interface TableWriterClient extends TableWriterPort {
  /**
   * Move what a thread that died has left to the table: after its exit, before its replacement opens its store.
   * @param stalled called each time the attempt fails; it is made again until it succeeds
   */
  recover(thread: number, stalled?: (fault: Fault) => void): Promise<RecoveryReport>
}

/** The part of a MessagePort (of node:worker_threads) that is used. */
export interface MessageTransport {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: any) => void): unknown
}

/** The asker's end of `port`; the other end is the table writer's. */
export function connectTableWriter(port: MessageTransport): TableWriterClient {
  const waiting = new Map<number, (reply: TableWriterReply) => void>()
  let ids = 0
  port.on('message', (reply: TableWriterReply) => {
    const told = waiting.get(reply.id)
    if (reply.kind !== 'stalled') waiting.delete(reply.id)
    told?.(reply)
  })
  return {
    seal(segment, recycle, told) {
      const id = ++ids
      waiting.set(id, reply => {
        if (reply.kind === 'stalled') told(reply.fault, undefined)
        else if (reply.kind === 'applied') told(undefined, reply.spare)
      })
      const request: TableWriterRequest = { kind: 'seal', id, path: segment.path, bytes: segment.bytes, recycle }
      port.postMessage(request)
    },
    recover(thread, stalled) {
      const id = ++ids
      return new Promise(resolve => {
        waiting.set(id, reply => {
          if (reply.kind === 'stalled') stalled?.(reply.fault)
          else if (reply.kind === 'recovered') resolve(reply.report)
        })
        const request: TableWriterRequest = { kind: 'recover', id, thread }
        port.postMessage(request)
      })
    }
  }
}
