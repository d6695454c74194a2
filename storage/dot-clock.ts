import { type DotClock, type RetiredId, retiredMs } from './store.ts'

/** What a data thread mints dots with, as `HostIdentity.takeEpoch` gives it; plain data, so that it can be sent to the thread. */
export interface Epoch {
  /** uid × 2^20 + epoch */
  readonly vnode: number
  /** The last counter that was given out. */
  readonly counter: number
}

export interface DotClockOptions {
  /** `Store.failures` of the thread's store. */
  readonly failures: () => number
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Take a new epoch, on the disk before it is handed over, in a later turn. Tries until it succeeds. */
  readonly renew: (take: (epoch: Epoch) => void) => void
}

/** Ids given up in that time; then the one at hand stays until the oldest is over. */
const retiredMax = 64

const nothingFails: DotClockOptions = { failures: () => 0, now: () => 0, renew: () => {} }

/** Counts in memory: after a stop that was not clean its epoch is never used again, so nothing need be written down. */
export class CountingDotClock implements DotClock {
  readonly #options: DotClockOptions
  #vnode: number
  #counter: number
  /** `failures` when the present epoch began. */
  #failures: number
  #isAbandoned = false
  #isRenewing = false
  readonly #retired: RetiredId[] = []

  /** @param options left out: of a store that never fails */
  constructor(epoch: Epoch, options: DotClockOptions = nothingFails) {
    this.#options = options
    this.#vnode = epoch.vnode
    this.#counter = epoch.counter
    this.#failures = options.failures()
  }

  get vnode(): number {
    return this.#vnode
  }

  next(): number {
    return ++this.#counter
  }

  /** Also to be handed to `closeIdentity` at a clean stop, when `next` is called no more, and if it `isWhole`. */
  get counter(): number {
    return this.#counter
  }

  get isWhole(): boolean {
    return !this.#isAbandoned && this.#options.failures() === this.#failures
  }

  get retired(): readonly RetiredId[] {
    return this.#retired
  }

  abandon(): void {
    this.#isAbandoned = true
    this.#renew()
  }

  recovered(): void {
    if (!this.isWhole) this.#renew()
  }

  #renew(): void {
    if (this.#isRenewing) return
    const nowMs = this.#options.now()
    while (this.#retired.length > 0 && nowMs - this.#retired[0]!.atMs > retiredMs) this.#retired.shift()
    if (this.#retired.length >= retiredMax) return
    this.#isRenewing = true
    this.#options.renew(epoch => {
      this.#isRenewing = false
      this.#retired.push({ vnode: this.#vnode, atMs: this.#options.now() })
      this.#vnode = epoch.vnode
      this.#counter = epoch.counter
      this.#failures = this.#options.failures()
      this.#isAbandoned = false
    })
  }
}
