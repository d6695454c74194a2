import type { Terminal } from './terminal.ts'

/** Run `work` with a signal that the first SIGINT or SIGTERM aborts, so that it can end cleanly. */
export async function interruptible<T>(terminal: Terminal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const forget = terminal.onInterrupt(() => controller.abort())
  try {
    return await work(controller.signal)
  } finally {
    forget()
  }
}

/** `items` until the signal, also where the next one is long in coming. */
export async function* until<T>(signal: AbortSignal, items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  let stop = (): void => {}
  const onAbort = (): void => stop()
  signal.addEventListener('abort', onAbort)
  try {
    while (!signal.aborted) {
      const next = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        stop = () => resolve(undefined)
        iterator.next().then(resolve, reject)
      })
      if (next === undefined || next.done === true) return
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', onAbort)
    // A generator that waits for input would make us wait for it too.
    if (signal.aborted) void iterator.return?.().catch(() => {})
    else await iterator.return?.()
  }
}
