import type { MessagePort } from 'node:worker_threads'
import type { Log } from '../runtime/log.ts'
import { systemClock } from '../runtime/system-clock.ts'
import type { Epoch } from '../storage/dot-clock.ts'

const retryMs = 1_000
/** Between two epochs of a thread: what breaks in the meantime breaks one of them, not many. */
const spacingMs = 2_000

type EpochAnswer = { readonly epoch: Epoch } | { readonly error: string }

/**
 * Main's end: a data thread that lives asks for another epoch.
 * @param take writes down that the epoch is used before it returns; throws where the disk does not take that
 */
export function serveEpochs(port: MessagePort, thread: string, take: () => Epoch, log: Log): void {
  const answer = (): EpochAnswer => {
    try {
      const epoch = take()
      log.warn(
        { thread, vnode: epoch.vnode },
        'a data thread begins a new epoch: this host lost a write of the old one, or gave it away with its partition'
      )
      return { epoch }
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) }
    }
  }
  port.on('message', () => port.postMessage(answer()))
  port.unref()
}

/** The data thread's end: what `CountingDotClock` is to be given as `renew`. Goes on asking until there is an epoch. */
export function epochSource(port: MessagePort, log: Log): (take: (epoch: Epoch) => void) => void {
  let waiting: ((epoch: Epoch) => void) | undefined
  let isTold = false
  let takenMs = Number.NEGATIVE_INFINITY
  port.on('message', (answer: EpochAnswer) => {
    if ('epoch' in answer) {
      const take = waiting
      waiting = undefined
      isTold = false
      takenMs = systemClock.now()
      return take?.(answer.epoch)
    }
    if (!isTold) log.error({ error: answer.error }, 'no new epoch can be written down; single dots are minted until then')
    isTold = true
    setTimeout(() => port.postMessage('take'), retryMs).unref()
  })
  port.unref()
  return take => {
    waiting = take
    const waitMs = takenMs + spacingMs - systemClock.now()
    if (waitMs <= 0) port.postMessage('take')
    else setTimeout(() => port.postMessage('take'), waitMs).unref()
  }
}
