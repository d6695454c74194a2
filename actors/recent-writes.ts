import type { Ref } from '../bus/bus.ts'

/**
 * Which writes were begun not long ago, so that one whose message arrives twice is carried out once: a second dot would be a second
 * value, and could come up again after the first one was replaced. A request is known by whom it answers to.
 * Remembers the last `max` to twice as many.
 */
export class RecentWrites {
  readonly #max: number
  #young = new Set<string>()
  #old = new Set<string>()

  constructor(max: number) {
    this.#max = max
  }

  /** @returns false where it was begun before */
  begin(replyTo: Ref<never>): boolean {
    const id = idOf(replyTo)
    if (this.#young.has(id) || this.#old.has(id)) return false
    this.#young.add(id)
    if (this.#young.size >= this.#max) {
      this.#old = this.#young
      this.#young = new Set()
    }
    return true
  }

  /** It had no effect: the same request may be made again. */
  forget(replyTo: Ref<never>): void {
    const id = idOf(replyTo)
    if (!this.#young.delete(id)) this.#old.delete(id)
  }
}

function idOf({ address, incarnation, correlation }: Ref<never>): string {
  return `${correlation}/${incarnation}/${address}`
}
