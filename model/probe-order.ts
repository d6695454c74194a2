/**
 * Whom to probe next: everyone once, in an order of chance, then anew in another order. So the time until a dead member is probed is
 * bounded, and no two hosts probe in step.
 * @see Das, Gupta, Motivala: SWIM (DSN 2002), section 4.3
 */
export class ProbeOrder {
  #order: number[] = []
  #at = 0

  /** A newcomer comes somewhere into the order. @param draw 0 ≤ draw < 1 */
  add(uid: number, draw: number): void {
    this.#order.splice(Math.floor(draw * (this.#order.length + 1)), 0, uid)
  }

  /**
   * @param isWanted whom it rejects is passed over this time
   * @param isMember whom it rejects is forgotten
   * @param random 0 ≤ x < 1, each time another
   * @returns undefined where nobody is wanted
   */
  next(isWanted: (uid: number) => boolean, isMember: (uid: number) => boolean, random: () => number): number | undefined {
    for (let tries = 0; tries <= this.#order.length; tries++) {
      if (this.#at >= this.#order.length) this.#shuffle(isMember, random)
      const uid = this.#order[this.#at++]
      if (uid !== undefined && isWanted(uid)) return uid
    }
    return undefined
  }

  /** Any one of them. @param draw 0 ≤ draw < 1 @returns undefined where there is none */
  any(draw: number): number | undefined {
    return this.#order[Math.floor(draw * this.#order.length)]
  }

  #shuffle(isMember: (uid: number) => boolean, random: () => number): void {
    this.#at = 0
    this.#order = this.#order.filter(isMember)
    for (let last = this.#order.length - 1; last > 0; last--) {
      const other = Math.floor(random() * (last + 1))
      const held = this.#order[last] as number
      this.#order[last] = this.#order[other] as number
      this.#order[other] = held
    }
  }
}
