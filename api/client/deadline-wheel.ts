import type { Cancellable, Clock } from '../../runtime/clock.ts'

/** Width of a slot: how late a deadline may come. */
const slotMs = 8
/** A power of two. What lies beyond the last slot goes round again. */
const slots = 512

/** What can wait in a wheel: extend it. The fields are the wheel's. */
export abstract class Waiting {
  dueMs = 0
  slot = -1
  previous: Waiting | undefined = undefined
  next: Waiting | undefined = undefined
}

/**
 * Deadlines of many requests on one timer. Adding and removing cost no allocation, and nothing of what was removed is kept.
 * An entry falls due at `dueMs` or up to two slots later, never before.
 * @see Varghese, Lauck: Hashed and Hierarchical Timing Wheels (SOSP 1987), scheme 6
 */
export class DeadlineWheel<E extends Waiting> {
  readonly #clock: Clock
  readonly #onDue: (entry: E) => void
  readonly #heads: (Waiting | undefined)[] = new Array<Waiting | undefined>(slots).fill(undefined)
  #count = 0
  /** All slots up to this number were looked at. */
  #passed: number
  /** The slot that the timer waits for. */
  #armedFor = Number.POSITIVE_INFINITY
  #timer: Cancellable | undefined = undefined

  constructor(clock: Clock, onDue: (entry: E) => void) {
    this.#clock = clock
    this.#onDue = onDue
    this.#passed = Math.floor(clock.now() / slotMs)
  }

  /** Entries that wait. */
  get size(): number {
    return this.#count
  }

  /** @param entry one that waits nowhere */
  add(entry: E, dueMs: number): void {
    // A slot that was passed already is not looked at again before the wheel has gone round.
    const number = Math.max(Math.ceil(dueMs / slotMs), this.#passed + 1)
    const slot = number & (slots - 1)
    const head = this.#heads[slot]
    entry.dueMs = dueMs
    entry.slot = slot
    entry.next = head
    if (head !== undefined) head.previous = entry
    this.#heads[slot] = entry
    this.#count += 1
    if (number < this.#armedFor) this.#arm(number)
  }

  /** Without effect where it does not wait. */
  remove(entry: E): void {
    if (entry.slot < 0) return
    const { previous, next } = entry
    if (previous === undefined) this.#heads[entry.slot] = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    entry.slot = -1
    entry.previous = undefined
    entry.next = undefined
    this.#count -= 1
  }

  /** Forget the timer; nothing falls due any more. */
  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    // No slot is earlier, so nothing arms the timer again.
    this.#armedFor = Number.NEGATIVE_INFINITY
  }

  #arm(number: number): void {
    this.#timer?.cancel()
    this.#armedFor = number
    this.#timer = this.#clock.after(number * slotMs - this.#clock.now(), () => this.#turn())
  }

  #turn(): void {
    const nowMs = this.#clock.now()
    const number = Math.floor(nowMs / slotMs)
    const due: E[] = []
    for (let each = Math.max(this.#passed + 1, number - slots + 1); each <= number; each += 1) {
      for (let entry = this.#heads[each & (slots - 1)]; entry !== undefined; ) {
        const { next } = entry
        if (entry.dueMs <= nowMs) {
          this.remove(entry as E)
          due.push(entry as E)
        }
        entry = next
      }
    }
    this.#passed = number
    this.#armedFor = Number.POSITIVE_INFINITY
    this.#timer = undefined
    // What one of them has put back waits again.
    for (const entry of due) if (entry.slot < 0) this.#onDue(entry)
    if (this.#count === 0) return
    for (let each = number + 1; each <= number + slots; each += 1) {
      if (this.#heads[each & (slots - 1)] === undefined) continue
      if (each < this.#armedFor) this.#arm(each)
      return
    }
  }
}
