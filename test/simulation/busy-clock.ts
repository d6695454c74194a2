import type { Cancellable, Clock } from '../../runtime/clock.ts'

interface Event {
  readonly atMs: number
  readonly sequence: number
  run: (() => void) | undefined
}

/** Virtual time of one thread on which work takes time: while it works, events wait, as they do on a processor. */
export class BusyClock implements Clock {
  #nowMs = 0
  #sequence = 0
  /** A binary heap: by time, and among equal ones in the order in which they came. */
  readonly #heap: Event[] = []

  now(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return 1_735_689_600_000 + this.#nowMs
  }

  /** What is under way takes so long. */
  spend(ms: number): void {
    this.#nowMs += ms
  }

  defer(run: () => void): void {
    this.at(this.#nowMs, run)
  }

  after(delayMs: number, run: () => void): Cancellable {
    return this.at(this.#nowMs + delayMs, run)
  }

  at(atMs: number, run: () => void): Cancellable {
    const event: Event = { atMs, sequence: this.#sequence++, run }
    const heap = this.#heap
    let at = heap.push(event) - 1
    for (let parent = (at - 1) >> 1; at > 0 && isBefore(event, heap[parent]!); parent = (at - 1) >> 1) {
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
    return {
      cancel: () => {
        event.run = undefined
      }
    }
  }

  run(untilMs: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#removeFirst()
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run?.()
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}
