/** Sums of fractions of tokens come to a little less than they should. */
const almostOne = 1 - 1e-9

/**
 * A rate limit: a bucket that holds `burst` tokens at most and gains `perSecond` of them each second; each request takes one.
 * @see Turner: New Directions in Communications (1986): the leaky bucket as a meter
 */
export class TokenBucket {
  readonly perSecond: number
  readonly burst: number
  #tokens: number
  #atMs: number

  /** Full at first. @param perSecond > 0 @param burst ≥ 1, so that one request is ever possible */
  constructor(perSecond: number, burst: number, nowMs: number) {
    if (!(perSecond > 0) || !(burst >= 1)) throw new RangeError(`no rate: ${perSecond} a second, ${burst} at once`)
    this.perSecond = perSecond
    this.burst = burst
    this.#tokens = burst
    this.#atMs = nowMs
  }

  /** @returns 0 where the request may pass; else in how many milliseconds one may, and none is taken */
  take(nowMs: number): number {
    if (nowMs > this.#atMs) {
      this.#tokens = Math.min(this.burst, this.#tokens + ((nowMs - this.#atMs) * this.perSecond) / 1000)
      this.#atMs = nowMs
    }
    if (this.#tokens >= almostOne) {
      this.#tokens = Math.max(0, this.#tokens - 1)
      return 0
    }
    return Math.max(1, Math.ceil(((1 - this.#tokens) * 1000) / this.perSecond))
  }

  /** Whether it makes no difference to forget it: it would be full by now. */
  isFull(nowMs: number): boolean {
    return this.#tokens + ((nowMs - this.#atMs) * this.perSecond) / 1000 >= this.burst
  }
}
