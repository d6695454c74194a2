import type { DotClock } from './store.ts'

/** What a data thread mints dots with, as `HostIdentity.takeEpoch` gives it; plain data, so that it can be sent to the thread. */
export interface Epoch {
  /** uid × 2^20 + epoch */
  readonly vnode: number
  /** The last counter that was given out. */
  readonly counter: number
}

/** Counts in memory: after a stop that was not clean its epoch is never used again, so nothing need be written down. */
export class CountingDotClock implements DotClock {
  readonly vnode: number
  #counter: number

  constructor(epoch: Epoch) {
    this.vnode = epoch.vnode
    this.#counter = epoch.counter
  }

  next(): number {
    return ++this.#counter
  }

  /** The last counter given out: to be handed to `closeIdentity` at a clean stop, when `next` is called no more. */
  get counter(): number {
    return this.#counter
  }
}
