/**
 * Which requests to look at when: numbers in slots of time. Adding is a push, and nothing has to be taken out
 * when a request ends before its time; whoever looks skips what is gone.
 * @see Varghese, Lauck: Hashed and hierarchical timing wheels (SOSP 1987)
 */
export class DeadlineWheel {
  readonly slotMs: number
  /** Each is made when it is first needed. */
  readonly #slots: (number[] | undefined)[]
  #lastSlot = -1

  /** @param slotMs how exact it is @param spanMs the furthest deadline; later ones are looked at after this time and added again */
  constructor(slotMs: number, spanMs: number) {
    this.slotMs = slotMs
    this.#slots = new Array<number[] | undefined>(Math.ceil(spanMs / slotMs) + 2).fill(undefined)
  }

  add(id: number, atMs: number, nowMs: number): void {
    const now = Math.floor(nowMs / this.slotMs)
    if (this.#lastSlot < 0) this.#lastSlot = now - 1
    const wanted = Math.ceil(atMs / this.slotMs)
    const slot = Math.min(Math.max(wanted, this.#lastSlot + 1), this.#lastSlot + this.#slots.length - 1) % this.#slots.length
    const waiting = this.#slots[slot]
    if (waiting === undefined) this.#slots[slot] = [id]
    else waiting.push(id)
  }

  /** What is due by now; each id once for each time it was added. */
  due(nowMs: number): readonly number[] {
    const now = Math.floor(nowMs / this.slotMs)
    if (this.#lastSlot < 0 || now <= this.#lastSlot) return none
    const due: number[] = []
    const slots = Math.min(now - this.#lastSlot, this.#slots.length)
    for (let step = 1; step <= slots; step++) {
      const slot = this.#slots[(this.#lastSlot + step) % this.#slots.length]
      if (slot === undefined || slot.length === 0) continue
      for (const id of slot) due.push(id)
      slot.length = 0
    }
    this.#lastSlot = now
    return due
  }
}

const none: readonly number[] = Object.freeze([])
