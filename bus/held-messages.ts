import { limits } from '../model/limits.ts'
import type { Ref } from './bus.ts'

/** A message for which there is no credit yet, encoded. */
interface Held {
  readonly bytes: Buffer
  readonly replyTo: Ref | undefined
  /** Then nobody waits for it any more. */
  readonly untilMs: number
}

/** Messages to one thread that wait for credit, the oldest first. */
export class HeldMessages {
  #items: Held[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  /** @param budgetMs how long somebody waits for it; 0: that is not said */
  push(bytes: Buffer, replyTo: Ref | undefined, budgetMs: number, nowMs: number): void {
    const waitMs = budgetMs > 0 ? Math.min(budgetMs, limits.creditWaitMsMax) : limits.creditWaitMsMax
    this.#items.push({ bytes, replyTo, untilMs: nowMs + waitMs })
  }

  /** The oldest one's bytes, which stay here. */
  peek(): Buffer | undefined {
    return this.#items[this.#head]?.bytes
  }

  /** Away with the oldest. */
  shift(): Held | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#head++
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    return item
  }

  /** Whether the oldest has waited for as long as it may. */
  isOver(nowMs: number): boolean {
    const item = this.#items[this.#head]
    return item !== undefined && item.untilMs <= nowMs
  }
}
