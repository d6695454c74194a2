import type { TransferPace } from './ring-view.ts'

/** Less says nothing of how fast a host is. */
const measuredBytesMin = 64 * 1024

/** How fast a host may fetch what it gains, and how fast it did. Times are those of the thread's clock. */
export class TransferBudget {
  #pace: TransferPace | undefined
  /** Nothing is fetched before. */
  #dueMs = 0
  #bytes = 0
  #sinceMs = 0
  #heldMs = 0
  #measured = 0

  get bytes(): number {
    return this.#bytes
  }

  /** 0: it was never measured. */
  get measuredBytesPerSecond(): number {
    return Math.round(this.#measured)
  }

  /** @param pace undefined: as fast as it goes */
  allow(pace: TransferPace | undefined): void {
    if (pace?.bytesPerSecond !== this.#pace?.bytesPerSecond) this.#dueMs = 0
    this.#pace = pace
  }

  begin(nowMs: number): void {
    this.#bytes = 0
    this.#heldMs = 0
    this.#sinceMs = nowMs
  }

  end(nowMs: number): void {
    const tookMs = nowMs - this.#sinceMs - this.#heldMs
    if (this.#bytes >= measuredBytesMin && tookMs > 0) this.#measured = (this.#bytes * 1000) / tookMs
  }

  /** @returns milliseconds until the next page may be asked for; Infinity while all is paused */
  waitMs(nowMs: number): number {
    if (this.#pace?.isPaused === true) return Number.POSITIVE_INFINITY
    return Math.max(0, this.#dueMs - nowMs)
  }

  /** A page came. */
  moved(bytes: number, nowMs: number): void {
    this.#bytes += bytes
    const bytesPerSecond = this.#pace?.bytesPerSecond ?? 0
    if (bytesPerSecond === 0) return
    const beforeMs = Math.max(nowMs, this.#dueMs)
    this.#dueMs = beforeMs + (bytes * 1000) / bytesPerSecond
    this.#heldMs += this.#dueMs - beforeMs
  }
}
