/**
 * How long the head of a queue has waited, found out from without: marks go through the queue among all else, and the oldest one that
 * is still on its way tells since when what stands before it has been there. Never more than the truth; less by the time
 * between two marks at most. So no message needs to carry when it came.
 */
export class QueueWait {
  /** When each mark on its way was put in, a ring. */
  readonly #putAtMs: Float64Array
  #head = 0
  #underWay = 0

  /** @param marksMax marks that may be on their way at once; further ones are not wanted */
  constructor(marksMax: number) {
    this.#putAtMs = new Float64Array(marksMax)
  }

  get underWay(): number {
    return this.#underWay
  }

  /** Whether another mark may be put in. */
  get wantsMark(): boolean {
    return this.#underWay < this.#putAtMs.length
  }

  /** A mark is put in at the end of the queue. @param nowMs not less than before */
  put(nowMs: number): void {
    if (!this.wantsMark) throw new RangeError(`${this.#underWay} marks are on their way already`)
    this.#putAtMs[(this.#head + this.#underWay) % this.#putAtMs.length] = nowMs
    this.#underWay++
  }

  /** The mark that was put in at that time has come through. Earlier ones that have not were lost: the queue was full. */
  came(putAtMs: number): void {
    while (this.#underWay > 0 && this.#oldestMs <= putAtMs) {
      this.#head = (this.#head + 1) % this.#putAtMs.length
      this.#underWay--
    }
  }

  /** What leaves the queue now has waited for at least so long; 0 where no mark is behind it. */
  waitedMs(nowMs: number): number {
    return this.#underWay === 0 ? 0 : Math.max(0, nowMs - this.#oldestMs)
  }

  get #oldestMs(): number {
    return this.#putAtMs[this.#head] as number
  }
}
