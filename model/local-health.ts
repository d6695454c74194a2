const worst = 8

/**
 * How much a host trusts its own eyes: 0 is well; each failure that may be its own raises it, each success lowers it. A host that is
 * slow itself sees others as dead, so it probes less often and waits longer, by the factor 1 + score.
 * @see Dadgar et al.: Lifeguard (DSN 2018), section IV-A
 */
export class LocalHealth {
  #score = 0

  get score(): number {
    return this.#score
  }

  add(points: number): void {
    this.#score = Math.max(0, Math.min(worst, this.#score + points))
  }

  scale(ms: number): number {
    return ms * (1 + this.#score)
  }
}
