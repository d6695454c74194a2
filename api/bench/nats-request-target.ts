import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { tokenUser } from '../client/client-options.ts'
import type { NatsEcho } from './nats-echo-thread.ts'
import { NatsAsker } from './nats-asker.ts'
import { OperationFailure, type Target } from './target.ts'

export interface NatsRequestOptions {
  readonly servers: readonly string[]
  readonly token?: string | undefined
}

/**
 * One request and its reply between two threads over the cluster's own nats-server: what latencies are held against. Whoever
 * answers does nothing but answer.
 */
export async function openNatsRequest({ servers, token }: NatsRequestOptions): Promise<Target> {
  const credentials = token === undefined || token === '' ? {} : { user: tokenUser, password: token }
  // One server for both: a route in between would be two hops more.
  const first = servers.slice(0, 1)
  const asker = await NatsAsker.connect({ servers: first, ...credentials })
  const subject = `_INBOX.${randomBytes(8).toString('hex')}.echo`
  let thread: Worker | undefined
  const close = async (): Promise<void> => {
    await thread?.terminate()
    await asker.close()
  }
  try {
    const workerData: NatsEcho = { servers: first, subject, ...credentials }
    thread = new Worker(new URL('./nats-echo-thread.js', import.meta.url), { workerData })
    // Rejects where the thread fails first.
    await once(thread, 'message')
  } catch (error) {
    await close()
    throw error
  }
  return {
    name: 'nats',
    version: asker.nc.info?.version ?? '',
    less: '',
    modes: [
      {
        name: '',
        promise: 'one request and its reply, nothing stored',
        request: async value => {
          const { data } = await asker.ask(subject, value)
          if (data.length !== value.length) throw new OperationFailure('wrong_answer', 'the echo has another size')
        }
      }
    ],
    // The hosts of the cluster are beside the point.
    processes: async () => [],
    close
  }
}
