import { performance } from 'node:perf_hooks'

/** Long work in slices: the event loop has its turn after each. */
export class Turn {
  readonly #sliceMs: number
  #began = performance.now()

  /** @param sliceMs how long one slice may take */
  constructor(sliceMs = 4) {
    this.#sliceMs = sliceMs
  }

  get isOver(): boolean {
    return performance.now() - this.#began > this.#sliceMs
  }

  /** Resolves in a later turn of the event loop. */
  next(): Promise<void> {
    return new Promise(resolve => {
      setImmediate(() => {
        this.#began = performance.now()
        resolve()
      })
    })
  }
}
