export type RestartVerdict = 'restart' | 'escalate'

/**
 * How often something may be restarted: more than `intensity` restarts within `periodMs` escalate to the supervisor above.
 * As in OTP, the restart that is being recorded counts, and one that is exactly `periodMs` old still does.
 * @see Erlang/OTP, supervisor.erl, add_restart/1 and in_period/2; Design Principles, "Maximum Restart Intensity"
 */
export class RestartWindow {
  readonly intensity: number
  readonly periodMs: number
  /** Ascending; never longer than intensity + 1. */
  #restartsMs: number[] = []

  constructor(intensity: number, periodMs: number) {
    if (!Number.isInteger(intensity) || intensity < 0)
      throw new RangeError(`intensity is a whole number of restarts from 0 up, not ${intensity}`)
    if (!(periodMs > 0) || !Number.isFinite(periodMs)) throw new RangeError(`a period has more than 0 ms, not ${periodMs}`)
    this.intensity = intensity
    this.periodMs = periodMs
  }

  /** @param nowMs of a clock that never goes back */
  record(nowMs: number): RestartVerdict {
    this.#forget(nowMs)
    this.#restartsMs.push(nowMs)
    if (this.#restartsMs.length <= this.intensity) return 'restart'
    // The ones that led here are kept, so that a supervisor that goes on all the same goes on escalating; more would never matter.
    if (this.#restartsMs.length > this.intensity + 1) this.#restartsMs.shift()
    return 'escalate'
  }

  /** Restarts that count at `nowMs`, the last `intensity` + 1 at most. */
  restartsWithin(nowMs: number): number {
    this.#forget(nowMs)
    return this.#restartsMs.length
  }

  #forget(nowMs: number): void {
    const since = nowMs - this.periodMs
    let old = 0
    while (old < this.#restartsMs.length && this.#restartsMs[old]! < since) old++
    if (old > 0) this.#restartsMs.splice(0, old)
  }
}

export function restartWindow(intensity: number, periodMs: number): RestartWindow {
  return new RestartWindow(intensity, periodMs)
}

/**
 * How long to wait before the next restart: at once for the first, then doubling from `baseMs` up to `maxMs`.
 * @param restartsInWindow restarts that count, the coming one included
 */
export function backoffMs(
  restartsInWindow: number,
  { baseMs, maxMs }: { readonly baseMs: number; readonly maxMs: number }
): number {
  if (restartsInWindow <= 1) return 0
  // Beyond 2^52 doubling says nothing new, and must not become Infinity × 0.
  return Math.min(maxMs, baseMs * 2 ** Math.min(restartsInWindow - 2, 52))
}
