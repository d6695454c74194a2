import { TokenBucket } from './token-bucket.ts'

/** Seconds' worth of requests that may come at once after a pause. */
const burstSeconds = 1

/**
 * Rate limits of many, by name. A name that has been quiet is forgotten, since its bucket is full again. Where `namesMax` are busy at
 * once, all further ones share one bucket: so the memory stays bounded, and nobody gets round the limit by ever new names.
 */
export class RateLimits {
  readonly #namesMax: number
  readonly #buckets = new Map<string, TokenBucket>()
  #shared: TokenBucket | undefined
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(namesMax: number) {
    this.#namesMax = namesMax
  }

  get size(): number {
    return this.#buckets.size
  }

  /**
   * A request under that name.
   * @param perSecond its limit now, > 0; where it is another than before, the bucket begins anew
   * @returns 0 where it may pass; else in how many milliseconds to try again
   */
  take(name: string, perSecond: number, nowMs: number): number {
    const bucket = this.#buckets.get(name)
    if (bucket?.perSecond === perSecond) return bucket.take(nowMs)
    if (bucket === undefined && this.#buckets.size >= this.#namesMax) {
      this.#sweep(nowMs)
      if (this.#buckets.size >= this.#namesMax) {
        if (this.#shared?.perSecond !== perSecond) this.#shared = bucketOf(perSecond, nowMs)
        return this.#shared.take(nowMs)
      }
    }
    const fresh = bucketOf(perSecond, nowMs)
    this.#buckets.set(name, fresh)
    return fresh.take(nowMs)
  }

  /** Forget those that are quiet; once a second at most, for it looks at all of them. */
  #sweep(nowMs: number): void {
    if (nowMs < this.#sweptAtMs + 1000) return
    this.#sweptAtMs = nowMs
    for (const [name, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(name)
  }
}

function bucketOf(perSecond: number, nowMs: number): TokenBucket {
  return new TokenBucket(perSecond, Math.max(1, perSecond * burstSeconds), nowMs)
}
