import type { Cancellable, Clock } from './clock.ts'

/** setTimeout takes 32 bits; whoever waits longer is woken early and looks again. */
const delayMsMax = 0x7fff_ffff

class Timeout implements Cancellable {
  readonly #timeout: NodeJS.Timeout
  constructor(delayMs: number, run: () => void) {
    // Node cuts fractions off, so that a timer would come early.
    this.#timeout = setTimeout(run, Math.min(Math.ceil(delayMs), delayMsMax))
  }
  cancel(): void {
    clearTimeout(this.#timeout)
  }
}

/** The machine's time. `defer` comes after the input that has arrived, so that what came together is handled together. */
export const systemClock: Clock = Object.freeze({
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs: number, run: () => void) => new Timeout(delayMs, run),
  defer: (run: () => void) => {
    setImmediate(run)
  }
})
