/** How often each member passes on a piece of news, at log10 of the cluster's size. */
const spreadFactor = 4

/**
 * How often one member passes on a piece of news: enough that all hear of it, with probability near 1, whatever the cluster's size.
 * @see Das, Gupta, Motivala: SWIM (DSN 2002), section 4.1: λ log n
 */
export function spreadLimit(members: number): number {
  return spreadFactor * Math.ceil(Math.log10(members + 1))
}

/**
 * What there is to tell, by the uid that it is about: only that, since whoever tells it looks up what is so by then. What was told least
 * goes first. It holds each uid once, so it is never larger than the cluster.
 */
export class Dissemination {
  /** By how often they were told. */
  readonly #levels: Set<number>[] = []
  readonly #levelOf = new Map<number, number>()

  get size(): number {
    return this.#levelOf.size
  }

  /** There is news of that member: tell it from the beginning. */
  add(uid: number): void {
    this.forget(uid)
    this.#put(uid, 0)
  }

  forget(uid: number): void {
    const level = this.#levelOf.get(uid)
    if (level === undefined) return
    this.#levels[level]?.delete(uid)
    this.#levelOf.delete(uid)
  }

  /**
   * For one message: at most `count`, which count as told. What was told `limit` times is forgotten.
   * @returns the least told first; of those told equally often the oldest
   */
  take(count: number, limit: number): number[] {
    const taken: number[] = []
    for (const level of this.#levels) {
      for (const uid of level) {
        if (taken.length === count) break
        taken.push(uid)
      }
    }
    for (const uid of taken) {
      const told = (this.#levelOf.get(uid) ?? 0) + 1
      this.forget(uid)
      if (told < limit) this.#put(uid, told)
    }
    return taken
  }

  #put(uid: number, level: number): void {
    while (this.#levels.length <= level) this.#levels.push(new Set())
    this.#levels[level]?.add(uid)
    this.#levelOf.set(uid, level)
  }
}
