import type { Message } from '../bus/bus.ts'
import type { Cancellable, Clock } from './clock.ts'

/** Whoever owns timers: a list of them hangs on it, so that all can be dropped at once. */
export interface TimerOwner {
  timers: Timer | undefined
  timersHeld: number
  /** A timer is due. It stays cancellable until its message is handled. */
  due(timer: Timer): void
}

/** One timer. It lies in the heap by time, in the slots by number, and in its owner's list. */
export class Timer {
  readonly at: number
  readonly sequence: number
  readonly message: Message
  owner: TimerOwner | undefined
  id = 0
  heapIndex = -1
  before: Timer | undefined = undefined
  behind: Timer | undefined = undefined
  constructor(at: number, sequence: number, owner: TimerOwner, message: Message) {
    this.at = at
    this.sequence = sequence
    this.owner = owner
    this.message = message
  }
}

/** A timer's number is slot + generation × this, so that the number of a past timer never means another one. */
const slotsMax = 2 ** 22

/**
 * The timers of a thread's actors: one binary heap over one timer of the clock. Adding one that is later than most
 * takes constant time; cancelling frees it at once.
 */
export class Timers {
  readonly #clock: Clock
  readonly #heap: Timer[] = []
  readonly #slots: (Timer | undefined)[] = []
  readonly #generations: number[] = []
  readonly #free: number[] = []
  #sequence = 0
  #armed: Cancellable | undefined = undefined
  #armedAt = Number.POSITIVE_INFINITY
  readonly #fire = (): void => this.#onClock()
  readonly #fired: () => void

  /** @param fired called after timers were handed to their owners */
  constructor(clock: Clock, fired: () => void) {
    this.#clock = clock
    this.#fired = fired
  }

  /** Timers that wait for their time. */
  get waiting(): number {
    return this.#heap.length
  }

  /** @returns the timer's number, never 0 */
  add(owner: TimerOwner, delayMs: number, message: Message): number {
    if (!(delayMs >= 0)) throw new RangeError(`a delay is 0 or more milliseconds, not ${delayMs}`)
    const timer = new Timer(this.#clock.now() + delayMs, this.#sequence, owner, message)
    this.#sequence += 1
    let slot = this.#free.pop()
    if (slot === undefined) {
      slot = this.#slots.length
      if (slot >= slotsMax) throw new RangeError(`this thread has ${slotsMax} timers already`)
      this.#slots.push(timer)
      this.#generations.push(1)
    } else {
      this.#slots[slot] = timer
    }
    timer.id = slot + this.#generations[slot]! * slotsMax
    timer.behind = owner.timers
    if (owner.timers !== undefined) owner.timers.before = timer
    owner.timers = timer
    owner.timersHeld += 1
    this.#up(timer, this.#heap.length)
    if (timer.at < this.#armedAt) this.#arm(timer.at)
    return timer.id
  }

  /** Without effect where it was handled or cancelled before, or is another one's. */
  cancel(owner: TimerOwner, id: number): void {
    const timer = this.#slots[id % slotsMax]
    if (timer !== undefined && timer.id === id && timer.owner === owner) this.release(timer)
  }

  /** Let go of a timer: it was cancelled, or its message is about to be handled. */
  release(timer: Timer): void {
    const owner = timer.owner
    if (owner === undefined) return
    timer.owner = undefined
    owner.timersHeld -= 1
    if (timer.before === undefined) owner.timers = timer.behind
    else timer.before.behind = timer.behind
    if (timer.behind !== undefined) timer.behind.before = timer.before
    timer.before = undefined
    timer.behind = undefined
    const slot = timer.id % slotsMax
    this.#slots[slot] = undefined
    this.#generations[slot] = (this.#generations[slot]! + 1) % (2 ** 31 - 1)
    this.#free.push(slot)
    if (timer.heapIndex >= 0) this.#remove(timer)
  }

  /** Drop all that `owner` has. */
  dropAll(owner: TimerOwner): void {
    while (owner.timers !== undefined) this.release(owner.timers)
  }

  /** Let go of the clock. */
  close(): void {
    this.#armed?.cancel()
    this.#armed = undefined
    this.#armedAt = Number.POSITIVE_INFINITY
  }

  #onClock(): void {
    this.#armed = undefined
    this.#armedAt = Number.POSITIVE_INFINITY
    const now = this.#clock.now()
    let any = false
    for (let top = this.#heap[0]; top !== undefined && top.at <= now; top = this.#heap[0]) {
      this.#remove(top)
      top.owner?.due(top)
      any = true
    }
    const next = this.#heap[0]
    if (next !== undefined && next.at < this.#armedAt) this.#arm(next.at)
    if (any) this.#fired()
  }

  #arm(at: number): void {
    this.#armed?.cancel()
    this.#armedAt = at
    this.#armed = this.#clock.after(Math.max(0, at - this.#clock.now()), this.#fire)
  }

  #remove(timer: Timer): void {
    const index = timer.heapIndex
    timer.heapIndex = -1
    const last = this.#heap.pop()!
    if (last === timer) return
    // Reading at -1 >>> 1 would be answered with undefined, and cost the optimised code each time.
    if (index > 0 && earlier(last, this.#heap[(index - 1) >>> 1]!)) this.#up(last, index)
    else this.#down(last, index)
  }

  #up(timer: Timer, from: number): void {
    const heap = this.#heap
    let index = from
    while (index > 0) {
      const above = (index - 1) >>> 1
      const parent = heap[above]!
      if (earlier(parent, timer)) break
      heap[index] = parent
      parent.heapIndex = index
      index = above
    }
    heap[index] = timer
    timer.heapIndex = index
  }

  #down(timer: Timer, from: number): void {
    const heap = this.#heap
    const size = heap.length
    let index = from
    for (;;) {
      let child = 2 * index + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && earlier(heap[right]!, heap[child]!)) child = right
      const below = heap[child]!
      if (earlier(timer, below)) break
      heap[index] = below
      below.heapIndex = index
      index = child
    }
    heap[index] = timer
    timer.heapIndex = index
  }
}

function earlier(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}
