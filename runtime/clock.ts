/** Time, as the runtime sees it: the machine's, or a simulation's. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary zero; never goes back. */
  now(): number
  /** Milliseconds since 1970, as far as this host knows. May jump. */
  wallMs(): number
  /** Run `run` once, `delayMs` from now or a little later. */
  after(delayMs: number, run: () => void): Cancellable
  /** Run `run` soon: after what is under way, and after the events that wait already. */
  defer(run: () => void): void
}

export interface Cancellable {
  /** Without effect once it has run. */
  cancel(): void
}
