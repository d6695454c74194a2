import type { Cancellable, Clock } from './clock.ts'

/** An event that waits for its time. */
class Event implements Cancellable {
  readonly at: number
  readonly sequence: number
  readonly host: HostClock
  run: (() => void) | undefined
  constructor(at: number, sequence: number, host: HostClock, run: () => void) {
    this.at = at
    this.sequence = sequence
    this.host = host
    this.run = run
  }
  cancel(): void {
    this.run = undefined
  }
}

/** One host's view of virtual time. Made by `VirtualClock.host`. */
export class HostClock implements Clock {
  readonly name: string
  /** Added to the wall time that this host sees: skew, or a jump. */
  wallOffsetMs = 0
  readonly #clock: VirtualClock
  #held: Event[] | undefined = undefined
  #ended = false

  constructor(clock: VirtualClock, name: string) {
    this.#clock = clock
    this.name = name
  }

  now(): number {
    return this.#clock.now()
  }

  wallMs(): number {
    return this.#clock.wallMs() + this.wallOffsetMs
  }

  after(delayMs: number, run: () => void): Cancellable {
    return this.#clock.schedule(delayMs, this, run)
  }

  defer(run: () => void): void {
    this.#clock.schedule(0, this, run)
  }

  get paused(): boolean {
    return this.#held !== undefined
  }

  /** Hold back this host's events, as SIGSTOP does: time goes on without it. */
  pause(): void {
    this.#held ??= []
  }

  /** What was held back happens now, in its order. */
  resume(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined) for (const event of held) if (event.run !== undefined) this.#clock.schedule(0, this, event.run)
  }

  /** Drop this host's events for ever, as `kill -9` does. A host that starts again takes a new clock. */
  end(): void {
    this.#ended = true
    this.#held = undefined
  }

  /** Whether an event may happen now; for the clock. */
  admit(event: Event): boolean {
    if (this.#ended) return false
    if (this.#held === undefined) return true
    this.#held.push(event)
    return false
  }
}

/**
 * Time that stands still until an event is due. Events of one instant happen in the order in which they were scheduled,
 * so the same program makes the same history.
 */
export class VirtualClock implements Clock {
  readonly #heap: Event[] = []
  /** Events of the present instant, in order; a queue with a moving head. */
  #soon: Event[] = []
  #soonHead = 0
  #now = 0
  #sequence = 0
  #events = 0
  readonly #wallStartMs: number
  readonly #own: HostClock

  /** @param wallStartMs the wall time at `now() = 0`; default 2025-01-01 */
  constructor(wallStartMs = 1_735_689_600_000) {
    this.#wallStartMs = wallStartMs
    this.#own = new HostClock(this, '')
  }

  /** A clock for one host, with skew, pause and end of its own. */
  host(name: string, wallOffsetMs = 0): HostClock {
    const host = new HostClock(this, name)
    host.wallOffsetMs = wallOffsetMs
    return host
  }

  now(): number {
    return this.#now
  }

  wallMs(): number {
    return this.#wallStartMs + this.#now
  }

  after(delayMs: number, run: () => void): Cancellable {
    return this.schedule(delayMs, this.#own, run)
  }

  defer(run: () => void): void {
    this.schedule(0, this.#own, run)
  }

  schedule(delayMs: number, host: HostClock, run: () => void): Cancellable {
    if (Number.isNaN(delayMs)) throw new RangeError('a delay is a number of milliseconds')
    const at = this.#now + Math.max(0, delayMs)
    const event = new Event(at, this.#sequence, host, run)
    this.#sequence += 1
    if (at <= this.#now) this.#soon.push(event)
    else this.#push(event)
    return event
  }

  /** Events that have happened. */
  get events(): number {
    return this.#events
  }

  /** Events that wait, cancelled ones included. */
  get waiting(): number {
    return this.#heap.length + this.#soon.length - this.#soonHead
  }

  /**
   * Let the next event happen, if it is due at `untilMs` at the latest.
   * @returns false where there was none
   */
  step(untilMs = Number.POSITIVE_INFINITY): boolean {
    const heap = this.#heap
    for (;;) {
      // What the heap holds for this instant was scheduled before what is in `soon`.
      const top = heap.length === 0 ? undefined : heap[0]
      let event: Event
      if (top !== undefined && top.at <= this.#now) event = this.#pop()
      else if (this.#soonHead < this.#soon.length) event = this.#shift()
      else if (top !== undefined && top.at <= untilMs) event = this.#pop()
      else return false
      const run = event.run
      if (run === undefined) continue
      if (event.at > this.#now) this.#now = event.at
      if (!event.host.admit(event)) continue
      event.run = undefined
      this.#events += 1
      run()
      return true
    }
  }

  /**
   * Let everything happen that is due until `untilMs`; then it is `untilMs`.
   * @param eventsMax a bound for programs that never rest
   * @returns events that happened
   */
  run(untilMs: number, eventsMax = Number.POSITIVE_INFINITY): number {
    const before = this.#events
    while (this.step(untilMs)) {
      if (this.#events - before >= eventsMax) return eventsMax
    }
    this.#now = Math.max(this.#now, untilMs)
    return this.#events - before
  }

  /** Let everything happen that is due within `ms` from now. */
  advance(ms: number): number {
    return this.run(this.#now + ms)
  }

  #shift(): Event {
    const event = this.#soon[this.#soonHead]!
    this.#soonHead += 1
    if (this.#soonHead === this.#soon.length) {
      this.#soon = []
      this.#soonHead = 0
    } else if (this.#soonHead >= 4096) {
      this.#soon = this.#soon.slice(this.#soonHead)
      this.#soonHead = 0
    }
    return event
  }

  #push(event: Event): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >>> 1
      const above = heap[parent]!
      if (above.at < event.at || (above.at === event.at && above.sequence < event.sequence)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  #pop(): Event {
    const heap = this.#heap
    const top = heap[0]!
    const last = heap.pop()!
    const size = heap.length
    if (size > 0) {
      let index = 0
      for (;;) {
        let child = 2 * index + 1
        if (child >= size) break
        let below = heap[child]!
        const right = heap[child + 1]
        if (right !== undefined && (right.at < below.at || (right.at === below.at && right.sequence < below.sequence))) {
          child += 1
          below = right
        }
        if (last.at < below.at || (last.at === below.at && last.sequence < below.sequence)) break
        heap[index] = below
        index = child
      }
      heap[index] = last
    }
    return top
  }
}
